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

    /// Three plugins that people use: who must hear STOP hears it first and even beside a human; who
    /// calls a human ends the chain; the last answers what is left.
    async fn three_plugins_share_a_chat(on: On) {
        let server = Server::start(on).await;
        for name in ["opt-out", "hand-over", "second"] {
            server.install(name).await;
        }
        let told = async |text: &str| {
            let before = server.heard("+15550101").await.len();
            server.says("+15550101", text).await;
            server.heard("+15550101").await.split_off(before)
        };
        assert_eq!(told("hi").await, ["second: hi"]);
        assert_eq!(told("stop").await, ["You will not hear from us again. Write START to change your mind."]);
        // The rules of sending hold for whoever answers.
        assert_eq!(told("are you there?").await, Vec::<String>::new());
        assert_eq!(told("start").await.len(), 1, "only the keeper answers");
        assert_eq!(told("a human please").await, ["A colleague will answer you here shortly."]);
        assert_eq!(told("hello?").await, Vec::<String>::new());
        assert_eq!(told("stop").await.len(), 1, "the keeper hears it beside a human too");
        assert_eq!(told("start").await.len(), 1);
        let chats = server.client.get("/api/v1/chats").await.ok();
        let chat = chats["chats"][0]["id"].as_str().expect("an id").to_owned();
        assert!(!chats["chats"][0]["assignedTo"].is_null());
        server.client.delete(&format!("/api/v1/chats/{chat}/assignment")).await.ok();
        server.drain().await;
        assert_eq!(told("back again").await, ["second: back again"]);
        // In another order the last comes first, and the keeper still ends what is behind it.
        let order = json!({ "plugins": ["second", "opt-out", "hand-over"] });
        server.client.put("/api/v1/plugins/order", order).await.ok();
        let answers = told("stop").await;
        let kept = "You will not hear from us again. Write START to change your mind.";
        assert_eq!(answers.last().map(String::as_str), Some(kept), "{answers:?}");
        // What the first said has left by then, or is refused: the customer wants no more.
        assert!(answers.len() == 1 || answers[0] == "second: stop", "{answers:?}");
        server.finish().await;
    }

    /// Between a failing plugin and a suspended one the third goes on, and what waited comes later, to
    /// its own plugin alone.
    async fn a_suspended_plugin_holds_up_nobody_behind_it(on: On) {
        let server = Server::start(on).await;
        let first = server.install("probe").await;
        server.install("hand-over").await;
        server.install("second").await;
        server.client.post(&format!("/api/v1/plugins/{first}/suspend"), json!({})).await.ok();
        server.says("+15550101", "echo one").await;
        server.says("+15550101", "echo two").await;
        assert_eq!(server.heard("+15550101").await, ["second: echo one", "second: echo two"]);
        server.client.post(&format!("/api/v1/plugins/{first}/resume"), json!({})).await.ok();
        server.drain().await;
        assert_eq!(server.heard("+15550101").await[2..], ["one", "two"]);
        server.finish().await;
    }
}
