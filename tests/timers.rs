//! Timers, cron and scheduled messages: on time, once, and in nobody's way.

use serde_json::json;

use crate::support::Server;

both! {
    async fn a_timer_fires_on_time_and_once(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "timer 60000 tea mint").await;
        server.advance(59_999).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        server.advance(1).await;
        assert_eq!(server.heard("+15550101").await, ["timer tea mint"]);
        server.advance(600_000).await;
        assert_eq!(server.heard("+15550101").await, ["timer tea mint"]);
        server.finish().await;
    }

    /// A timer of that name is one timer: setting it again moves it, cancelling ends it.
    async fn a_timer_set_again_or_cancelled_does_not_fire_as_it_was(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "timer 60000 tea mint").await;
        server.says("+15550101", "timer 120000 tea green").await;
        server.says("+15550101", "timer 60000 milk cold").await;
        server.says("+15550101", "cancel-timer milk").await;
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, ["timer tea green"]);
        server.finish().await;
    }

    /// It takes its place when it is due: until then the chat goes on.
    async fn what_is_due_later_blocks_nobody_now(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "timer 3600000 late").await;
        server.says("+15550101", "later 3600000 later").await;
        server.says("+15550101", "echo now").await;
        assert_eq!(server.heard("+15550101").await, ["now"]);
        server.advance(3_600_000).await;
        let mut heard = server.heard("+15550101").await;
        heard.sort();
        assert_eq!(heard, ["later", "now", "timer late "]);
        server.finish().await;
    }

    async fn a_recurring_timer_fires_at_each_of_its_times(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "cron */5 * * * *").await;
        for _ in 0..3 {
            server.advance(300_000).await;
        }
        assert_eq!(server.heard("+15550101").await, ["timer cron tick"; 3]);
        server.says("+15550101", "cancel-timer cron").await;
        server.advance(900_000).await;
        assert_eq!(server.heard("+15550101").await.len(), 3);
        server.finish().await;
    }

    /// An hour of missed times is one fire, and the next is in the future.
    async fn times_missed_while_stopped_fire_once(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "cron */5 * * * *").await;
        server.says("+15550101", "timer 60000 tea mint").await;
        let server = server.restart_after(3_600_000).await;
        server.drain().await;
        let mut heard = server.heard("+15550101").await;
        heard.sort();
        assert_eq!(heard, ["timer cron tick", "timer tea mint"]);
        server.advance(300_000).await;
        assert_eq!(server.heard("+15550101").await.len(), 3);
        server.stop().await;
    }

    async fn a_scheduled_message_leaves_when_it_is_due(on: On) {
        let server = Server::start(on).await;
        let at = chrono::DateTime::from_timestamp_millis(server.clock.now() + 90_000).expect("a time").to_rfc3339();
        let body = json!({
            "account": server.account, "to": "+15550101", "type": "text", "text": "on time", "scheduleAt": at
        });
        server.client.post("/api/v1/messages", body).await.ok();
        server.advance(89_000).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        let server = server.restart().await;
        server.advance(1_000).await;
        assert_eq!(server.heard("+15550101").await, ["on time"]);
        server.finish().await;
    }
}
