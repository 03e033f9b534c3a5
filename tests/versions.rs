//! Versions of a plugin: tried dry, held until somebody agrees, activated, rolled back; and who did it.

use serde_json::{Value, json};

use crate::support::{Receiver, Server, plugin, with_manifest};

const ANN: &str = "+15550101";

/// Upload a version that does not run yet; gives its id.
async fn keep(server: &Server, install: &str, wasm: Vec<u8>) -> String {
    let path = format!("/api/v1/plugins/{install}/versions");
    let kept = server.client.post_bytes(&path, wasm, &[]).await.ok();
    kept["id"].as_str().expect("an id").to_owned()
}

async fn dry_run(server: &Server, install: &str, wish: Value) -> Value {
    server.client.post(&format!("/api/v1/plugins/{install}/dry-run"), wish).await.ok()
}

/// The words of an install's history, oldest first.
async fn history(server: &Server, install: &str) -> Vec<String> {
    let path = format!("/api/v1/plugins/{install}/history");
    let history = server.client.get(&path).await.ok();
    let changes = history["changes"].as_array().expect("a list").iter().rev();
    changes.map(|change| change["change"].as_str().expect("a word").to_owned()).collect()
}

fn words(call: &Value) -> Vec<&str> {
    let effects = call["effects"].as_array().expect("a list");
    effects.iter().map(|effect| effect["words"].as_str().expect("words")).collect()
}

both! {
    /// The last messages once more on the next version: shown beside what runs, and nobody hears it.
    async fn a_version_is_tried_before_it_runs(on: On) {
        let server = Server::start(on).await;
        let install = server.install("upgrade-v1").await;
        for text in ["a", "b", "c"] {
            server.says(ANN, text).await;
        }
        let next = keep(&server, &install, plugin("upgrade-v2")).await;
        let report = dry_run(&server, &install, json!({ "version": next, "last": 2 })).await;
        assert_eq!((&report["events"], &report["different"]), (&json!(2), &json!(2)), "{report}");
        let trials = report["trials"].as_array().expect("a list");
        let said: Vec<&Value> = trials.iter().map(|trial| &trial["event"]["text"]).collect();
        assert_eq!(said, ["b", "c"]);
        assert_eq!(words(&trials[0]["before"]), ["sends text: v1"]);
        assert_eq!(words(&trials[0]["after"]), ["sends text: v2"]);
        server.drain().await;
        assert_eq!(server.heard(ANN).await, ["v1", "v1", "v1"], "nothing of it was sent");
        server.says(ANN, "d").await;
        assert_eq!(server.heard(ANN).await[3], "v1", "the old version runs on");

        let activate = format!("/api/v1/plugins/{install}/activate");
        server.client.post(&activate, json!({ "version": next })).await.ok();
        server.says(ANN, "e").await;
        assert_eq!(server.heard(ANN).await[4], "v2");
        assert_eq!(history(&server, &install).await, ["installed", "kept", "activated"]);
        server.finish().await;
    }

    /// State, timers, tags, files, events, requests: all shown, none done, and secrets are made up.
    async fn a_dry_run_leaves_no_trace(on: On) {
        let outside = Receiver::start().await;
        let outside_url = outside.url.trim_end_matches('/');
        let host = outside_url.trim_start_matches("http://");
        let allowed = "127.0.0.0/8".parse().expect("a network");
        let server = Server::with(on, |config| config.plugins.http_allow = vec![allowed]).await;
        let hosts = |version: &str| {
            let wasm = with_manifest("probe", "http://127.0.0.1:9000", &format!("http://{host}"));
            let toml = switchboard::plugin::manifest::extract(&wasm).expect("its manifest");
            let toml = toml.replace("version = \"0.1.0\"", &format!("version = {version:?}"));
            switchboard::plugin::manifest::embed(&wasm, &toml).expect("embedded")
        };
        let install = server.install_bytes(hosts("0.1.0")).await;
        let secret = format!("/api/v1/plugins/{install}/secrets/open_key");
        server.client.put(&secret, json!({ "value": "hunter2" })).await;
        let get = format!("http {outside_url}/orders");
        let texts = ["count", "timer 60000 tea", "tag vip gold", "emit order.placed", "keep 5", "opt-in", "reveal open_key", get.as_str(), "fail"];
        for text in texts {
            server.says(ANN, text).await;
        }
        for _ in 0..6 {
            server.advance(120_000).await;
        }
        let before = traces(&server, &install).await;
        let (requests, heard) = (outside.requests().len(), server.heard(ANN).await);
        let next = keep(&server, &install, hosts("0.2.0")).await;
        let report = dry_run(&server, &install, json!({ "version": next, "last": 100 })).await;
        assert_eq!(report["different"], 0, "the same code does the same: {report}");
        assert!(report["events"].as_u64() >= Some(texts.len() as u64), "{report}");
        let trials = report["trials"].as_array().expect("a list");
        let of = |text: &str| {
            let found = trials.iter().find(|trial| trial["event"]["text"] == text);
            &found.unwrap_or_else(|| panic!("no trial of {text}"))["after"]
        };
        assert_eq!(words(of("count"))[..2], ["keeps chat/count = 2", "keeps plugin/count = 2"]);
        assert_eq!(words(of("tag vip gold")), ["tags vip gold"]);
        assert_eq!(words(of("emit order.placed")), ["emits order.placed {}"]);
        assert!(words(of("keep 5"))[0].starts_with("keeps a file"), "{:?}", of("keep 5"));
        assert_eq!(of("fail")["outcome"], "exception");
        assert_eq!(words(of("reveal open_key")), ["sends text: a-secret"]);
        assert_eq!(of(&get)["requests"][0]["url"], format!("{outside_url}/orders"));
        assert!(trials.iter().any(|trial| trial["event"]["kind"] == "timer.fired"), "{report}");
        assert!(!report.to_string().contains("hunter2"));

        server.advance(300_000).await;
        assert_eq!(outside.requests().len(), requests, "no request was made");
        assert_eq!(server.heard(ANN).await, heard, "nothing was sent");
        assert_eq!(traces(&server, &install).await, before);
        server.finish().await;
    }

    /// What asks for more is kept and waits; agreeing runs it, and going back skips what never ran.
    async fn a_version_waits_for_consent(on: On) {
        let server = Server::start(on).await;
        let install = server.install("upgrade-v1").await;
        let path = format!("/api/v1/plugins/{install}");
        assert_eq!(server.client.get(&path).await.ok()["waiting"], Value::Null);
        let more = "messaging = true\nstate = true";
        let greedy = with_manifest("upgrade-v2", "messaging = true", more);
        for _ in 0..2 {
            let refused = server.client.post_bytes("/api/v1/plugins", greedy.clone(), &[]).await;
            assert_eq!(refused.refused(409), "consent_required");
        }
        let waiting = server.client.get(&path).await.ok()["waiting"].clone();
        assert!(waiting["asks"].to_string().contains("keep"), "in plain words: {waiting}");
        server.says(ANN, "a").await;
        let version = waiting["id"].as_str().expect("an id");
        let refused = server.client.post(&format!("{path}/activate"), json!({ "version": version })).await;
        assert_eq!(refused.refused(409), "consent_required");
        let agreed = json!({ "version": version, "grant": "all" });
        server.client.post(&format!("{path}/activate"), agreed).await.ok();
        server.says(ANN, "b").await;
        assert_eq!(server.client.get(&path).await.ok()["waiting"], Value::Null);

        // One that was kept and never ran is not what one goes back to.
        let kept = with_manifest("upgrade-v1", "messaging = true", "messaging = true\nchats = \"read\"");
        keep(&server, &install, kept).await;
        let last = with_manifest("upgrade-v2", "messaging = true", "messaging = true\nmedia = true");
        server.client.post_bytes("/api/v1/plugins?grant=all", last, &[]).await.ok();
        server.client.post(&format!("{path}/rollback"), json!({})).await.ok();
        assert_eq!(server.client.get(&path).await.ok()["versionId"], version);
        server.client.post(&format!("{path}/rollback"), json!({})).await.ok();
        server.says(ANN, "c").await;
        assert_eq!(server.heard(ANN).await, ["v1", "v2", "v1"]);
        let words = ["installed", "held", "activated", "kept", "upgraded", "rolled_back", "rolled_back"];
        assert_eq!(history(&server, &install).await, words);
        server.finish().await;
    }

    /// Going back gives an older version what it had, and not what somebody took away since.
    async fn a_rollback_asks_nobody_again(on: On) {
        let server = Server::start(on).await;
        let with = |line: &str| with_manifest("upgrade-v1", "messaging = true", &format!("messaging = true\n{line}"));
        let install = server.install_bytes(with("state = true\ntimers = true")).await;
        server.install_bytes(with("timers = true\nmedia = true")).await;
        let path = format!("/api/v1/plugins/{install}");
        let less = json!({ "messaging": true, "media": true });
        server.client.put(&format!("{path}/grants"), less).await.ok();
        server.client.post(&format!("{path}/rollback"), json!({})).await.ok();
        let grants = server.client.get(&format!("{path}/grants")).await.ok()["granted"].clone();
        assert_eq!((&grants["state"], &grants["timers"]), (&json!(true), &json!(false)), "{grants}");
        server.finish().await;
    }

    /// Settings, secrets, order, suspension: each with who did it; and it stays after the plugin is gone.
    async fn the_history_names_who_changed_what(on: On) {
        let server = Server::start(on).await;
        let first = server.install("second").await;
        let install = server.install("probe").await;
        let path = format!("/api/v1/plugins/{install}");
        server.client.put(&format!("{path}/config"), json!({ "greeting": "Ahoy" })).await.ok();
        let secret = format!("{path}/secrets/api_key");
        server.client.put(&secret, json!({ "value": "hunter2" })).await;
        server.client.delete(&secret).await;
        server.client.put(&format!("{path}/grants"), json!({ "messaging": true })).await.ok();
        let order = json!({ "plugins": [install, first] });
        server.client.put("/api/v1/plugins/order", order).await.ok();
        server.client.post(&format!("{path}/suspend"), json!({ "reason": "too loud" })).await.ok();
        server.client.post(&format!("{path}/resume"), json!({})).await.ok();
        server.client.delete(&path).await;
        let history = server.client.get(&format!("{path}/history")).await.ok();
        let changes = history["changes"].as_array().expect("a list");
        let told: Vec<(&str, &Value)> =
            changes.iter().rev().map(|it| (it["change"].as_str().expect("a word"), &it["details"])).collect();
        let words: Vec<&str> = told.iter().map(|(word, _)| *word).collect();
        let expected = ["installed", "configured", "secret_set", "secret_deleted", "granted", "moved", "suspended", "resumed", "removed"];
        assert_eq!(words, expected);
        assert_eq!(told[1].1["keys"], json!(["greeting"]));
        assert_eq!(told[2].1["secret"], "api_key");
        assert_eq!(told[6].1["reason"], "too loud");
        assert!(!history.to_string().contains("hunter2"));
        let key = server.client.get("/api/v1/keys").await.ok()["keys"][0].clone();
        for change in changes {
            assert_eq!((&change["who"], &change["whoName"]), (&key["id"], &key["name"]));
        }
        let page = server.client.get(&format!("{path}/history?limit=2")).await.ok();
        let next = page["pagination"]["next"].as_str().expect("more");
        let page = server.client.get(&format!("{path}/history?limit=2&cursor={next}")).await.ok();
        assert_eq!(page["changes"][0]["change"], "suspended");
        server.finish().await;
    }

    /// Another team's plugin, version and events are not there; what is no plugin changes nothing.
    async fn others_and_nonsense_are_refused(on: On) {
        let server = Server::start(on).await;
        let install = server.install("upgrade-v1").await;
        server.says(ANN, "a").await;
        let next = keep(&server, &install, plugin("upgrade-v2")).await;
        let (stranger, _) = server.another_team().await;
        let path = format!("/api/v1/plugins/{install}");
        let dry = format!("{path}/dry-run");
        let wish = json!({ "version": next });
        assert_eq!(stranger.post(&dry, wish.clone()).await.refused(404), "not_found");
        assert_eq!(stranger.get(&format!("{path}/history")).await.refused(404), "not_found");
        let versions = format!("{path}/versions");
        let theirs = stranger.post_bytes(&versions, plugin("upgrade-v2"), &[]).await;
        assert_eq!(theirs.refused(404), "not_found");
        let wrong = [
            (json!({ "version": "ver_none" }), 404),
            (json!({ "version": next, "events": ["evt_none"] }), 404),
            (json!({ "version": next, "last": 0 }), 400),
            (json!({ "version": next, "last": 101 }), 400),
            (json!({ "version": next, "first": 1 }), 400),
            (json!({}), 400),
        ];
        for (wish, status) in wrong {
            let answer = server.client.post(&dry, wish.clone()).await;
            assert_eq!(answer.status, status, "{wish}: {}", answer.body);
        }
        let other = server.client.post_bytes(&versions, plugin("second"), &[]).await;
        assert!(other.body.to_string().contains("second"), "{}", other.body);
        assert_eq!(other.refused(400), "invalid_request");
        let broken = server.client.post_bytes(&versions, b"no plugin".to_vec(), &[]).await;
        assert!(broken.status.is_client_error(), "{}", broken.body);
        assert_eq!(history(&server, &install).await, ["installed", "kept"]);
        server.finish().await;
    }
}

/// How much there is of what a dry run must not add to.
async fn traces(server: &Server, install: &str) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "state",
        "timer",
        "event",
        "message",
        "contact_tag",
        "dead_letter",
        "plugin_log",
        "media",
        "job",
    ] {
        counts.push(server.count(table).await);
    }
    let state = format!("/api/v1/plugins/{install}/state");
    let kept = server.client.get(&state).await.ok()["state"].clone();
    counts.push(i64::try_from(kept.to_string().len()).expect("fits"));
    counts
}
