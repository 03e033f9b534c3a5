//! Several plugins on one account: one after the other, until one stops or a human takes over.

use serde_json::json;

use crate::support::Server;

both! {
    async fn plugins_answer_in_their_order(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.install("second").await;
        server.says("+15550101", "echo hi").await;
        assert_eq!(server.heard("+15550101").await, ["hi", "second: echo hi"]);
        server.finish().await;
    }

    async fn the_order_is_the_teams_to_choose(on: On) {
        let server = Server::start(on).await;
        let first = server.install("probe").await;
        let second = server.install("second").await;
        server.client.put("/api/v1/plugins/order", json!({ "plugins": [second, first] })).await.ok();
        server.says("+15550101", "echo hi").await;
        assert_eq!(server.heard("+15550101").await, ["second: echo hi", "hi"]);
        server.finish().await;
    }

    async fn a_plugin_can_end_the_chain(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.install("second").await;
        server.says("+15550101", "stop").await;
        assert_eq!(server.heard("+15550101").await, ["stopped"]);
        server.finish().await;
    }

    /// While the first fails the second waits; its dead letter lets the chain go on.
    async fn a_dead_letter_lets_the_chain_go_on(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.install("second").await;
        server.says("+15550101", "fail").await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        for _ in 0..5 {
            server.advance(120_000).await;
        }
        assert_eq!(server.heard("+15550101").await, ["second: fail"]);
        server.finish().await;
    }

    /// From a hand-over on the plugins are silent in that chat, until it is handed back.
    async fn a_human_takes_over_and_hands_back(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.install("second").await;
        server.says("+15550101", "handover").await;
        server.says("+15550101", "echo hello?").await;
        server.says("+15550102", "echo elsewhere").await;
        // Of what the team does the plugins still hear.
        assert_eq!(server.heard("+15550101").await, ["event chat.assigned"]);
        assert_eq!(server.heard("+15550102").await, ["elsewhere", "second: echo elsewhere"]);
        let chats = server.client.get("/api/v1/chats").await.ok();
        let chats = chats["chats"].as_array().expect("a list");
        let chat = chats.iter().find(|chat| !chat["assignedTo"].is_null()).expect("one is with a human");
        let path = format!("/api/v1/chats/{}/assignment", chat["id"].as_str().expect("an id"));
        server.client.delete(&path).await.ok();
        server.drain().await;
        server.says("+15550101", "echo back").await;
        let heard = server.heard("+15550101").await;
        assert_eq!(heard, ["event chat.assigned", "event chat.assigned", "back", "second: echo back"]);
        server.finish().await;
    }
}
