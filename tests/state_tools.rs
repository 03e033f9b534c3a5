//! What plugins keep, from outside: seen, edited, exported, imported, bounded.

use serde_json::{Value, json};

use crate::support::Server;

const ANN: &str = "+15550101";
const NDJSON: [(&str, &str); 1] = [("content-type", "application/x-ndjson")];

fn keys(list: &Value) -> Vec<String> {
    let all = list["state"].as_array().unwrap_or_else(|| panic!("{list}"));
    all.iter()
        .map(|one| {
            format!(
                "{} {}",
                one["scope"].as_str().expect("text"),
                one["key"].as_str().expect("a text")
            )
        })
        .collect()
}

/// The id of the one chat of this customer.
async fn chat(server: &Server) -> String {
    let list = server.client.get("/api/v1/chats").await.ok();
    list["chats"][0]["id"].as_str().expect("a chat").to_owned()
}

both! {
    async fn it_is_listed_over_all_scopes_page_by_page(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        for said in ["set chat a/b 1", "set contact a 2", "set plugin b 3", "set plugin a 4"] {
            server.says(ANN, said).await;
        }
        let path = format!("/api/v1/plugins/{install}/state");
        let all = server.client.get(&path).await.ok();
        assert_eq!(keys(&all), ["chat a/b", "contact a", "plugin a", "plugin b"]);
        let mut cursor = String::new();
        let mut paged = Vec::new();
        loop {
            let page = server.client.get(&format!("{path}?limit=1&cursor={cursor}")).await.ok();
            paged.extend(keys(&page));
            match page["pagination"]["next"].as_str() {
                Some(next) => cursor = next.replace('/', "%2F"),
                None => break,
            }
        }
        assert_eq!(paged, keys(&all));
        let chat = chat(&server).await;
        let some = server.client.get(&format!("{path}?scope=chat&id={chat}&prefix=a/")).await.ok();
        assert_eq!((keys(&some), &some["state"][0]["subject"]), (vec!["chat a/b".to_owned()], &json!(chat)));
        assert_eq!(keys(&server.client.get(&format!("{path}?scope=plugin&prefix=b")).await.ok()), ["plugin b"]);
        for wrong in ["scope=team", "cursor=x", "colour=red"] {
            assert_eq!(server.client.get(&format!("{path}?{wrong}")).await.refused(400), "invalid_request");
        }
        let (other, _) = server.another_team().await;
        assert_eq!(other.get(&path).await.refused(404), "not_found");
        server.finish().await;
    }

    /// What a person writes, the plugin reads, and the other way round; time takes it away.
    async fn one_value_is_read_written_and_deleted(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        server.says(ANN, "set chat colour red").await;
        let chat = chat(&server).await;
        let value = |query: &str| format!("/api/v1/plugins/{install}/state/value?{query}");
        let of_chat = value(&format!("scope=chat&id={chat}&key=colour"));
        assert_eq!(server.client.get(&of_chat).await.ok()["value"], "red");
        let put = server.client.put(&of_chat, json!({ "value": "blue", "ttl": 60_000 })).await.ok();
        assert_eq!(put["expiresAt"], "2026-01-05T12:01:00.000Z", "{put}");
        server.says(ANN, "get chat colour").await;
        server.client.put(&value("key=greeting"), json!({ "value": "" })).await.ok();
        assert_eq!(server.client.get(&value("key=greeting")).await.ok()["value"], "");
        assert_eq!(server.client.delete(&value("key=greeting")).await.status, 204);
        assert_eq!(server.client.delete(&value("key=greeting")).await.refused(404), "not_found");
        server.advance(60_000).await;
        server.says(ANN, "get chat colour").await;
        assert_eq!(server.heard(ANN).await, ["blue", "none"]);
        assert_eq!(server.client.get(&of_chat).await.refused(404), "not_found");

        let long = "k".repeat(257);
        for (query, body, status) in [
            ("key=", json!({ "value": "x" }), 400),
            (long.as_str(), json!({ "value": "x" }), 400),
            ("key=k", json!({ "value": "x".repeat(65_537) }), 400),
            ("key=k", json!({ "value": "x", "ttl": 0 }), 400),
            ("key=k", json!({ "value": 7 }), 400),
            ("key=k", json!({}), 400),
            ("key=k", json!({ "value": "x", "colour": "red" }), 400),
            ("key=k&scope=team", json!({ "value": "x" }), 400),
            ("key=k&scope=plugin&id=x", json!({ "value": "x" }), 400),
            ("key=k&scope=chat&id=chat_none", json!({ "value": "x" }), 404),
            ("key=k&scope=contact", json!({ "value": "x" }), 404),
        ] {
            let query = if query.len() > 200 { format!("key={query}") } else { query.to_owned() };
            let answer = server.client.put(&value(&query), body).await;
            assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.body);
        }
        let (other, _) = server.another_team().await;
        for answer in [other.get(&of_chat).await, other.put(&of_chat, json!({ "value": "x" })).await, other.delete(&of_chat).await] {
            assert_eq!(answer.refused(404), "not_found");
        }
        assert_eq!(keys(&server.client.get(&format!("/api/v1/plugins/{install}/state")).await.ok()), Vec::<String>::new());
        server.finish().await;
    }

    /// Writers from outside and calls of the plugin count in one number: a call that read what was
    /// written meanwhile runs again.
    async fn an_edit_overtakes_the_calls_that_read_before_it(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        let path = format!("/api/v1/plugins/{install}/state/value?key=count");
        server.client.put(&path, json!({ "value": "1000" })).await.ok();
        let mut writers = tokio::task::JoinSet::new();
        for chat in 0..4 {
            let (client, account) = (server.client.clone(), server.account.clone());
            writers.spawn(async move {
                for _ in 0..5 {
                    client.incoming(&account, &format!("+1555010{chat}"), "count").await;
                }
            });
        }
        // A key of its own, in the same lines of commits.
        for n in 0..10 {
            let other = format!("/api/v1/plugins/{install}/state/value?key=other");
            server.client.put(&other, json!({ "value": n.to_string() })).await.ok();
        }
        writers.join_all().await;
        server.drain().await;
        assert_eq!(server.client.get(&path).await.ok()["value"], "1020");
        server.finish().await;
    }

    /// Out of one install and back: the same, with times; what does not fit is told line by line.
    async fn an_export_comes_back_by_an_import(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        for said in ["set chat a one", "set contact b two", "set account c three"] {
            server.says(ANN, said).await;
        }
        let base = format!("/api/v1/plugins/{install}/state");
        // More than one set of lines.
        let many: String = (0..600).map(|n| format!("{{\"scope\":\"plugin\",\"key\":\"k{n:03}\",\"value\":\"v{n}\"}}\n")).collect();
        let done = server.client.post_bytes(&format!("{base}/import"), many.into_bytes(), &NDJSON).await.ok();
        assert_eq!((&done["written"], &done["refused"]), (&json!(600), &json!(0)), "{done}");
        server.client.put(&format!("{base}/value?key=last"), json!({ "value": "soon", "ttl": 3_600_000 })).await.ok();

        let export = server.client.get(&format!("{base}/export")).await.ok();
        let text = export.as_str().expect("lines").to_owned();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 604);
        assert_eq!(lines[603]["expiresAt"], "2026-01-05T13:00:00.000Z");
        for line in &lines {
            let query = format!("scope={}&id={}&key={}", line["scope"].as_str().expect("text"), line["subject"].as_str().expect("text"), line["key"].as_str().expect("a text"));
            assert_eq!(server.client.delete(&format!("{base}/value?{query}")).await.status, 204);
        }
        assert_eq!(server.client.get(&format!("{base}/export")).await.body, Value::Null);
        let done = server.client.post_bytes(&format!("{base}/import"), text.clone().into_bytes(), &NDJSON).await.ok();
        assert_eq!(done["written"], 604);
        let again = server.client.get(&format!("{base}/export")).await.ok();
        assert_eq!(again.as_str(), Some(text.as_str()));
        server.says(ANN, "get chat a").await;
        assert_eq!(server.heard(ANN).await, ["one"]);
        server.finish().await;
    }

    async fn lines_that_do_not_fit_are_left_out_and_told(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        let import = format!("/api/v1/plugins/{install}/state/import");
        let lines = [
            r#"{"scope":"plugin","key":"good","value":"1"}"#.to_owned(),
            "no JSON".to_owned(),
            r#"{"scope":"plugin","key":"good","value":1}"#.to_owned(),
            r#"{"scope":"plugin","key":"good","value":"1","version":3}"#.to_owned(),
            r#"{"scope":"chat","subject":"chat_none","key":"k","value":"1"}"#.to_owned(),
            r#"{"scope":"plugin","key":"","value":"1"}"#.to_owned(),
            r#"{"scope":"plugin","key":"k","value":"1","expiresAt":"soon"}"#.to_owned(),
            format!(r#"{{"scope":"plugin","key":"k","value":"{}"}}"#, "x".repeat(65_537)),
            "x".repeat(1 << 20),
            String::new(),
            r#"{"scope":"plugin","key":"last","value":"without a newline"}"#.to_owned(),
        ];
        let done = server.client.post_bytes(&import, lines.join("\n").into_bytes(), &NDJSON).await.ok();
        assert_eq!((&done["written"], &done["refused"]), (&json!(2), &json!(8)), "{done}");
        let told: Vec<i64> = done["problems"].as_array().expect("a list").iter().map(|one| one["line"].as_i64().expect("a number")).collect();
        assert_eq!(told, [2, 3, 4, 5, 6, 7, 8, 9]);
        let all = server.client.get(&format!("/api/v1/plugins/{install}/state")).await.ok();
        assert_eq!(keys(&all), ["plugin good", "plugin last"]);
        let plain = [("content-type", "text/plain")];
        assert_eq!(server.client.post_bytes(&import, Vec::new(), &plain).await.refused(415), "unsupported_media_type");
        let (other, _) = server.another_team().await;
        assert_eq!(other.post_bytes(&import, Vec::new(), &NDJSON).await.refused(404), "not_found");
        assert_eq!(other.get(&format!("/api/v1/plugins/{install}/state/export")).await.refused(404), "not_found");
        server.finish().await;
    }

    /// An install may keep so much: the plugin is told `limit`, and goes on; so is a person.
    async fn what_an_install_keeps_is_bounded(on: On) {
        let server = Server::with(on, |config| {
            config.plugins.state_keys = 3;
            config.plugins.timers = 2;
        })
        .await;
        let install = server.install("probe").await;
        for said in ["set chat a 1", "set plugin b 1", "set contact c 1", "set plugin d 1", "set plugin b 2", "get plugin b"] {
            server.says(ANN, said).await;
        }
        for said in ["timer 600000 one", "timer 600000 two", "timer 600000 three", "timer 500000 two", "timers"] {
            server.says(ANN, said).await;
        }
        let heard = server.heard(ANN).await;
        assert!(heard.len() == 4 && heard[0].starts_with("limit: an install may keep 3 keys"), "{heard:?}");
        assert!(heard[2].starts_with("limit: an install may have 2 timers"), "{heard:?}");
        assert_eq!((heard[1].as_str(), heard[3].as_str()), ("2", "timers one,two"));
        let base = format!("/api/v1/plugins/{install}/state");
        let put = async |key: &str| server.client.put(&format!("{base}/value?key={key}"), json!({ "value": "3" })).await;
        assert_eq!(put("d").await.refused(409), "state_full");
        put("b").await.ok();
        let line = r#"{"scope":"plugin","key":"d","value":"1"}"#;
        let import = server.client.post_bytes(&format!("{base}/import"), line.as_bytes().to_vec(), &NDJSON).await;
        assert_eq!(import.refused(409), "state_full");
        assert_eq!(server.client.delete(&format!("{base}/value?key=b")).await.status, 204);
        // There is room again, for the plugin too.
        server.says(ANN, "set plugin d 1").await;
        server.says(ANN, "get plugin d").await;
        assert_eq!(server.heard(ANN).await.last().map(String::as_str), Some("1"));
        server.stop().await;
    }
}
