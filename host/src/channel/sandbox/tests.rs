//! What the network promises, with a host that only listens and a clock that stands still.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::model::{ChannelType, Inbound, Status};

const START: Millis = 1_700_000_000_000;

/// What a [`Host`] was told, in order.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Message(String),
    Receipt(String, Status, Millis),
    Account(AccountState, Option<String>),
}

/// An intake that remembers, and that refuses the next calls when told to.
#[derive(Default)]
struct Host {
    told: Mutex<Vec<Told>>,
    refuse: Mutex<u32>,
    heard: Notify,
}

impl Host {
    fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    fn receipts(&self) -> Vec<(String, Status)> {
        let receipt = |told| match told {
            Told::Receipt(id, status, _) => Some((id, status)),
            _ => None,
        };
        self.told().into_iter().filter_map(receipt).collect()
    }

    /// Wait until it was told so many things; fails rather than hangs.
    async fn wait(&self, count: usize) -> Vec<Told> {
        let enough = async {
            loop {
                let heard = self.heard.notified();
                if self.told().len() >= count {
                    return;
                }
                heard.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), enough).await;
        assert!(waited.is_ok(), "told only {:?}", self.told());
        self.told()
    }

    fn take(&self, told: Vec<Told>) -> anyhow::Result<()> {
        let mut refuse = self.refuse.lock().unwrap();
        let refused = *refuse > 0;
        *refuse = refuse.saturating_sub(1);
        if !refused {
            self.told.lock().unwrap().extend(told);
        }
        self.heard.notify_waiters();
        self.heard.notify_one();
        anyhow::ensure!(!refused, "not now");
        Ok(())
    }
}

#[async_trait]
impl Intake for Host {
    async fn receive(&self, items: Vec<Inbound>) -> anyhow::Result<()> {
        let told = |item| match item {
            Inbound::Message(message) => Told::Message(message.provider_id),
            Inbound::Status(status) => Told::Receipt(status.message_id, status.status, status.at),
        };
        self.take(items.into_iter().map(told).collect())
    }

    async fn account_changed(
        &self,
        _: &str,
        state: AccountState,
        _: &str,
        phone: Option<&str>,
    ) -> anyhow::Result<()> {
        self.take(vec![Told::Account(state, phone.map(str::to_owned))])
    }
}

struct Rig {
    clock: Clock,
    host: Arc<Host>,
    sandbox: Arc<Sandbox>,
    account: Account,
    folder: tempfile::TempDir,
}

fn rig(deduplicates: bool) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let sandbox = on(folder.path(), &clock, deduplicates);
    let account = Account {
        id: "acc_1".into(),
        team_id: "team_1".into(),
        channel: ChannelType::Sandbox,
        nickname: "Shop".into(),
        phone: "+15550100".into(),
        state: AccountState::Open,
        reason: String::new(),
        created_at: START,
    };
    Rig { clock, host: Arc::default(), sandbox, account, folder }
}

fn on(folder: &Path, clock: &Clock, deduplicates: bool) -> Arc<Sandbox> {
    let settings = config::Sandbox { deduplicates, ..config::Config::default().sandbox };
    Sandbox::new(settings, clock.clone(), &folder.join("sandbox.jsonl")).unwrap()
}

impl Rig {
    async fn send(&self, id: &str) -> Result<Sent, SendError> {
        let message = Outgoing {
            id: id.into(),
            to: "+15550199".into(),
            content: Content::text("hello"),
            reply_to: String::new(),
            typing: false,
            possible_duplicate: false,
        };
        self.sandbox.send(&self.account, &message).await
    }

    fn start(&self) {
        self.sandbox.start(self.host.clone());
    }

    fn plan(&self, outcome: Outcome, times: u32) {
        let planned = Planned {
            outcome,
            times,
            code: String::new(),
            message: String::new(),
            after: Some(250),
        };
        let plan = vec![planned];
        self.sandbox.set_behaviour("acc_1", Behaviour { plan, ..self.sandbox.default_behaviour() });
    }

    fn set_receipts(&self, receipts: Receipts) {
        self.sandbox
            .set_behaviour("acc_1", Behaviour { receipts, ..self.sandbox.default_behaviour() });
    }

    fn delivered(&self) -> Vec<String> {
        let records = self.sandbox.outgoing("acc_1", 0, 100).unwrap();
        records.into_iter().map(|record| record.message_id).collect()
    }

    /// The calls in the journal: message id, duplicate, outcome.
    fn journal(&self) -> Vec<(String, bool, Outcome)> {
        let mut calls = Vec::new();
        journal::read(&self.folder.path().join("sandbox.jsonl"), |line| {
            if let journal::Line::Call(record) = line {
                calls.push((record.message_id, record.duplicate, record.outcome));
            }
        })
        .unwrap();
        calls
    }

    /// What a kill and a new start do: nothing is kept but the journal.
    fn restart(&mut self) {
        let deduplicates = self.sandbox.deduplicates();
        self.sandbox = on(self.folder.path(), &self.clock, deduplicates);
    }
}

fn pair(id: &str, status: Status) -> (String, Status) {
    (id.to_owned(), status)
}

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

#[tokio::test]
async fn a_customer_s_message_is_accepted_only_once_the_host_has_it() {
    let rig = rig(true);
    let hello = || Incoming {
        from: "+15550199".into(),
        name: "Ana".into(),
        content: Content::text("hi"),
        reply_to: String::new(),
        provider_id: Some("wamid.1".into()),
    };
    rig.sandbox.incoming("acc_1", hello()).await.expect_err("not started");
    rig.start();
    *rig.host.refuse.lock().unwrap() = 1;
    rig.sandbox.incoming("acc_1", hello()).await.expect_err("the host refused");
    assert_eq!(rig.sandbox.incoming("acc_1", hello()).await.unwrap(), "wamid.1");
    assert_eq!(rig.host.told(), [Told::Message("wamid.1".into())]);
}

#[tokio::test]
async fn the_code_changes_until_the_network_gives_up() {
    let rig = rig(true);
    rig.start();
    rig.sandbox.open(&rig.account).await;
    rig.host.wait(1).await;
    let mut codes = std::collections::BTreeSet::new();
    let mut changes = rig.sandbox.changes();
    for shown in 0..5 {
        let (code, until) = rig.sandbox.qr("acc_1").expect("a code is shown");
        assert_eq!(until, START + 20_000 * (shown + 1));
        codes.insert(code);
        changes.mark_unchanged();
        rig.clock.advance(20_000);
        tokio::time::timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
    }
    assert_eq!(codes.len(), 5, "every code is a new one");
    let told = rig.host.wait(2).await;
    assert_eq!(
        told,
        [Told::Account(AccountState::Connecting, None), Told::Account(AccountState::Close, None)]
    );
    assert_eq!(rig.sandbox.qr("acc_1"), None);
    rig.sandbox.scan("acc_1", "+15550100").await.expect_err("too late");
}

#[tokio::test]
async fn a_scan_opens_the_account_under_its_number() {
    let rig = rig(true);
    rig.start();
    rig.sandbox.scan("acc_1", "+15550100").await.expect_err("nothing to scan yet");
    rig.sandbox.open(&rig.account).await;
    rig.sandbox.scan("acc_1", "+15550100").await.unwrap();
    let open = Told::Account(AccountState::Open, Some("+15550100".into()));
    assert_eq!(rig.host.told(), [Told::Account(AccountState::Connecting, None), open]);
    assert_eq!(rig.sandbox.qr("acc_1"), None);
}

#[tokio::test]
async fn opening_again_starts_anew_and_closing_ends_it() {
    let rig = rig(true);
    rig.start();
    rig.sandbox.open(&rig.account).await;
    let (first, _) = rig.sandbox.qr("acc_1").unwrap();
    rig.sandbox.open(&rig.account).await;
    assert_ne!(rig.sandbox.qr("acc_1").unwrap().0, first);
    rig.sandbox.close(&rig.account).await;
    assert_eq!(rig.sandbox.qr("acc_1"), None);
    assert!(rig.host.told().contains(&Told::Account(AccountState::Close, None)));
}

#[tokio::test]
async fn a_stopped_sandbox_lets_go_of_the_host() {
    let rig = rig(true);
    rig.start();
    rig.sandbox.open(&rig.account).await;
    rig.send("msg_1").await.unwrap();
    rig.host.wait(1).await;
    rig.sandbox.stop();
    let gone = async {
        while Arc::strong_count(&rig.host) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the tasks end with it");
}

#[tokio::test]
async fn a_customer_sees_typing_until_the_message_and_what_was_read() {
    let rig = rig(true);
    let read = Signal::Read("wamid.1".into());
    rig.sandbox.signal(&rig.account, "+15550199", &Signal::Typing).await.unwrap();
    rig.sandbox.signal(&rig.account, "+15550199", &read).await.unwrap();
    let seen = rig.sandbox.presence("acc_1", "+15550199");
    assert_eq!(seen, Presence { typing_until: START + TYPING, read: "wamid.1".into() });
    rig.send("msg_1").await.unwrap();
    assert_eq!(rig.sandbox.presence("acc_1", "+15550199").typing_until, 0);
}
