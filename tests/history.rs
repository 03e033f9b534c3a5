//! What a phone brings along: for whom, how much, and what becomes of it.

use serde_json::{Value, json};

use crate::support::{Server, eventually};

const WITH: &str = "unlimited_msg_chat_history";
const WITHOUT: &str = "unlimited_msg_no_chat_history";

both! {
    /// It is stored in its order, told to nobody, and goes with a tier that has none.
    async fn a_history_comes_with_the_scan_and_goes_with_the_tier(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let account = closed(&server, WITH).await;
        let path = format!("/api/v1/accounts/{account}");
        let past = json!({ "messages": [
            { "id": "p1", "phone": "+15550101", "name": "Ann", "at": 1_700_000_000_000_i64, "text": "echo long ago" },
            { "id": "p2", "phone": "+15550101", "at": 1_700_000_001_000_i64, "text": "indeed", "from_me": true },
            { "id": "p3", "phone": "+15550102", "at": 1_700_000_002_000_i64, "text": "me too" },
        ] });
        server.client.put(&format!("/sandbox/accounts/{account}/history"), past).await.ok();
        scan(&server, &account).await;
        synced(&server, &account, 3).await;
        server.drain().await;
        assert!(server.client.outgoing(&account).await.is_empty(), "no plugin heard of it");
        assert!(server.events("message.received").await.is_empty());
        server.client.incoming(&account, "+15550101", "echo now").await;
        server.drain().await;
        server.advance(10_000).await;
        let chats = server.client.get("/api/v1/chats").await.ok();
        let chats = chats["chats"].as_array().expect("a list");
        assert_eq!(chats.len(), 2);
        let chat = chats.iter().find(|chat| chat["unread"] == 1).expect("the one that wrote");
        let messages = format!("/api/v1/chats/{}/messages", text(&chat["id"]));
        assert_eq!(texts(&server, &messages).await, ["now", "echo now", "indeed", "echo long ago"]);

        // Less: what came with the login goes, what came by itself stays.
        server.client.patch(&path, json!({ "tier": WITHOUT })).await.ok();
        server.drain().await;
        assert_eq!(texts(&server, &messages).await, ["now", "echo now"]);
        assert_eq!(server.rows("chat", &account).await, 1);
        // More again: it needs another scan.
        server.client.patch(&path, json!({ "tier": WITH })).await.ok();
        server.drain().await;
        assert_eq!(server.rows("message", &account).await, 2);
        server.client.post(&format!("{path}/close"), Value::Null).await.ok();
        scan(&server, &account).await;
        synced(&server, &account, 3).await;
        assert_eq!(texts(&server, &messages).await, ["now", "echo now", "indeed", "echo long ago"]);
        server.finish().await;
    }

    /// As much as the tier allows, the newest first; twice the same is once.
    async fn a_history_has_an_end(on: On) {
        let limit = |config: &mut switchboard::config::Config| config.billing.tiers.unlimited_msg_chat_history.history = 1200;
        let server = Server::with(on, limit).await;
        let account = closed(&server, WITH).await;
        let history = json!({ "generate": { "messages": 3000, "chats": 7 } });
        server.client.put(&format!("/sandbox/accounts/{account}/history"), history).await.ok();
        for _ in 0..2 {
            scan(&server, &account).await;
            synced(&server, &account, 1200).await;
            assert_eq!(server.rows("message", &account).await, 1200);
            server.client.post(&format!("/api/v1/accounts/{account}/close"), Value::Null).await.ok();
        }
        let usage = server.client.get("/api/v1/billing/usage").await.ok();
        let usage = usage["usage"].as_array().expect("a list").iter().find(|usage| usage["account"] == json!(account)).cloned();
        assert_eq!(usage.expect("its usage")["history"], json!({ "used": 1200, "limit": 1200, "left": 0 }));
        server.finish().await;
    }

    async fn a_tier_without_history_takes_none(on: On) {
        let server = Server::start(on).await;
        let account = closed(&server, WITHOUT).await;
        let path = format!("/sandbox/accounts/{account}/history");
        server.client.put(&path, json!({ "generate": { "messages": 10, "chats": 2 } })).await.ok();
        scan(&server, &account).await;
        server.drain().await;
        let shown = server.client.get(&format!("/api/v1/accounts/{account}")).await.ok();
        assert_eq!((&shown["syncedMessages"], &shown["syncedAt"]), (&json!(0), &Value::Null));
        assert_eq!(server.rows("message", &account).await, 0);
        for bad in [json!({ "generate": { "messages": 1, "chats": 0 } }), json!({ "messages": [{ "id": "x" }] }), json!({ "mesages": [] })] {
            assert!(server.client.put(&path, bad).await.status.is_client_error());
        }
        server.finish().await;
    }
}

/// An account that has to be scanned.
async fn closed(server: &Server, tier: &str) -> String {
    let new = json!({ "type": "sandbox", "tier": tier });
    text(&server.client.post("/api/v1/accounts", new).await.ok()["id"]).to_owned()
}

async fn scan(server: &Server, account: &str) {
    server.client.post(&format!("/api/v1/accounts/{account}/open"), Value::Null).await.ok();
    let path = format!("/sandbox/accounts/{account}/scan");
    server.client.post(&path, json!({ "phone": "+15550300" })).await.ok();
}

async fn synced(server: &Server, account: &str, messages: i64) {
    let path = format!("/api/v1/accounts/{account}");
    eventually("the history", async || {
        let account = server.client.get(&path).await.ok();
        (account["syncedMessages"] == messages && account["syncedAt"] != Value::Null).then_some(())
    })
    .await;
}

/// Newest first.
async fn texts(server: &Server, path: &str) -> Vec<String> {
    let list = server.client.get(path).await.ok();
    list["messages"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|message| text(&message["text"]).to_owned())
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
