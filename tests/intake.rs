//! What comes in: duplicates vanish, a bad item costs its neighbours nothing.

use serde_json::json;

use crate::support::Server;

both! {
    /// The provider delivers at least once; the answer goes out once.
    async fn the_same_message_twice_is_one_message(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let path = format!("/sandbox/accounts/{}/incoming", server.account);
        let body = json!({ "from": "+15550101", "type": "text", "text": "echo once", "id": "wamid.1" });
        for _ in 0..3 {
            server.client.post(&path, body.clone()).await.ok();
        }
        server.drain().await;
        server.client.post(&path, body).await.ok();
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["once"]);
        server.finish().await;
    }

    /// The same message many times at once, in one set and across sets.
    async fn duplicates_that_arrive_together_are_one_message(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let path = format!("/sandbox/accounts/{}/incoming", server.account);
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..40 {
            let (client, path) = (server.client.clone(), path.clone());
            let id = n % 4;
            let body = json!({ "from": "+15550101", "type": "text", "text": format!("echo {id}"), "id": format!("w{id}") });
            calls.spawn(async move { client.post(&path, body).await.ok() });
        }
        calls.join_all().await;
        server.drain().await;
        let mut heard = server.heard("+15550101").await;
        heard.sort();
        assert_eq!(heard, ["0", "1", "2", "3"]);
        server.finish().await;
    }

    /// Refused with its field's name, and the next one passes.
    async fn a_bad_item_is_refused_and_blocks_nobody(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let path = format!("/sandbox/accounts/{}/incoming", server.account);
        let bad = [
            json!({ "from": "nobody", "type": "text", "text": "hi" }),
            json!({ "from": "+15550101", "type": "text", "text": "nul\u{0}" }),
            json!({ "from": "+15550101", "type": "text", "text": "hi", "colour": "red" }),
            json!({ "from": "+15550101", "type": "location", "location": { "latitude": 91, "longitude": 0 } }),
            json!({ "from": "+15550101", "type": "text" }),
        ];
        let good = server.client.clone();
        let (account, other) = (server.account.clone(), server.account.clone());
        let neighbours = tokio::join!(
            async { good.incoming(&account, "+15550101", "echo one").await },
            async {
                for body in bad {
                    assert_eq!(server.client.post(&path, body.clone()).await.status, 400, "{body}");
                }
            },
            async { good.incoming(&other, "+15550102", "echo two").await },
        );
        assert_ne!(neighbours.0, neighbours.2);
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["one"]);
        assert_eq!(server.heard("+15550102").await, ["two"]);
        server.finish().await;
    }

    async fn an_unknown_account_is_not_found(on: On) {
        let server = Server::start(on).await;
        let body = json!({ "from": "+15550101", "type": "text", "text": "hi" });
        let answer = server.client.post("/sandbox/accounts/acc_none/incoming", body).await;
        assert_eq!(answer.status, 404);
        server.finish().await;
    }

    /// However the number is written.
    async fn one_person_is_one_contact_and_one_chat(on: On) {
        let server = Server::start(on).await;
        for text in ["a", "b", "c"] {
            server.says("+1 (555) 0101-99", text).await;
        }
        let contacts = server.client.get("/api/v1/contacts").await.ok();
        assert_eq!(contacts["contacts"].as_array().expect("a list").len(), 1, "{contacts}");
        server.finish().await;
    }
}
