//! The queue of an account: what waits and why, answers first, quiet hours, days that are full, pause.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::Executor;
use switchboard::config::{RetryAction, RetryRule};

use crate::messages::send;
use crate::support::{Server, eventually};

/// The tests' clock stands on Monday at noon, UTC.
const HOUR: i64 = 3_600_000;

both! {
    /// A pause holds everything, is seen, outlives a restart, and ends when somebody says so.
    async fn a_pause_survives_a_restart(on: On) {
        let server = Server::start(on).await;
        assert_eq!(queue(&server, "/pause").await["stopped"], "paused");
        text(&server, "+15550101", "held").await;
        let server = server.restart().await;
        let (stranger, _) = server.another_team().await;
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        let seen = look(&server).await;
        assert_eq!((seen["paused"].as_bool(), seen["due"].as_i64()), (Some(true), Some(1)));
        let listed = server.client.get(&format!("/api/v1/accounts/{}/queue/messages", server.account)).await.ok();
        assert_eq!(listed["messages"].as_array().map(Vec::len), Some(1));
        for path in ["", "/messages"] {
            let path = format!("/api/v1/accounts/{}/queue{path}", server.account);
            assert_eq!(stranger.get(&path).await.refused(404), "not_found");
        }
        queue(&server, "/resume").await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["held"]);
        server.finish().await;
    }

    /// At night in the account's zone bulk and scheduled messages wait, in their order; what is sent
    /// now and what answers a customer leaves, past them in the same chat.
    async fn quiet_hours_hold_what_can_wait(on: On) {
        let server = Server::start(on).await;
        // Noon in UTC is 13:00 in Berlin; the night ends at 15:00 there.
        set(&server, json!({ "quietHours": { "from": "12:00", "to": "15:00", "timeZone": "Europe/Berlin" } })).await;
        let scheduled = |to: &str, text: &str, minute: u32| json!({
            "to": to, "type": "text", "text": text, "scheduleAt": format!("2026-01-05T12:{minute:02}:00Z")
        });
        send(&server, scheduled("+15550101", "second", 20)).await;
        send(&server, scheduled("+15550101", "first", 10)).await;
        server.says("+15550102", "quick!").await;
        send(&server, scheduled("+15550102", "an answer", 5)).await;
        server.advance(30 * 60_000).await;
        text(&server, "+15550101", "now").await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["now"]);
        assert_eq!(server.heard("+15550102").await, ["an answer"]);
        let seen = look(&server).await;
        assert_eq!(seen["held"], json!([{ "reason": "quiet_hours", "count": 2, "until": "2026-01-05T14:00:00.000Z" }]));
        server.advance(HOUR).await;
        assert_eq!(server.heard("+15550101").await, ["now"]);
        server.advance(HOUR / 2).await;
        assert_eq!(server.heard("+15550101").await, ["now", "first", "second"]);
        server.finish().await;
    }

    /// A new number sends few messages on its first day and more on each that follows; nothing is lost.
    async fn a_warm_up_grows_by_the_day(on: On) {
        let server = Server::start(on).await;
        set(&server, json!({ "warmUp": { "start": 2, "step": 1, "cap": 10 } })).await;
        for n in 0..8 {
            // Scheduled ones are taken whatever the day; they wait for a day with room.
            send(&server, json!({ "to": format!("+1555010{n}"), "type": "text", "text": "hi", "scheduleAt": "2026-01-05T12:00:01Z" })).await;
        }
        server.advance(1_000).await;
        assert_eq!(sent(&server).await, 2);
        assert_eq!(look(&server).await["held"][0]["reason"], "warm_up");
        server.advance(12 * HOUR).await;
        assert_eq!(sent(&server).await, 2 + 3);
        server.advance(24 * HOUR).await;
        assert_eq!(sent(&server).await, 8);
        server.finish().await;
    }

    /// A number's day ends at midnight, UTC: until then the API says so, and what was taken waits.
    async fn a_number_has_so_many_messages_a_day(on: On) {
        let server = Server::with(on, |config| config.limits.messages_per_day = 2).await;
        queue(&server, "/pause").await;
        for n in 0..3 {
            text(&server, "+15550101", &format!("{n}")).await;
        }
        queue(&server, "/resume").await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["0", "1"]);
        let body = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "too many" });
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = http.post(format!("{}/api/v1/messages", server.client.url)).bearer_auth(&server.client.key).json(&body).send().await.expect("an answer");
        let header = |name: &str| answer.headers()[name].to_str().expect("a number").to_owned();
        assert_eq!((header("x-ratelimit-limit"), header("x-ratelimit-remaining"), header("retry-after")), ("2".into(), "0".into(), "43200".into()));
        assert_eq!(header("x-ratelimit-reset"), "1767657600");
        assert_eq!(server.client.post("/api/v1/messages", body).await.refused(429), "daily_limit");
        let later = json!({ "to": "+15550101", "type": "text", "text": "later", "scheduleAt": "2026-01-06T01:00:00Z" });
        send(&server, later).await;
        server.advance(12 * HOUR).await;
        server.advance(HOUR).await;
        assert_eq!(server.heard("+15550101").await, ["0", "1", "2", "later"]);
        server.finish().await;
    }

    /// Answers go before what is one of many, and a chat keeps its order all the same.
    async fn answers_leave_before_bulk(on: On) {
        let server = Server::start(on).await;
        queue(&server, "/pause").await;
        let recipients: Vec<Value> = (1..=5).map(|n| json!({ "to": format!("+1555010{n}") })).collect();
        let bulk = json!({ "account": server.account, "pace": 60_000, "content": { "type": "text", "text": "news" }, "recipients": recipients });
        server.client.post("/api/v1/bulk", bulk).await.ok();
        server.drain().await;
        text(&server, "+15550109", "an answer").await;
        text(&server, "+15550101", "behind").await;
        queue(&server, "/resume").await;
        server.drain().await;
        let order: Vec<String> = server.client.outgoing(&server.account).await.iter()
            .map(|record| record["to"].as_str().expect("a number").to_owned()).collect();
        assert_eq!(order[0], "+15550109", "{order:?}");
        assert_eq!(server.heard("+15550101").await, ["news", "behind"]);
        server.finish().await;
    }

    /// By the channel's code: what it calls final is tried again, what it calls passing is given up.
    async fn rules_decide_about_retries(on: On) {
        let server = Server::with(on, |config| {
            let rule = |code: &str, action, wait| RetryRule { code: code.to_owned(), action, wait, attempts: Some(2) };
            config.outbox.rules = vec![rule("131051", RetryAction::Retry, Some(60_000)), rule("1304*", RetryAction::Fail, None)];
        })
        .await;
        server.plan(&["fail", "retry"]).await;
        text(&server, "+15550101", "once more").await;
        server.drain().await;
        let lost = text(&server, "+15550102", "given up").await;
        server.drain().await;
        assert_eq!(server.client.get(&format!("/api/v1/messages/{lost}")).await.ok()["error"]["code"], "130429");
        server.advance(30_000).await;
        assert_eq!(sent(&server).await, 0);
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, ["once more"]);
        server.finish().await;
    }

    /// All that waits goes, what was sent stays.
    async fn a_queue_is_cleared(on: On) {
        let server = Server::start(on).await;
        text(&server, "+15550101", "sent").await;
        server.drain().await;
        queue(&server, "/pause").await;
        for n in 0..3 {
            text(&server, "+15550101", &format!("{n}")).await;
        }
        let id = send(&server, json!({ "to": "+15550102", "type": "text", "text": "later", "scheduleAt": "2026-01-06T12:00:00Z" })).await;
        let path = format!("/api/v1/accounts/{}/queue", server.account);
        assert_eq!(server.client.delete(&path).await.ok(), json!({ "cancelled": 4 }));
        assert_eq!(server.client.get(&format!("/api/v1/messages/{id}")).await.ok()["status"], "cancelled");
        assert_eq!(look(&server).await["waiting"], 0);
        queue(&server, "/resume").await;
        server.finish().await;
    }

    /// On a channel that bears it so many leave at once and no more; a chat's messages still one by one.
    /// (A sandbox account stands in for one that may: it cannot be set so.)
    async fn many_in_flight_keep_the_order_of_each_chat(on: On) {
        let server = Server::start(on).await;
        let mut tx = server.house().store.begin().await.expect("a transaction");
        tx.execute("UPDATE account SET settings = '{\"inFlight\":3}'").await.expect("written");
        server.house().commit(tx).await.expect("committed");
        server.behave(json!({ "latency": 1_000, "receipts": "off" })).await;
        queue(&server, "/pause").await;
        for round in ["one", "two"] {
            for n in 1..=5 {
                text(&server, &format!("+1555010{n}"), round).await;
            }
        }
        queue(&server, "/resume").await;
        let (mut waves, mut left) = (0, 0);
        while left < 10 {
            eventually("the next to leave", async || (sent(&server).await > left).then_some(())).await;
            // Time in which one too many would leave, were it not held back.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            (waves, left) = (waves + 1, sent(&server).await);
            server.clock.advance(1_000);
        }
        let out = server.client.outgoing(&server.account).await;
        let mut at: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
        for record in &out {
            at.entry(record["at"].as_i64().expect("a time")).or_default().push(record["to"].as_str().expect("a number"));
        }
        assert_eq!(at.values().map(Vec::len).max(), Some(3), "{at:?}");
        for chats in at.values_mut() {
            chats.sort_unstable();
            let many = chats.len();
            chats.dedup();
            assert_eq!(chats.len(), many, "two of one chat at once: {chats:?}");
        }
        assert!(waves <= 5, "{waves}: {at:?}");
        for n in 1..=5 {
            assert_eq!(server.heard(&format!("+1555010{n}")).await, ["one", "two"]);
        }
        server.finish().await;
    }

    /// What a sandbox account cannot be set to, and what is no setting.
    async fn settings_are_checked(on: On) {
        let server = Server::start(on).await;
        let path = format!("/api/v1/accounts/{}/queue", server.account);
        for (body, word) in [
            (json!({ "inFlight": 2 }), "inFlight"),
            (json!({ "gap": -1 }), "gap"),
            (json!({ "gap": "1s" }), "gap"),
            (json!({ "quietHours": { "from": "25:00", "to": "08:00", "timeZone": "UTC" } }), "HH:MM"),
            (json!({ "quietHours": { "from": "22:00", "to": "08:00", "timeZone": "Berlin" } }), "IANA"),
            (json!({ "warmUp": { "start": 0, "step": 1, "cap": 5 } }), "warmUp"),
            (json!({ "speed": 1 }), "speed"),
        ] {
            let answer = server.client.put(&path, body.clone()).await;
            assert_eq!(answer.status.as_u16(), 400, "{body}");
            let said = answer.body["error"]["message"].as_str().expect("words").to_owned();
            assert!(said.contains(word) || body.get("gap").is_some(), "{said}");
        }
        let seen = set(&server, json!({ "gap": 1000, "inFlight": 1 })).await;
        assert_eq!(seen["settings"]["gap"], 1000);
        let (stranger, _) = server.another_team().await;
        assert_eq!(stranger.put(&path, json!({})).await.refused(404), "not_found");
        assert_eq!(stranger.delete(&path).await.refused(404), "not_found");
        server.finish().await;
    }
}

async fn text(server: &Server, to: &str, text: &str) -> String {
    send(server, json!({ "to": to, "type": "text", "text": text })).await
}

async fn look(server: &Server) -> Value {
    server.client.get(&format!("/api/v1/accounts/{}/queue", server.account)).await.ok()
}

async fn queue(server: &Server, what: &str) -> Value {
    server
        .client
        .post(&format!("/api/v1/accounts/{}/queue{what}", server.account), json!({}))
        .await
        .ok()
}

async fn set(server: &Server, settings: Value) -> Value {
    server.client.put(&format!("/api/v1/accounts/{}/queue", server.account), settings).await.ok()
}

async fn sent(server: &Server) -> usize {
    server.client.outgoing(&server.account).await.len()
}
