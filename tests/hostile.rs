//! Hostile plugins: each is stopped within its limit, costs its neighbours nothing, and its team
//! reads a plain reason.

use serde_json::Value;

use crate::support::{Receiver, Server, plugin};

/// What the plugin is told to do, and the class of fault that the team reads.
const HARMS: [(&str, &str); 8] = [
    ("trap", "exception"),
    ("stack", "exception"),
    ("loop", "cpu"),
    ("memory", "memory"),
    ("sleep", "wall-clock"),
    ("flood-calls", "limit"),
    ("flood-effects", "limit"),
    ("flood-logs", "limit"),
];

both! {
    async fn each_harm_is_stopped_and_told_in_plain_words(on: On) {
        let server = Server::with(on, |config| {
            config.delivery.attempts = 1;
            config.plugins.wall = 1_500;
        })
        .await;
        server.install("probe").await;
        for (harm, fault) in HARMS {
            server.says("+15550101", harm).await;
            server.advance(1).await;
            let letter = newest_dead_letter(&server).await;
            assert_eq!(letter["fault"], fault, "{harm}: {letter}");
            let reason = letter["reason"].as_str().expect("a reason");
            assert!(!reason.is_empty() && !reason.contains("wasm"), "{harm}: {reason:?} is not plain");
            assert!(!reason.contains('\n'), "{harm}: {reason:?} is not one line");
        }
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new(), "and nothing was sent");
        server.says("+15550101", "echo alive").await;
        assert_eq!(server.heard("+15550101").await, ["alive"]);
        server.finish().await;
    }

    /// While one team's plugin spins in every slot that it may have, another team is answered.
    async fn a_neighbour_is_answered_meanwhile(on: On) {
        let server = Server::with(on, |config| {
            config.delivery.attempts = 1;
            config.delivery.suspend_after = 1_000;
            config.plugins.cpu = 2_000;
        })
        .await;
        let (other, account) = server.another_team().await;
        server.install("probe").await;
        let headers = [("content-type", "application/wasm")];
        other.post_bytes("/api/v1/plugins?grant=all", plugin("probe"), &headers).await.ok();
        for chat in 0..8 {
            server.client.incoming(&server.account, &format!("+1555010{chat}"), "loop").await;
        }
        let begun = std::time::Instant::now();
        other.incoming(&account, "+15550199", "echo hello").await;
        crate::support::eventually("the neighbour's answer", async || {
            (other.outgoing(&account).await.len() == 1).then_some(())
        })
        .await;
        assert!(server.due_jobs().await > 0, "the answer came while the other team's plugin still ran");
        assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
        server.drain().await;
        server.finish().await;
    }

    async fn an_address_that_was_not_granted_is_denied(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        server.install("probe").await;
        server.says("+15550101", &format!("http http://{}/", receiver.host)).await;
        let heard = server.heard("+15550101").await;
        assert!(heard[0].starts_with("denied:") && heard[0].contains("hosts"), "{heard:?}");
        assert!(receiver.requests().is_empty());
        server.finish().await;
    }

    /// A secret that may not be seen is a placeholder in the plugin's hands.
    async fn a_secret_is_not_revealed_without_consent(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        let path = format!("/api/v1/plugins/{install}/secrets/api_key");
        server.client.put(&path, serde_json::json!({ "value": "sesame" })).await.ok();
        for text in ["secret api_key", "reveal api_key"] {
            server.says("+15550101", text).await;
        }
        let heard = server.heard("+15550101").await;
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(heard.iter().all(|text| !text.contains("sesame")), "{heard:?}");
        assert!(heard[1].starts_with("denied:"), "{heard:?}");
        server.finish().await;
    }

    /// What cannot run is refused at the door, with a reason, and nothing is installed.
    async fn a_file_that_is_no_plugin_is_refused(on: On) {
        let server = Server::start(on).await;
        let probe = plugin("probe");
        let bad: [(&str, Vec<u8>); 4] = [
            ("nothing", Vec::new()),
            ("garbage", b"this is not a plugin".to_vec()),
            ("truncated", probe[..probe.len() / 2].to_vec()),
            ("a module", b"\0asm\x01\0\0\0".to_vec()),
        ];
        for (what, bytes) in bad {
            let answer = server.client.post_bytes("/api/v1/plugins?grant=all", bytes, &[]).await;
            assert!(answer.status.is_client_error(), "{what}: {}", answer.body);
            assert!(answer.body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}");
        }
        let installed = server.client.get("/api/v1/plugins").await.ok();
        assert_eq!(installed["plugins"], Value::Array(Vec::new()), "{installed}");
        server.finish().await;
    }
}

async fn newest_dead_letter(server: &Server) -> Value {
    let dead = server.client.get("/api/v1/dead-letters").await.ok();
    let dead = dead["deadLetters"].as_array().expect("a list").clone();
    let newest =
        dead.into_iter().max_by_key(|letter| letter["id"].as_str().unwrap_or_default().to_owned());
    newest.expect("a dead letter")
}
