//! Effects are all or nothing, once: what a failed call did is gone, and what ended it is told.

use serde_json::Value;

use crate::support::{Client, Receiver, Server, with_manifest};

both! {
    /// Neither the message nor the state nor the timer of a call that broke off is left, at any attempt.
    async fn a_call_that_breaks_off_leaves_nothing(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        for text in ["partial", "partial-fail"] {
            server.says("+15550101", text).await;
            for _ in 0..5 {
                server.advance(120_000).await;
            }
        }
        server.says("+15550101", "get chat partial").await;
        server.says("+15550101", "timers").await;
        assert_eq!(server.heard("+15550101").await, ["none", "timers "]);
        let dead = dead_letters(&server.client).await;
        assert_eq!(dead.len(), 2);
        for letter in &dead {
            assert_eq!(letter["attempts"], 5, "{letter}");
            assert_eq!(letter["fault"], "exception", "{letter}");
            assert!(letter["reason"].as_str().is_some_and(|reason| reason.contains("as asked")), "{letter}");
        }
        server.finish().await;
    }

    /// What a call asks of others happens at once, under a key by which they can tell a repeat.
    async fn an_outgoing_request_carries_a_key_of_its_own(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        let allowed = format!("http://{}", receiver.host);
        server.install_bytes(with_manifest("probe", "http://127.0.0.1:9000", &allowed)).await;
        for _ in 0..2 {
            server.says("+15550101", &format!("http {}", receiver.url)).await;
        }
        assert_eq!(server.heard("+15550101").await, ["200 heard", "200 heard"]);
        let keys: Vec<String> = receiver.requests().iter().map(|it| it.header("idempotency-key").to_owned()).collect();
        assert!(keys.len() == 2 && !keys[0].is_empty() && keys[0] != keys[1], "{keys:?}");
        server.finish().await;
    }

    /// What it logged stays: it tells why.
    async fn the_log_of_a_failed_call_stays(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        server.says("+15550101", "partial-fail").await;
        let logs = server.client.get(&format!("/api/v1/plugins/{install}/logs")).await.ok();
        assert!(logs.to_string().contains("about to break off"), "{logs}");
        server.stop().await;
    }

    /// Two failures, then success: the effects of the success alone.
    async fn an_event_is_tried_again_with_backoff(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "fail-twice").await;
        server.advance(100).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new(), "the first wait is longer");
        server.advance(60_000).await;
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, ["done at attempt 3"]);
        assert!(dead_letters(&server.client).await.is_empty());
        server.finish().await;
    }

    async fn a_plugin_may_name_its_own_time(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "retry 7000").await;
        server.advance(6_900).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        server.advance(100).await;
        assert_eq!(server.heard("+15550101").await, ["done at attempt 2"]);
        server.finish().await;
    }

    /// No attempt is wasted on an event that the plugin gave up.
    async fn a_rejected_event_goes_straight_to_the_dead_letters(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "reject").await;
        let dead = dead_letters(&server.client).await;
        assert_eq!(dead.len(), 1);
        assert_eq!((&dead[0]["fault"], &dead[0]["attempts"]), (&"rejected".into(), &1.into()), "{}", dead[0]);
        server.finish().await;
    }

    /// Once the cause is mended, a dead letter is answered as if nothing had happened; once.
    async fn a_dead_letter_can_be_replayed(on: On) {
        let server = Server::with(on, |config| config.delivery.attempts = 1).await;
        server.install("probe").await;
        server.says("+15550101", "needs-mending").await;
        let dead = dead_letters(&server.client).await;
        let replay = format!("/api/v1/dead-letters/{}/replay", dead[0]["id"].as_str().expect("an id"));
        server.says("+15550102", "set plugin mended yes").await;
        server.client.post(&replay, Value::Null).await.ok();
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["mended"]);
        server.finish().await;
    }

    /// After so many in a row the install stands still, loudly; its events wait and lose nothing.
    async fn an_install_that_keeps_failing_is_suspended_and_its_events_wait(on: On) {
        let server = Server::with(on, |config| {
            config.delivery.attempts = 1;
            config.delivery.suspend_after = 3;
            config.delivery.suspend_for = 600_000;
        })
        .await;
        let install = server.install("probe").await;
        for chat in 0..3 {
            server.says(&format!("+1555020{chat}"), "fail").await;
        }
        server.says("+15550101", "echo one").await;
        server.says("+15550101", "echo two").await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        let shown = server.client.get(&format!("/api/v1/plugins/{install}")).await.ok();
        assert_eq!(shown["state"], "suspended", "{shown}");
        let events = server.client.get("/api/v1/events").await.ok();
        assert!(events.to_string().contains("plugin.suspended"), "{events}");
        server.advance(600_000).await;
        assert_eq!(server.heard("+15550101").await, ["one", "two"]);
        server.finish().await;
    }

    /// A plugin that answers its own answers is stopped after a few steps.
    async fn answers_to_answers_end(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "emit probe.ping").await;
        let replies = server.heard("+15550101").await.len();
        assert!((1..=9).contains(&replies), "{replies} replies to one message");
        server.finish().await;
    }
}

async fn dead_letters(client: &Client) -> Vec<Value> {
    let answer = client.get("/api/v1/dead-letters").await.ok();
    answer["deadLetters"].as_array().expect("a list").clone()
}
