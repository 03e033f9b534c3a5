//! Sends, receipts and failures.

use super::*;

#[tokio::test]
async fn an_id_sent_twice_is_delivered_once_even_after_a_restart() {
    let mut rig = rig(true);
    let first = rig.send("msg_1").await.unwrap();
    assert_eq!(rig.send("msg_1").await.unwrap(), first);
    rig.restart();
    assert_eq!(rig.send("msg_1").await.unwrap(), first);
    assert_eq!(rig.delivered(), ["msg_1"]);
    let duplicates: Vec<bool> =
        rig.journal().into_iter().map(|(_, duplicate, _)| duplicate).collect();
    assert_eq!(duplicates, [false, true, true], "every call is in the journal");
}

#[tokio::test]
async fn without_deduplication_every_call_is_delivered() {
    let mut rig = rig(false);
    let first = rig.send("msg_1").await.unwrap();
    rig.restart();
    let second = rig.send("msg_1").await.unwrap();
    assert_ne!(first.provider_id, second.provider_id);
    assert_eq!(rig.delivered(), ["msg_1", "msg_1"]);
}

#[tokio::test]
async fn a_call_is_in_the_journal_before_its_answer_is_out() {
    let rig = rig(true);
    let slow = Behaviour { latency: 60_000, ..rig.sandbox.default_behaviour() };
    rig.sandbox.set_behaviour("acc_1", slow);
    let mut send = Box::pin(rig.send("msg_1"));
    assert!(futures_util::poll!(&mut send).is_pending());
    assert_eq!(rig.journal(), [("msg_1".to_owned(), false, Outcome::Delivered)]);
    rig.clock.advance(60_000);
    send.await.unwrap();
}

#[tokio::test]
async fn a_torn_last_line_is_passed_over_and_the_next_one_is_whole() {
    let mut rig = rig(true);
    rig.send("msg_1").await.unwrap();
    let path = rig.folder.path().join("sandbox.jsonl");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], br#"{"line":"call","seq":2,"#].concat()).unwrap();
    rig.restart();
    rig.send("msg_2").await.unwrap();
    rig.restart();
    assert_eq!(rig.delivered(), ["msg_1", "msg_2"]);
}

#[tokio::test]
async fn a_call_that_cannot_be_written_down_does_not_happen() {
    let rig = rig(true);
    rig.sandbox.shared.network().journal.refuse_writes();
    let refusal = rig.send("msg_1").await.unwrap_err();
    assert!(matches!(refusal, SendError::Retry { ref code, .. } if code == "journal"), "{refusal}");
    assert!(rig.sandbox.shared.network().take_due(Millis::MAX).is_empty(), "and owes no receipt");
}

#[tokio::test]
async fn receipts_come_in_order_at_their_times() {
    let rig = rig(true);
    rig.start();
    rig.send("msg_1").await.unwrap();
    rig.clock.advance(100);
    rig.send("msg_2").await.unwrap();
    rig.clock.advance(5_000);
    let expected = [
        Told::Receipt("msg_1".into(), Status::Delivered, START + 300),
        Told::Receipt("msg_2".into(), Status::Delivered, START + 400),
        Told::Receipt("msg_1".into(), Status::Read, START + 1_200),
        Told::Receipt("msg_2".into(), Status::Read, START + 1_300),
    ];
    assert_eq!(rig.host.wait(4).await, expected);
}

#[tokio::test]
async fn no_receipt_comes_before_its_time() {
    let rig = rig(true);
    rig.start();
    rig.send("msg_1").await.unwrap();
    rig.clock.advance(300);
    rig.host.wait(1).await;
    rig.clock.advance(899);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(rig.host.receipts(), [pair("msg_1", Status::Delivered)]);
    rig.clock.advance(1);
    rig.host.wait(2).await;
}

#[tokio::test]
async fn receipts_are_offered_until_the_host_takes_them() {
    let rig = rig(true);
    *rig.host.refuse.lock().unwrap() = 2;
    rig.start();
    rig.send("msg_1").await.unwrap();
    for _ in 0..20 {
        rig.clock.advance(5_000);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.host.wait(2).await;
    assert_eq!(
        rig.host.receipts(),
        [pair("msg_1", Status::Delivered), pair("msg_1", Status::Read)]
    );
}

#[tokio::test]
async fn a_restart_sends_the_receipts_still_owed_and_no_others() {
    let mut rig = rig(true);
    rig.start();
    rig.send("msg_1").await.unwrap();
    rig.clock.advance(300);
    rig.host.wait(1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    rig.restart();
    rig.clock.advance(10_000);
    rig.start();
    rig.host.wait(2).await;
    assert_eq!(
        rig.host.receipts(),
        [pair("msg_1", Status::Delivered), pair("msg_1", Status::Read)]
    );
}

#[tokio::test]
async fn receipts_may_be_off_doubled_or_out_of_order() {
    let rig = rig(true);
    rig.start();
    rig.set_receipts(Receipts::Off);
    rig.send("off").await.unwrap();
    rig.set_receipts(Receipts::Duplicated);
    rig.send("twice").await.unwrap();
    rig.set_receipts(Receipts::Reordered);
    rig.send("wild").await.unwrap();
    rig.clock.advance(5_000);
    rig.host.wait(6).await;
    let expected = [
        pair("twice", Status::Delivered),
        pair("twice", Status::Delivered),
        pair("wild", Status::Read),
        pair("twice", Status::Read),
        pair("twice", Status::Read),
        pair("wild", Status::Delivered),
    ];
    assert_eq!(rig.host.receipts(), expected);
}

#[tokio::test]
async fn refusals_come_as_planned_and_then_end() {
    let rig = rig(true);
    rig.plan(Outcome::Retry, 2);
    for _ in 0..2 {
        let refusal = rig.send("msg_1").await.unwrap_err();
        let expected = SendError::Retry {
            code: "130429".into(),
            message: "Rate limit hit".into(),
            after: Some(250),
        };
        assert_eq!(refusal, expected);
    }
    rig.send("msg_1").await.unwrap();
    rig.plan(Outcome::Fail, 1);
    assert!(
        matches!(rig.send("msg_2").await, Err(SendError::Fail { code, .. }) if code == "131051")
    );
    assert_eq!(rig.delivered(), ["msg_1"]);
    assert_eq!(rig.journal().len(), 4);
}

#[tokio::test]
async fn a_doubt_after_delivery_is_a_delivery_and_one_before_is_not() {
    for deduplicates in [true, false] {
        let rig = rig(deduplicates);
        rig.plan(Outcome::DoubtBeforeDelivery, 1);
        assert!(matches!(rig.send("before").await, Err(SendError::Doubt { .. })));
        assert!(rig.delivered().is_empty());
        rig.plan(Outcome::DoubtAfterDelivery, 1);
        assert!(matches!(rig.send("after").await, Err(SendError::Doubt { .. })));
        assert_eq!(rig.delivered(), ["after"]);
        rig.send("after").await.unwrap();
        assert_eq!(rig.delivered().len(), if deduplicates { 1 } else { 2 });
    }
}

#[tokio::test]
async fn what_the_network_took_and_could_not_deliver_ends_in_an_error_receipt() {
    let rig = rig(true);
    rig.start();
    rig.plan(Outcome::Undeliverable, 1);
    rig.send("msg_1").await.unwrap();
    rig.clock.advance(5_000);
    rig.host.wait(1).await;
    assert_eq!(rig.host.receipts(), [pair("msg_1", Status::Error)]);
    assert!(rig.delivered().is_empty());
}

#[tokio::test]
async fn a_closed_account_sends_nothing() {
    let mut rig = rig(true);
    rig.account.state = AccountState::Close;
    assert!(matches!(rig.send("msg_1").await, Err(SendError::Retry { .. })));
    assert!(rig.journal().is_empty());
}

#[tokio::test]
async fn the_window_s_past_is_read_from_the_journal() {
    let rig = rig(true);
    for n in 0..10_010 {
        rig.send(&format!("msg_{n}")).await.unwrap();
    }
    let first = rig.sandbox.outgoing("acc_1", 0, 20).unwrap();
    let ids: Vec<_> = first.iter().map(|record| record.message_id.as_str()).collect();
    assert_eq!((ids.len(), ids[0], ids[19]), (20, "msg_0", "msg_19"));
    let last = rig.sandbox.outgoing("acc_1", 10_005, 20).unwrap();
    assert_eq!(last.len(), 5);
}
