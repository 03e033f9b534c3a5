//! The face of the host: health, metrics, limits, and refusals that say what to change.

use serde_json::json;

use crate::support::Server;

both! {
    async fn it_says_that_it_lives_and_is_ready(on: On) {
        let server = Server::start(on).await;
        for path in ["/healthz", "/readyz"] {
            server.client.get(path).await.ok();
        }
        server.install("probe").await;
        server.says("+15550101", "echo hello").await;
        let metrics = server.client.get("/metrics").await.ok();
        let metrics = metrics.as_str().expect("a text");
        assert!(metrics.contains("switchboard_plugin_calls_total"), "{metrics}");
        server.finish().await;
    }

    /// A key has so many requests a minute, and is told.
    async fn a_key_is_limited(on: On) {
        let server = Server::with(on, |config| config.limits.requests_per_minute = 5).await;
        for _ in 0..5 {
            server.client.get("/api/v1/accounts").await.ok();
        }
        assert_eq!(server.client.get("/api/v1/accounts").await.refused(429), "rate_limited");
        server.advance(60_000).await;
        server.client.get("/api/v1/accounts").await.ok();
        server.finish().await;
    }

    /// By the name of the field, in one shape.
    async fn a_bad_request_is_told_what_is_wrong(on: On) {
        let server = Server::start(on).await;
        let bad = [
            (json!({ "to": "+15550101", "type": "text", "text": "hi", "sheduleAt": "now" }), "sheduleAt"),
            (json!({ "to": "nobody", "type": "text", "text": "hi" }), "to"),
            (json!({ "to": "+15550101", "type": "text", "text": "x".repeat(5_000) }), "text"),
            (json!([]), ""),
        ];
        for (body, named) in bad {
            let answer = server.client.post("/api/v1/messages", body).await;
            assert!(answer.status.is_client_error(), "{}", answer.body);
            let message = answer.body["error"]["message"].as_str().expect("words");
            assert!(message.contains(named), "{message:?} does not name {named:?}");
            assert_eq!(answer.body["error"]["status"], answer.status.as_u16());
        }
        assert_eq!(server.client.get("/api/v1/nothing").await.refused(404), "not_found");
        server.finish().await;
    }
}
