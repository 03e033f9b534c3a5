//! Messages leave: one at a time, in order in each chat, by the rules of the moment; and a send in
//! doubt is treated as one.

use serde_json::{Value, json};
use switchboard::config::OnDoubt;

use crate::support::{Server, eventually};

both! {
    /// The next message of an account leaves when the one before is answered.
    async fn an_account_sends_one_at_a_time(on: On) {
        let server = Server::start(on).await;
        server.behave(json!({ "latency": 1000 })).await;
        for chat in 0..3 {
            send(&server, &format!("+1555010{chat}"), "hi").await;
        }
        for sent in 1..=3 {
            eventually("the next to leave", async || (calls(&server).await >= sent).then_some(())).await;
            // Time in which a second one would leave, were it not held back.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            assert_eq!(calls(&server).await, sent);
            server.clock.advance(1_000);
        }
        server.finish().await;
    }

    /// A message that must be tried again holds back those behind it, and other chats not at all.
    async fn order_in_a_chat_survives_a_retry(on: On) {
        let server = Server::start(on).await;
        server.plan(&["retry"]).await;
        send(&server, "+15550101", "first").await;
        server.drain().await;
        send(&server, "+15550101", "second").await;
        send(&server, "+15550102", "elsewhere").await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        assert_eq!(server.heard("+15550102").await, ["elsewhere"]);
        server.advance(10_000).await;
        assert_eq!(server.heard("+15550101").await, ["first", "second"]);
        server.finish().await;
    }

    /// With the channel's own code, and the chat goes on.
    async fn a_message_that_cannot_be_sent_is_an_error_and_the_chat_goes_on(on: On) {
        let server = Server::start(on).await;
        server.plan(&["fail"]).await;
        let first = send(&server, "+15550101", "first").await;
        send(&server, "+15550101", "second").await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["second"]);
        let first = message(&server, &first).await;
        assert_eq!(first["status"], "error", "{first}");
        assert!(first.to_string().contains("131051"), "{first}");
        server.finish().await;
    }

    /// What keeps failing ends as an error; nothing is left to try.
    async fn retries_end(on: On) {
        let server = Server::with(on, |config| config.outbox.attempts = 3).await;
        server.plan(&["retry"; 10]).await;
        let id = send(&server, "+15550101", "never").await;
        for _ in 0..5 {
            server.drain().await;
            server.advance(400_000).await;
        }
        assert_eq!(message(&server, &id).await["status"], "error");
        server.finish().await;
    }

    async fn a_reply_cancels_what_waited_for_none(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        for phone in ["+15550101", "+15550102"] {
            server.says(phone, "cancel-if-replied 60000 still there?").await;
        }
        server.says("+15550101", "echo yes").await;
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, ["yes"]);
        assert_eq!(server.heard("+15550102").await, ["still there?"]);
        server.finish().await;
    }

    async fn a_waiting_message_can_be_cancelled_and_a_sent_one_not(on: On) {
        let server = Server::start(on).await;
        let sent = send(&server, "+15550101", "sent").await;
        server.drain().await;
        let at = chrono::DateTime::from_timestamp_millis(server.clock.now() + 60_000).expect("a time").to_rfc3339();
        let body = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "x", "scheduleAt": at });
        let waiting = server.client.post("/api/v1/messages", body).await.ok();
        let waiting = waiting["id"].as_str().expect("an id");
        server.client.delete(&format!("/api/v1/messages/{waiting}")).await.ok();
        assert!(server.client.delete(&format!("/api/v1/messages/{sent}")).await.status.is_client_error());
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, ["sent"]);
        assert_eq!(message(&server, waiting).await["status"], "cancelled");
        server.finish().await;
    }

    /// The rules hold at the moment of sending: queued before, refused after.
    async fn who_opted_out_gets_nothing_more(on: On) {
        let server = Server::start(on).await;
        server.install("opt-out").await;
        server.install("probe").await;
        server.says("+15550101", "later 60000 an offer").await;
        server.says("+15550101", "STOP").await;
        let heard = server.heard("+15550101").await;
        assert_eq!(heard.len(), 1, "the confirmation alone: {heard:?}");
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, heard);
        let body = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "x" });
        let refused = server.client.post("/api/v1/messages", body).await;
        assert_eq!(refused.body["error"]["code"], "opted_out", "{}", refused.body);
        server.says("+15550101", "START").await;
        server.says("+15550101", "echo welcome back").await;
        assert_eq!(server.heard("+15550101").await.last().map(String::as_str), Some("welcome back"));
        server.finish().await;
    }

    /// The channel knows our id: sending again is safe, and delivers once.
    async fn where_the_channel_deduplicates_there_is_no_doubt(on: On) {
        for outcome in ["doubt-before-delivery", "doubt-after-delivery"] {
            let server = Server::start(on).await;
            server.plan(&[outcome]).await;
            let id = send(&server, "+15550101", "once").await;
            server.drain().await;
            server.advance(10_000).await;
            assert_eq!(server.heard("+15550101").await, ["once"], "{outcome}");
            assert!(!duplicate(&server, &id).await);
            server.finish().await;
        }
    }

    /// A status that carries our id vouches for it: no second send.
    async fn a_status_ends_the_doubt(on: On) {
        let server = Server::with(on, |config| config.sandbox.deduplicates = false).await;
        server.plan(&["doubt-after-delivery"]).await;
        let id = send(&server, "+15550101", "once").await;
        server.drain().await;
        server.advance(2_000).await;
        server.advance(600_000).await;
        assert_eq!(server.heard("+15550101").await, ["once"]);
        let message = message(&server, &id).await;
        assert_eq!(message["status"], "read", "{message}");
        assert!(!duplicate(&server, &id).await);
        server.finish().await;
    }

    /// Nobody vouches for it: after the window it is sent again, and says so. It holds its own chat
    /// meanwhile, and no other.
    async fn a_send_in_doubt_waits_then_is_sent_once_more_and_marked(on: On) {
        for (outcome, times) in [("doubt-before-delivery", 1), ("doubt-after-delivery", 2)] {
            let server = Server::with(on, |config| config.sandbox.deduplicates = false).await;
            server.behave(json!({ "receipts": "off", "plan": [{ "outcome": outcome }] })).await;
            let id = send(&server, "+15550101", "hello").await;
            server.drain().await;
            send(&server, "+15550101", "behind").await;
            send(&server, "+15550102", "elsewhere").await;
            server.advance(60_000).await;
            assert!(!server.heard("+15550101").await.contains(&"behind".to_owned()), "{outcome}");
            assert_eq!(server.heard("+15550102").await, ["elsewhere"]);
            server.advance(60_000).await;
            let mut wanted = vec!["hello"; times];
            wanted.push("behind");
            assert_eq!(server.heard("+15550101").await, wanted, "{outcome}");
            assert!(duplicate(&server, &id).await);
            server.finish().await;
        }
    }

    /// The other policy: rather lost and told than twice.
    async fn a_send_in_doubt_can_end_as_an_error(on: On) {
        let server = Server::with(on, |config| {
            config.sandbox.deduplicates = false;
            config.outbox.on_doubt = OnDoubt::Fail;
        })
        .await;
        server.behave(json!({ "receipts": "off", "plan": [{ "outcome": "doubt-before-delivery" }] })).await;
        let id = send(&server, "+15550101", "hello").await;
        server.drain().await;
        server.advance(120_000).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        assert_eq!(message(&server, &id).await["status"], "error");
        server.finish().await;
    }

    /// The account is closed when it is due: the message waits for it.
    async fn nothing_leaves_through_a_closed_account(on: On) {
        let server = Server::start(on).await;
        server.client.post(&format!("/sandbox/accounts/{}/close", server.account), Value::Null).await.ok();
        server.client.post("/api/v1/messages", json!({
            "account": server.account, "to": "+15550101", "type": "text", "text": "hi"
        })).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        server.stop().await;
    }
}

/// Send a text through the API; gives our id.
async fn send(server: &Server, to: &str, text: &str) -> String {
    let body = json!({ "account": server.account, "to": to, "type": "text", "text": text });
    let message = server.client.post("/api/v1/messages", body).await.ok();
    message["id"].as_str().expect("an id").to_owned()
}

async fn message(server: &Server, id: &str) -> Value {
    server.client.get(&format!("/api/v1/messages/{id}")).await.ok()
}

async fn duplicate(server: &Server, id: &str) -> bool {
    message(server, id).await["possibleDuplicate"] == true
}

async fn calls(server: &Server) -> usize {
    server.client.outgoing(&server.account).await.len()
}
