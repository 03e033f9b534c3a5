//! A plugin's state under concurrency: every increment counts.

use std::collections::BTreeSet;

use crate::support::Server;

both! {
    /// Chats run side by side and count in one number: nobody reads what another overwrites.
    async fn chats_that_count_together_lose_no_count(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let mut writers = tokio::task::JoinSet::new();
        for chat in 0..6 {
            let (client, account) = (server.client.clone(), server.account.clone());
            writers.spawn(async move {
                for _ in 0..5 {
                    client.incoming(&account, &format!("+1555010{chat}"), "count").await;
                }
            });
        }
        writers.join_all().await;
        server.drain().await;
        let mut seen = BTreeSet::new();
        for chat in 0..6 {
            let heard = server.heard(&format!("+1555010{chat}")).await;
            for (n, text) in heard.iter().enumerate() {
                let plugin = text.strip_prefix(&format!("chat {} plugin ", n + 1));
                seen.insert(plugin.unwrap_or_else(|| panic!("{heard:?}")).parse::<u32>().expect("a number"));
            }
        }
        assert_eq!(seen, (1..=30).collect(), "each number once");
        server.finish().await;
    }

    /// What one scope holds, no other sees.
    async fn scopes_are_apart(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says("+15550101", "set chat k one").await;
        server.says("+15550101", "set plugin k all").await;
        for text in ["get chat k", "get contact k", "get plugin k"] {
            server.says("+15550101", text).await;
            server.says("+15550102", text).await;
        }
        assert_eq!(server.heard("+15550101").await, ["one", "none", "all"]);
        assert_eq!(server.heard("+15550102").await, ["none", "none", "all"]);
        server.finish().await;
    }

    /// Losing a race costs no attempt: even with one attempt, nothing goes to the dead letters.
    async fn a_lost_race_costs_no_attempt(on: On) {
        let server = Server::with(on, |config| config.delivery.attempts = 1).await;
        server.install("probe").await;
        let mut writers = tokio::task::JoinSet::new();
        for chat in 0..20 {
            let (client, account) = (server.client.clone(), server.account.clone());
            writers.spawn(async move { client.incoming(&account, &format!("+155501{chat:02}"), "count").await });
        }
        writers.join_all().await;
        server.drain().await;
        assert_eq!(server.client.outgoing(&server.account).await.len(), 20);
        server.finish().await;
    }
}
