//! Webhooks into plugins: stored then run, or answered at once; a repeat of a delivery gets the same.

use crate::support::Server;

both! {
    /// 202 means stored: it happens although the host stops right after.
    async fn a_queued_webhook_is_stored_then_run_once(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        let path = format!("/x/{install}/queued");
        for _ in 0..3 {
            let delivery = [("idempotency-key", "delivery-1")];
            let answer = server.client.post_bytes(&path, b"+15550101=from the shop".to_vec(), &delivery).await;
            assert_eq!(answer.status, 202, "{}", answer.body);
        }
        let server = server.restart().await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["from the shop"]);
        server.finish().await;
    }

    /// The answer is the plugin's; the same delivery again gets the same answer and runs nothing.
    async fn a_sync_webhook_is_answered_by_the_plugin_once(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        let path = format!("/x/{install}/sync");
        for (delivery, call) in [("d1", 1), ("d1", 1), ("d2", 2)] {
            let headers = [("idempotency-key", delivery)];
            let answer = server.client.post_bytes(&path, b"+15550101=hello".to_vec(), &headers).await;
            let body = answer.body.as_str().unwrap_or_default().to_owned();
            assert!(body.ends_with(&format!("call {call}: +15550101=hello")), "{delivery}: {} {body:?}", answer.status);
        }
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["hello", "hello"]);
        server.finish().await;
    }

    async fn an_unknown_route_is_not_found(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        for path in [format!("/x/{install}/nowhere"), "/x/ins_none/queued".to_owned()] {
            assert_eq!(server.client.post_bytes(&path, Vec::new(), &[]).await.status, 404, "{path}");
        }
        server.finish().await;
    }
}
