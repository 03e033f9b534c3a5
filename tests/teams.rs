//! Teams never see each other: what is another's is not there.

use serde_json::{Value, json};

use crate::support::{Client, Server};

both! {
    async fn what_is_another_teams_is_not_found(on: On) {
        let server = Server::with(on, |config| config.delivery.attempts = 1).await;
        let (other, other_account) = server.another_team().await;
        let install = server.install("probe").await;
        server.says("+15550101", "echo hello").await;
        server.says("+15550101", "fail").await;
        let ours = &server.client;
        let message = server.client.outgoing(&server.account).await[0]["message_id"].clone();
        let endpoint = ours.post("/api/v1/endpoints", json!({ "url": "http://127.0.0.1:9/" })).await.ok();
        let paths = [
            format!("/api/v1/accounts/{}", server.account),
            format!("/api/v1/messages/{}", text(&message)),
            format!("/api/v1/contacts/{}", first(ours, "contacts").await),
            format!("/api/v1/chats/{}", first(ours, "chats").await),
            format!("/api/v1/plugins/{install}"),
            format!("/api/v1/plugins/{install}/logs"),
            format!("/api/v1/dead-letters/{}", first_of(ours, "/api/v1/dead-letters", "deadLetters").await),
            format!("/api/v1/endpoints/{}", text(&endpoint["id"])),
        ];
        for path in &paths {
            ours.get(path).await.ok();
            assert_eq!(other.get(path).await.status, 404, "{path}");
        }
        for (path, list) in [
            ("/api/v1/contacts", "contacts"),
            ("/api/v1/chats", "chats"),
            ("/api/v1/plugins", "plugins"),
            ("/api/v1/dead-letters", "deadLetters"),
            ("/api/v1/endpoints", "endpoints"),
            ("/api/v1/events", "events"),
        ] {
            assert_eq!(other.get(path).await.ok()[list], Value::Array(Vec::new()), "{path}");
        }
        let accounts = other.get("/api/v1/accounts").await.ok();
        assert_eq!(accounts["accounts"].as_array().expect("a list").len(), 1);
        assert_eq!(accounts["accounts"][0]["id"], Value::String(other_account));
        server.stop().await;
    }

    /// Nor can one send through, change or remove what is another's.
    async fn nobody_acts_for_another_team(on: On) {
        let server = Server::start(on).await;
        let (other, _) = server.another_team().await;
        let install = server.install("probe").await;
        let send = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "hi" });
        assert!(other.post("/api/v1/messages", send).await.status.is_client_error());
        assert_eq!(other.delete(&format!("/api/v1/plugins/{install}")).await.status, 404);
        assert_eq!(other.put(&format!("/api/v1/plugins/{install}/config"), json!({})).await.status, 404);
        server.says("+15550101", "echo still here").await;
        assert_eq!(server.heard("+15550101").await, ["still here"]);
        server.finish().await;
    }

    async fn without_a_key_there_is_nothing(on: On) {
        let server = Server::start(on).await;
        for key in ["", "sk_wrong"] {
            let stranger = server.client.with_key(key);
            assert_eq!(stranger.get("/api/v1/accounts").await.refused(401), "unauthorized");
        }
        server.finish().await;
    }

    /// One team's flood does not make another's message wait for all of it.
    async fn a_flood_of_one_team_does_not_hold_up_another(on: On) {
        let server = Server::with(on, |config| config.delivery.concurrency = 4).await;
        let (other, account) = server.another_team().await;
        server.install("probe").await;
        let headers = [("content-type", "application/wasm")];
        other.post_bytes("/api/v1/plugins?grant=all", crate::support::plugin("probe"), &headers).await.ok();
        let mut flood = tokio::task::JoinSet::new();
        for n in 0..200 {
            let (client, account) = (server.client.clone(), server.account.clone());
            flood.spawn(async move { client.incoming(&account, &format!("+1555{n:06}"), "count").await });
        }
        flood.join_all().await;
        other.incoming(&account, "+15550199", "echo hello").await;
        crate::support::eventually("the other team's answer", async || {
            (other.outgoing(&account).await.len() == 1).then_some(())
        })
        .await;
        server.drain().await;
        server.finish().await;
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

async fn first(client: &Client, list: &str) -> String {
    first_of(client, &format!("/api/v1/{list}"), list).await
}

async fn first_of(client: &Client, path: &str, list: &str) -> String {
    let answer = client.get(path).await.ok();
    text(&answer[list][0]["id"]).to_owned()
}
