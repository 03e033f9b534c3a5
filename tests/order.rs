//! One chat, one order; many chats at once; a failing event and those behind it.

use std::collections::HashMap;

use crate::support::{Server, with_manifest};

both! {
    /// Written one after the other, answered in that order, although chats run side by side.
    async fn a_chat_is_answered_in_the_order_in_which_it_was_written(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let mut writers = tokio::task::JoinSet::new();
        for chat in 0..8 {
            let (client, account) = (server.client.clone(), server.account.clone());
            writers.spawn(async move {
                for n in 0..12 {
                    client.incoming(&account, &phone(chat), &format!("echo {n}")).await;
                }
            });
        }
        writers.join_all().await;
        server.drain().await;
        let mut heard: HashMap<String, Vec<String>> = HashMap::new();
        for record in server.client.outgoing(&server.account).await {
            let (to, text) = (record["to"].as_str().expect("a number"), record["content"]["text"].as_str().expect("a text"));
            heard.entry(to.to_owned()).or_default().push(text.to_owned());
        }
        let wanted: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        for chat in 0..8 {
            assert_eq!(heard[&phone(chat)], wanted);
        }
        server.finish().await;
    }

    /// The events of its chat wait for it; other chats do not.
    async fn a_failing_event_holds_back_its_chat_alone(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "fail-twice").await;
        server.says("+15550101", "echo behind").await;
        server.says("+15550102", "echo elsewhere").await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        assert_eq!(server.heard("+15550102").await, ["elsewhere"]);
        server.advance(120_000).await;
        server.advance(120_000).await;
        assert_eq!(server.heard("+15550101").await, ["done at attempt 3", "behind"]);
        server.finish().await;
    }

    /// A plugin may say that its events do not depend on each other.
    async fn in_a_relaxed_order_a_failing_event_holds_back_nobody(on: On) {
        let server = Server::start(on).await;
        let relaxed = with_manifest("probe", "id = \"probe\"", "id = \"probe\"\norder = \"relaxed\"");
        server.install_bytes(relaxed).await;
        server.says("+15550101", "fail-twice").await;
        server.says("+15550101", "echo behind").await;
        assert_eq!(server.heard("+15550101").await, ["behind"]);
        server.advance(120_000).await;
        server.advance(120_000).await;
        assert_eq!(server.heard("+15550101").await, ["behind", "done at attempt 3"]);
        server.finish().await;
    }

    /// After its last attempt the chat goes on.
    async fn a_dead_letter_lets_its_chat_go_on(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "fail").await;
        server.says("+15550101", "echo behind").await;
        for _ in 0..5 {
            server.advance(120_000).await;
        }
        assert_eq!(server.heard("+15550101").await, ["behind"]);
        let dead = server.client.get("/api/v1/dead-letters").await.ok();
        assert_eq!(dead["deadLetters"].as_array().expect("a list").len(), 1, "{dead}");
        server.finish().await;
    }
}

fn phone(chat: usize) -> String {
    format!("+155501{chat:02}")
}
