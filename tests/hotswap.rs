//! Installing, upgrading, rolling back and removing while messages flow.

use std::path::Path;

use serde_json::json;

use crate::support::{Server, eventually, plugin_file, with_manifest};

both! {
    /// The next event meets the new version; the install stays the same.
    async fn an_upgrade_and_its_rollback_need_no_restart(on: On) {
        let server = Server::start(on).await;
        let install = server.install("upgrade-v1").await;
        server.says("+15550101", "a").await;
        server.advance(1_000).await;
        assert_eq!(server.install("upgrade-v2").await, install);
        server.says("+15550101", "b").await;
        server.client.post(&format!("/api/v1/plugins/{install}/rollback"), json!({})).await.ok();
        server.says("+15550101", "c").await;
        assert_eq!(server.heard("+15550101").await, ["v1", "v2", "v1"]);
        server.finish().await;
    }

    /// Under load: every message answered once, by the one or the other, and in each chat the old
    /// version never again after the new one.
    async fn a_swap_under_load_loses_and_doubles_nothing(on: On) {
        let server = Server::start(on).await;
        server.install("upgrade-v1").await;
        let mut writers = tokio::task::JoinSet::new();
        for chat in 0..6 {
            let (client, account) = (server.client.clone(), server.account.clone());
            writers.spawn(async move {
                for n in 0..20 {
                    client.incoming(&account, &format!("+1555010{chat}"), &format!("{n}")).await;
                }
            });
        }
        server.install("upgrade-v2").await;
        writers.join_all().await;
        server.drain().await;
        for chat in 0..6 {
            let heard = server.heard(&format!("+1555010{chat}")).await;
            assert_eq!(heard.len(), 20, "{heard:?}");
            let old = heard.iter().take_while(|text| *text == "v1").count();
            assert!(heard[old..].iter().all(|text| text == "v2"), "{heard:?}");
        }
        server.finish().await;
    }

    /// What waited for it is settled, its timers are gone, and it answers no more.
    async fn a_removed_plugin_leaves_nothing_behind(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        server.says("+15550101", "timer 60000 tea mint").await;
        server.says("+15550101", "fail").await;
        server.says("+15550101", "echo behind").await;
        server.client.delete(&format!("/api/v1/plugins/{install}")).await.ok();
        for _ in 0..5 {
            server.advance(120_000).await;
        }
        server.says("+15550101", "echo anyone?").await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        server.finish().await;
    }

    /// A version that asks for more waits for consent, and the old one runs on.
    async fn an_upgrade_that_asks_for_more_waits_for_consent(on: On) {
        let server = Server::start(on).await;
        server.install("upgrade-v1").await;
        let greedy = with_manifest("upgrade-v2", "messaging = true", "messaging = true\nstate = true");
        let headers = [("content-type", "application/wasm")];
        let refused = server.client.post_bytes("/api/v1/plugins", greedy.clone(), &headers).await;
        assert_eq!(refused.body["error"]["code"], "consent_required", "{}", refused.body);
        server.says("+15550101", "a").await;
        server.client.post_bytes("/api/v1/plugins?grant=all", greedy, &headers).await.ok();
        server.says("+15550101", "b").await;
        assert_eq!(server.heard("+15550101").await, ["v1", "v2"]);
        server.finish().await;
    }

    /// A plugin put into the watched folder is installed; a bad file changes nothing.
    async fn a_watched_folder_installs_and_upgrades(on: On) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        let server = Server::with(on, |config| config.plugins.watch = path).await;
        copy("upgrade-v1", folder.path());
        eventually("the plugin to be installed", async || answers(&server).await.filter(|text| text == "v1")).await;
        std::fs::write(folder.path().join("upgrade.wasm"), b"\0asm, or so it says").expect("written");
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert_eq!(answers(&server).await.as_deref(), Some("v1"), "the old version runs on");
        copy("upgrade-v2", folder.path());
        eventually("the upgrade", async || answers(&server).await.filter(|text| text == "v2")).await;
        server.stop().await;
    }

    /// Settings are checked against the plugin's own schema, and defaults are filled in.
    async fn an_installs_settings_are_checked(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        server.says("+15550101", "config").await;
        let path = format!("/api/v1/plugins/{install}/config");
        let refused = server.client.put(&path, json!({ "greeting": 7 })).await;
        assert!(refused.status.is_client_error(), "{}", refused.body);
        assert!(refused.body.to_string().contains("greeting"), "{}", refused.body);
        server.client.put(&path, json!({ "greeting": "Ahoy" })).await.ok();
        server.says("+15550101", "config").await;
        assert_eq!(server.heard("+15550101").await, [r#"{"greeting":"Hello"}"#, r#"{"greeting":"Ahoy"}"#]);
        server.finish().await;
    }
}

/// The last answer to a new message.
async fn answers(server: &Server) -> Option<String> {
    server.says("+15550101", "who?").await;
    server.heard("+15550101").await.pop()
}

fn copy(name: &str, folder: &Path) {
    std::fs::copy(plugin_file(name), folder.join("upgrade.wasm")).expect("copied");
}
