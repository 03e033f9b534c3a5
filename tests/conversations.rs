//! Conversations: who opens them, how long they run, and which are free.

use serde_json::{Value, json};

use crate::support::Server;

const HOUR: i64 = 3_600_000;

both! {
    /// 24 hours from the opening, whoever writes in them; after that whoever writes first opens.
    async fn a_conversation_runs_a_day_from_its_opening(on: On) {
        let server = Server::start(on).await;
        let account = billed(&server, "+15550300", "").await;
        server.client.incoming(&account, "+15550101", "hello").await;
        server.drain().await;
        server.advance(23 * HOUR).await;
        send(&server, &account, "+15550101").await;
        server.client.incoming(&account, "+15550101", "thanks").await;
        server.drain().await;
        let line = &lines(&server).await[0];
        assert_eq!((&line["quantity"], &line["userInitiatedQuantity"]), (&json!(1), &json!(1)));
        // The answer within it did not extend it.
        server.advance(HOUR).await;
        send(&server, &account, "+15550101").await;
        send(&server, &account, "+15550101").await;
        server.client.incoming(&account, "+15550101", "who writes?").await;
        server.drain().await;
        let line = &lines(&server).await[0];
        assert_eq!((&line["quantity"], &line["businessInitiatedQuantity"]), (&json!(2), &json!(1)));
        // What does not leave opens nothing.
        server.client.put(&format!("/sandbox/accounts/{account}/behaviour"), json!({ "plan": [{ "outcome": "fail" }] })).await.ok();
        send(&server, &account, "+15550109").await;
        assert_eq!(lines(&server).await[0]["quantity"], 2);
        assert_eq!(line["billedTo"], json!(account));
        server.finish().await;
    }

    /// Free ones are shared by the numbers of a business account; what an advertisement brings uses up
    /// none; a month begins anew.
    async fn numbers_of_a_business_account_share_the_free_ones(on: On) {
        let server = Server::with(on, |config| config.billing.conversations.free = 3).await;
        let business = server.client.post("/api/v1/business-accounts", json!({ "name": "Shops" })).await.ok();
        let business = business["id"].as_str().expect("an id");
        let first = billed(&server, "+15550300", business).await;
        let second = billed(&server, "+15550301", business).await;
        for (number, source) in [(1, "ad"), (2, "link")] {
            let body = json!({ "from": format!("+1555020{number}"), "type": "text", "text": "hi", "referral": { "source_type": source } });
            server.client.post(&format!("/sandbox/accounts/{first}/incoming"), body).await.ok();
        }
        server.client.incoming(&second, "+15550101", "hello").await;
        server.drain().await;
        send(&server, &first, "+15550102").await;
        send(&server, &second, "+15550103").await;
        server.client.incoming(&second, "+15550104", "hello").await;
        server.drain().await;
        let found = lines(&server).await;
        assert_eq!(found.len(), 1);
        let expected = json!({
            "billedTo": business, "quantity": 6, "paidQuantity": 2, "freeQuantity": 4, "freeTier": 3, "freeEntryPoint": 1,
            "businessInitiatedQuantity": 2, "businessInitiatedPaidQuantity": 1,
            "businessInitiatedPrice": { "minor": 8, "decimal": "0.08", "currency": "USD" },
            "userInitiatedQuantity": 4, "userInitiatedPaidQuantity": 1,
            "userInitiatedPrice": { "minor": 4, "decimal": "0.04", "currency": "USD" },
            "totalPrice": { "minor": 12, "decimal": "0.12", "currency": "USD" },
        });
        assert_eq!(found[0], expected);
        server.advance(31 * 24 * HOUR).await;
        server.client.incoming(&second, "+15550101", "a new month").await;
        server.drain().await;
        assert_eq!(lines(&server).await[0]["freeTier"], 1);
        server.finish().await;
    }

    /// A channel that charges for none has none.
    async fn an_account_that_is_not_billed_so_has_none(on: On) {
        let server = Server::start(on).await;
        server.says("+15550101", "hello").await;
        send(&server, &server.account, "+15550102").await;
        assert!(lines(&server).await.is_empty());
        server.finish().await;
    }
}

/// An open account whose conversations are counted.
async fn billed(server: &Server, phone: &str, business: &str) -> String {
    let new = json!({ "type": "sandbox", "phone": phone, "businessAccount": business, "settings": { "conversations": true } });
    let account = server.client.post("/api/v1/accounts", new).await.ok();
    account["id"].as_str().expect("an id").to_owned()
}

async fn send(server: &Server, account: &str, to: &str) {
    let body = json!({ "account": account, "to": to, "type": "text", "text": "hi" });
    server.client.post("/api/v1/messages", body).await.ok();
    server.drain().await;
}

/// The present month's conversations.
async fn lines(server: &Server) -> Vec<Value> {
    let statement = server.client.get("/api/v1/billing/statement").await.ok();
    statement["conversations"].as_array().expect("lines").clone()
}
