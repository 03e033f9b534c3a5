//! Customers, pairing and stopping.

use super::*;

#[tokio::test]
async fn a_customer_s_message_is_accepted_only_once_the_host_has_it() {
    let rig = rig(true);
    let hello = || Incoming {
        aliases: Vec::new(),
        from: "+15550199".into(),
        name: "Ana".into(),
        content: Content::text("hi"),
        reply_to: String::new(),
        referral: None,
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
