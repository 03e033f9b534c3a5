//! Messages by the API: listed, found, edited, sent once more, read, forgotten; what they may not be.

use serde_json::{Value, json};

use crate::support::Server;

both! {
    /// Every filter, and pages that meet without overlap.
    async fn messages_are_listed_by_what_they_are(on: On) {
        let server = Server::start(on).await;
        let (stranger, _) = server.another_team().await;
        for n in 0..5 {
            send(&server, json!({ "to": "+15550101", "type": "text", "text": format!("to one {n}") })).await;
        }
        send(&server, json!({ "to": "+15550102", "type": "text", "text": "to two" })).await;
        send(&server, json!({ "to": "+15550102", "type": "text", "text": "tomorrow", "scheduleAt": "2026-01-06T12:00:00Z" })).await;
        server.says("+15550101", "from one").await;
        assert_eq!(texts(&server, "").await.len(), 8);
        assert_eq!(texts(&server, "direction=in").await, ["from one"]);
        assert_eq!(texts(&server, "scheduled=true").await, ["tomorrow"]);
        assert_eq!(texts(&server, "status=pending").await, ["tomorrow"]);
        assert_eq!(texts(&server, "contact=%2B15550102").await, ["tomorrow", "to two"]);
        assert_eq!(texts(&server, &format!("account={}&direction=in", server.account)).await, ["from one"]);
        assert_eq!(texts(&server, "account=acc_none").await, Vec::<String>::new());
        let first = server.client.get("/api/v1/messages?limit=3").await.ok();
        let next = first["pagination"]["next"].as_str().expect("a next page").to_owned();
        assert_eq!(first["messages"][0]["text"], "from one");
        let second = server.client.get(&format!("/api/v1/messages?limit=5&cursor={next}")).await.ok();
        assert_eq!(second["messages"].as_array().expect("a list").len(), 5);
        assert_eq!(second["pagination"]["next"], Value::Null);
        assert_eq!(stranger.get("/api/v1/messages").await.ok()["messages"], json!([]));
        for wrong in ["status=gone", "direction=up", "colour=red", "limit=x"] {
            assert_eq!(server.client.get(&format!("/api/v1/messages?{wrong}")).await.refused(400), "invalid_request");
        }
        server.client.delete(&format!("/api/v1/accounts/{}/queue", server.account)).await.ok();
        server.finish().await;
    }

    /// By words and their beginnings, newest first, in one team, whatever is typed.
    async fn messages_are_found_by_their_words(on: On) {
        let server = Server::start(on).await;
        let (stranger, account) = server.another_team().await;
        for text in ["Your ORDER 4711 is ready", "order: coffee, two cups", "nothing of the kind", "Grüße aus Köln", "東京タワー"] {
            send(&server, json!({ "to": "+15550101", "type": "text", "text": text })).await;
        }
        server.says("+15550102", "my order?").await;
        let theirs = json!({ "account": account, "to": "+15550103", "type": "text", "text": "their order" });
        stranger.post("/api/v1/messages", theirs).await.ok();
        assert_eq!(found(&server, "q=order").await, ["my order?", "order: coffee, two cups", "Your ORDER 4711 is ready"]);
        assert_eq!(found(&server, "q=ord%20cof").await, ["order: coffee, two cups"]);
        assert_eq!(found(&server, "q=gr%C3%BC").await, ["Grüße aus Köln"]);
        assert_eq!(found(&server, "q=%E4%BA%AC").await, ["東京タワー"]);
        assert_eq!(found(&server, "q=order&contact=%2B15550102").await, ["my order?"]);
        for typed in ["\"", "order\" OR \"x", "ord*)(", "' | !a & b:*", "id_team", "team_id:x", "NEAR(order x)", "-", "%25", ""] {
            let typed: String = url::form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            let answer = server.client.get(&format!("/api/v1/messages/search?q={typed}")).await.ok();
            assert!(!answer.to_string().contains("their"), "{answer}");
        }
        let page = server.client.get("/api/v1/messages/search?q=order&limit=2").await.ok();
        let next = page["pagination"]["next"].as_str().expect("a next page");
        let rest = server.client.get(&format!("/api/v1/messages/search?q=order&cursor={next}")).await.ok();
        assert_eq!(rest["messages"][0]["text"], "Your ORDER 4711 is ready");
        assert_eq!(rest["messages"].as_array().expect("a list").len(), 1);
        server.drain().await;
        server.finish().await;
    }

    /// Neither case nor accents count; words in quotes stand one behind the other.
    async fn a_search_finds_what_a_person_means(on: On) {
        let server = Server::start(on).await;
        for text in ["Café Zoë, good morning", "good coffee in the morning", "CAFÉTERIA", "morning good", "елка и Ёлка"] {
            send(&server, json!({ "to": "+15550101", "type": "text", "text": text })).await;
        }
        for (typed, expected) in [
            ("cafe", &["CAFÉTERIA", "Café Zoë, good morning"][..]),
            ("CAFÉ zoe", &["Café Zoë, good morning"]),
            ("cafe\u{301} z", &["Café Zoë, good morning"]),
            ("ёлк", &["елка и Ёлка"]),
            ("good morn", &["morning good", "good coffee in the morning", "Café Zoë, good morning"]),
            ("\"good morning\"", &["Café Zoë, good morning"]),
            ("“morning good”", &["morning good"]),
            ("\"good morn\"", &[]),
            ("\"cafe\"", &["Café Zoë, good morning"]),
            ("\"the morning\" cof", &["good coffee in the morning"]),
            ("\"zoe, GOOD!\" \"cafe zoë\"", &["Café Zoë, good morning"]),
            ("good \"morning", &["morning good", "good coffee in the morning", "Café Zoë, good morning"]),
            ("ⓐ", &[]),
            ("\"good <-> morning\"", &["Café Zoë, good morning"]),
        ] {
            let query: String = url::form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            assert_eq!(found(&server, &format!("q={query}")).await, expected, "{typed}");
        }
        server.drain().await;
        server.finish().await;
    }

    /// A contact's messages on all accounts are one list, in order and without overlap, as are those of
    /// an account and of a chat; so are the notes.
    async fn a_list_over_several_chats_is_in_order(on: On) {
        let server = Server::start(on).await;
        let second = server.buy("+15550300", "unlimited_msg_no_chat_history").await;
        let accounts = [&server.account, &second];
        let mut expected = Vec::new();
        for n in 0..9 {
            let kind = if n % 3 == 2 { "note" } else { "text" };
            let body = json!({ "account": accounts[n / 2 % 2], "to": "+15550101", "type": kind, "text": format!("no {n}") });
            server.client.post("/api/v1/messages", body).await.ok();
            send(&server, json!({ "to": "+15550102", "type": "text", "text": format!("no {n} to another") })).await;
            expected.insert(0, format!("no {n}"));
        }
        let pages = async |path: &str| {
            let (mut all, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = server.client.get(&format!("{path}limit=2&cursor={cursor}")).await.ok();
                all.extend(words(&page));
                let Some(next) = page["pagination"]["next"].as_str() else { return all };
                next.clone_into(&mut cursor);
            }
        };
        let notes: Vec<String> = ["no 8", "no 5", "no 2"].map(str::to_owned).into();
        let first: Vec<String> = ["no 8", "no 5", "no 4", "no 1", "no 0"].map(str::to_owned).into();
        assert_eq!(pages("/api/v1/contacts/+15550101/messages?").await, expected);
        assert_eq!(pages("/api/v1/messages?contact=%2B15550101&").await, expected);
        assert_eq!(pages("/api/v1/contacts/+15550101/notes?").await, notes);
        assert_eq!(pages("/api/v1/messages?contact=%2B15550101&status=note&").await, notes);
        assert_eq!(pages(&format!("/api/v1/messages?contact=%2B15550101&account={}&", server.account)).await, first);
        let of_second: Vec<String> = expected.iter().filter(|text| !first.contains(text)).cloned().collect();
        assert_eq!(pages(&format!("/api/v1/messages?account={second}&")).await, of_second);
        let chats = server.client.get(&format!("/api/v1/chats?account={second}")).await.ok();
        let chat = chats["chats"][0]["id"].as_str().expect("a chat");
        assert_eq!(pages(&format!("/api/v1/messages?chat={chat}&")).await, of_second);
        assert_eq!(pages(&format!("/api/v1/chats/{chat}/messages?")).await, of_second);
        assert!(pages(&format!("/api/v1/messages?chat={chat}&account={}&", server.account)).await.is_empty());
        assert!(words(&server.client.get("/api/v1/messages?cursor=msg_none").await.ok()).is_empty());
        server.drain().await;
        server.finish().await;
    }

    /// An edit changes what is sent and what is found; a place in the chat is kept.
    async fn a_message_that_waits_is_edited(on: On) {
        let server = Server::start(on).await;
        let id = send(&server, json!({ "to": "+15550101", "type": "text", "text": "draft", "scheduleAt": 1_767_614_460 })).await;
        let path = format!("/api/v1/messages/{id}");
        let edited = server.client.patch(&path, json!({ "content": { "type": "text", "text": "final" } })).await.ok();
        assert_eq!((edited["text"].as_str(), edited["scheduleAt"].as_str()), (Some("final"), Some("2026-01-05T12:01:00.000Z")));
        assert_eq!((found(&server, "q=draft").await.len(), found(&server, "q=final").await.len()), (0, 1));
        server.client.patch(&path, json!({ "scheduleAt": "2026-01-05T12:02:00Z" })).await.ok();
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        server.client.patch(&path, json!({ "scheduleAt": "2026-01-05T12:01:00Z" })).await.ok();
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["final"], "an edit to now sends it");
        assert_eq!(server.client.patch(&path, json!({ "content": { "type": "text", "text": "late" } })).await.refused(409), "not_pending");
        server.finish().await;
    }

    /// What an edit may not be, and whose.
    async fn an_edit_is_checked(on: On) {
        let server = Server::start(on).await;
        let (stranger, _) = server.another_team().await;
        let id = send(&server, json!({ "to": "+15550101", "type": "text", "text": "a", "scheduleAt": "2026-01-06T12:00:00Z" })).await;
        let path = format!("/api/v1/messages/{id}");
        for (body, code) in [
            (json!({}), "invalid_request"),
            (json!({ "text": "b" }), "invalid_request"),
            (json!({ "content": { "type": "text", "text": "" } }), "invalid_content"),
            (json!({ "content": { "type": "note", "text": "b" } }), "invalid_content"),
            (json!({ "scheduleAt": "2020-01-01T00:00:00Z" }), "schedule_in_past"),
            (json!({ "scheduleAt": "2036-01-01T00:00:00Z" }), "schedule_too_far"),
        ] {
            assert_eq!(server.client.patch(&path, body.clone()).await.refused(400), code, "{body}");
        }
        assert_eq!(stranger.patch(&path, json!({ "content": { "type": "text", "text": "b" } })).await.refused(404), "not_found");
        for part in ["/retry", "/read"] {
            assert_eq!(stranger.post(&format!("{path}{part}"), json!({})).await.refused(404), "not_found");
        }
        assert_eq!(stranger.delete(&format!("{path}?forget=true")).await.refused(404), "not_found");
        assert_eq!(server.client.delete(&format!("{path}?forget=true")).await.refused(409), "still_pending");
        assert_eq!(server.client.get(&path).await.ok()["text"], "a");
        server.client.delete(&path).await.ok();
        server.finish().await;
    }

    /// While it is being sent an edit comes too late; it never changes what left.
    async fn an_edit_loses_against_a_send(on: On) {
        let server = Server::start(on).await;
        server.behave(json!({ "latency": 1000 })).await;
        let first = send(&server, json!({ "to": "+15550101", "type": "text", "text": "first" })).await;
        let second = send(&server, json!({ "to": "+15550101", "type": "text", "text": "second" })).await;
        crate::support::eventually("the first to leave", async || {
            (server.heard("+15550101").await.len() == 1).then_some(())
        })
        .await;
        let words = |text: &str| json!({ "content": { "type": "text", "text": text } });
        assert_eq!(server.client.patch(&format!("/api/v1/messages/{first}"), words("x")).await.refused(409), "not_pending");
        server.client.patch(&format!("/api/v1/messages/{second}"), words("changed")).await.ok();
        for _ in 0..4 {
            server.clock.advance(1_000);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["first", "changed"]);
        server.finish().await;
    }

    /// Only what failed is sent once more, and then it counts.
    async fn an_error_is_sent_once_more_when_asked(on: On) {
        let server = Server::start(on).await;
        server.plan(&["fail"]).await;
        let id = send(&server, json!({ "to": "+15550101", "type": "text", "text": "again" })).await;
        server.drain().await;
        let path = format!("/api/v1/messages/{id}");
        assert_eq!(server.client.get(&path).await.ok()["status"], "error");
        let retried = server.client.post(&format!("{path}/retry"), json!({})).await.ok();
        assert_eq!((retried["status"].as_str(), &retried["error"]), (Some("pending"), &Value::Null));
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["again"]);
        assert_eq!(server.client.post(&format!("{path}/retry"), json!({})).await.refused(409), "not_failed");
        server.finish().await;
    }

    /// The customer sees that it was read; a stored message can be forgotten, with its words.
    async fn a_message_is_read_and_forgotten(on: On) {
        let server = Server::start(on).await;
        server.says("+15550101", "please forget").await;
        let message = server.client.get("/api/v1/messages").await.ok()["messages"][0].clone();
        let path = format!("/api/v1/messages/{}", message["id"].as_str().expect("an id"));
        server.client.post(&format!("{path}/read"), json!({})).await.ok();
        let chat = server.client.get(&format!("/api/v1/chats/{}", message["chat"].as_str().expect("a chat"))).await.ok();
        assert_eq!(chat["unread"], 0);
        server.drain().await;
        server.client.delete(&format!("{path}?forget=true")).await.ok();
        assert_eq!(server.client.get(&path).await.refused(404), "not_found");
        assert_eq!(found(&server, "q=forget").await, Vec::<String>::new());
        let ours = send(&server, json!({ "to": "+15550101", "type": "text", "text": "ours" })).await;
        server.drain().await;
        assert_eq!(server.client.post(&format!("/api/v1/messages/{ours}/read"), json!({})).await.refused(409), "not_incoming");
        server.finish().await;
    }

    /// Refused at once, by a code, and nothing is written.
    async fn a_send_that_cannot_be_is_refused(on: On) {
        let server = Server::start(on).await;
        server.says("+15550102", "hello").await;
        let other = server.client.get("/api/v1/messages").await.ok()["messages"][0]["id"].clone();
        for (extra, code) in [
            (json!({ "scheduleAt": "2026-01-05T11:50:00Z" }), "schedule_in_past"),
            (json!({ "scheduleAt": 4_000_000_000_i64 }), "schedule_too_far"),
            (json!({ "scheduleAt": "tomorrow" }), "invalid_request"),
            (json!({ "replyTo": other }), "reply_not_found"),
            (json!({ "replyTo": "msg_none" }), "reply_not_found"),
            (json!({ "account": "acc_none" }), "account_not_found"),
            (json!({ "to": "12" }), "invalid_phone_number"),
            (json!({ "colour": "red" }), "invalid_request"),
        ] {
            let mut body = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "hi" });
            body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
            assert_eq!(server.client.post("/api/v1/messages", body).await.refused(400), code, "{extra}");
        }
        assert_eq!(texts(&server, "direction=out").await, Vec::<String>::new());
        server.finish().await;
    }

    /// Cards in both forms, sections, a choice of words: as they were meant.
    async fn every_kind_of_content_leaves_as_it_is(on: On) {
        let server = Server::start(on).await;
        let contents = [
            json!({ "type": "contacts", "contacts": [{ "displayName": "Ann", "phoneNumber": "+15550109" }] }),
            json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "Bob B." }, "phones": [{ "phone": "+1 555 0108" }], "emails": [{ "email": "b@example.com" }] }] }),
            json!({ "type": "interactive", "interactive": { "header": "H", "text": "Choose", "footer": "F", "button": "Open",
                "sections": [{ "title": "A", "rows": [{ "id": "1", "title": "one", "description": "d" }] }] } }),
            json!({ "type": "location", "location": { "latitude": 1.5, "longitude": 2.5, "name": "Here" } }),
        ];
        for content in &contents {
            let mut body = content.clone();
            body["to"] = "+15550101".into();
            send(&server, body).await;
        }
        send(&server, json!({ "to": "+15550102", "type": "text", "text": "{Hi|Hello} {you|there}", "randomizeMessage": true })).await;
        server.drain().await;
        let sent: Vec<Value> = server.client.outgoing(&server.account).await.into_iter().map(|record| record["content"].clone()).collect();
        assert_eq!(sent[..4], contents);
        let said = server.heard("+15550102").await[0].trim().to_owned();
        assert!(["Hi you", "Hi there", "Hello you", "Hello there"].contains(&said.as_str()), "{said}");
        assert_eq!(found(&server, "q=bob").await.len(), 1);
        server.finish().await;
    }
}

/// Send through the API; gives our id.
pub async fn send(server: &Server, mut body: Value) -> String {
    body["account"] = server.account.clone().into();
    let message = server.client.post("/api/v1/messages", body).await.ok();
    message["id"].as_str().expect("an id").to_owned()
}

/// The texts of a list, newest first.
async fn texts(server: &Server, query: &str) -> Vec<String> {
    words(&server.client.get(&format!("/api/v1/messages?{query}")).await.ok())
}

async fn found(server: &Server, query: &str) -> Vec<String> {
    words(&server.client.get(&format!("/api/v1/messages/search?{query}")).await.ok())
}

fn words(page: &Value) -> Vec<String> {
    let messages = page["messages"].as_array().expect("a list");
    messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
}
