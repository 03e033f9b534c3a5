//! The path of a message: in, through a plugin, out, and its receipts back.

use serde_json::{Value, json};

use crate::support::{Server, eventually};

both! {
    /// The whole way, with every status on it.
    async fn a_message_is_answered_and_its_receipts_come_back(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "echo hello").await;
        assert_eq!(server.heard("+15550101").await, ["hello"]);

        assert_eq!(statuses(&server).await, ["sent"]);
        server.advance(300).await;
        assert_eq!(statuses(&server).await, ["delivered"]);
        server.advance(900).await;
        assert_eq!(statuses(&server).await, ["read"]);
        server.finish().await;
    }

    /// Statuses move forward only, whatever the order in which they come.
    async fn receipts_out_of_order_and_twice_move_a_status_forward_only(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        for receipts in ["reordered", "duplicated"] {
            server.behave(json!({ "receipts": receipts })).await;
            server.says("+15550101", "echo hello").await;
            server.advance(300).await;
            server.advance(900).await;
        }
        assert_eq!(statuses(&server).await, ["read", "read"]);
        server.finish().await;
    }

    /// The customer's phone is quicker than the channel's answer: the receipts come before our own
    /// commit of the send, and the answer does not take them back.
    async fn a_receipt_before_the_answer_to_our_send_counts(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.behave(json!({ "delivered_after": 0, "read_after": 0, "latency": 1000 })).await;
        server.client.incoming(&server.account, "+15550101", "echo hello").await;
        eventually("the receipts", async || {
            let all = statuses(&server).await;
            (all == ["read"]).then_some(())
        })
        .await;
        server.advance(1_000).await;
        assert_eq!(statuses(&server).await, ["read"]);
        server.finish().await;
    }

    /// A message through the API takes the same way out, and the same id twice is one message.
    async fn a_send_through_the_api_is_idempotent(on: On) {
        let server = Server::start(on).await;
        let body = json!({
            "account": server.account, "to": "+15550101", "type": "text", "text": "news", "idempotencyId": "order-7"
        });
        let first = server.client.post("/api/v1/messages", body.clone()).await.ok();
        server.drain().await;
        let second = server.client.post("/api/v1/messages", body).await.ok();
        server.drain().await;
        assert_eq!(first["id"], second["id"]);
        assert_eq!(server.heard("+15550101").await, ["news"]);
        server.finish().await;
    }

    /// What was accepted is still there after a stop, and so is what was owed.
    async fn a_restart_forgets_nothing(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "later 60000 after the break").await;
        let server = server.restart().await;
        server.says("+15550101", "echo again").await;
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, ["again", "after the break"]);
        server.finish().await;
    }
}

/// The statuses of what was sent, oldest first.
async fn statuses(server: &Server) -> Vec<String> {
    let mut statuses = Vec::new();
    for record in server.client.outgoing(&server.account).await {
        let id = record["message_id"].as_str().expect("our id");
        let message = server.client.get(&format!("/api/v1/messages/{id}")).await.ok();
        statuses.push(word(&message, "status"));
    }
    statuses
}

fn word(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}
