//! What is refused for its moment, for what was asked before, or for its account's state: with a code
//! that says what to do, and nothing changed.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const ANN: &str = "+15550101";

both! {
    /// Neither long past nor years ahead: on a send, a bulk send and an edit.
    async fn a_due_time_is_neither_past_nor_far_ahead(on: On) {
        let server = Server::start(on).await;
        let mut waiting = text(&server, "later");
        waiting["scheduleAt"] = "2026-01-06T12:00:00Z".into();
        let waiting = server.client.post("/api/v1/messages", waiting).await.ok();
        let path = format!("/api/v1/messages/{}", waiting["id"].as_str().expect("an id"));
        let before = stored(&server).await;
        for (at, code) in [
            (json!("2020-01-01T00:00:00Z"), "schedule_in_past"), (json!(0), "schedule_in_past"), (json!(-62_135_596_800_i64), "schedule_in_past"),
            (json!("2099-01-01T00:00:00Z"), "schedule_too_far"), (json!(99_999_999_999_i64), "schedule_too_far"),
            (json!("tomorrow"), "invalid_request"), (json!("2026-13-01T00:00:00Z"), "invalid_request"), (json!(1.5), "invalid_request"),
            (json!(i64::MAX), "invalid_request"), (json!("+999999-01-01T00:00:00Z"), "invalid_request"),
        ] {
            let mut send = text(&server, "hi");
            send["scheduleAt"] = at.clone();
            let mut bulk = bulk(&server, "hi");
            bulk["scheduleAt"] = at.clone();
            assert_eq!(server.client.post("/api/v1/messages", send).await.refused(400), code, "send at {at}");
            assert_eq!(server.client.post("/api/v1/bulk", bulk).await.refused(400), code, "bulk at {at}");
            assert_eq!(server.client.patch(&path, json!({ "scheduleAt": at })).await.refused(400), code, "edit to {at}");
        }
        assert_eq!(stored(&server).await, before);
        assert_eq!(server.client.get(&path).await.ok(), waiting);
        server.client.delete(&path).await.ok();
        server.finish().await;
    }

    /// The same request under the same id is the same message, whatever became of it and of its
    /// account; another one under it is refused.
    async fn an_id_stands_for_one_request(on: On) {
        let server = Server::start(on).await;
        let mut send = text(&server, "hi");
        send["idempotencyId"] = "a-1".into();
        let first = server.client.post("/api/v1/messages", send.clone()).await.ok();
        server.drain().await;
        for (field, value) in [
            ("text", json!("other")), ("to", json!("+15550102")), ("withTyping", json!(true)), ("scheduleAt", json!("2026-01-06T12:00:00Z")),
        ] {
            let mut other = send.clone();
            other[field] = value;
            let refusal = server.client.post("/api/v1/messages", other).await;
            assert!(refusal.body["error"]["message"].as_str().is_some_and(|said| said.contains("a-1")), "{}", refusal.body);
            assert_eq!(refusal.refused(409), "idempotency_mismatch", "{field}");
        }
        // However it is written.
        let mut again = send.clone();
        again["to"] = "+1 555-0101".into();
        again.as_object_mut().expect("an object").remove("account");
        assert_eq!(server.client.post("/api/v1/messages", again).await.ok()["id"], first["id"]);
        server.client.post(&format!("/api/v1/accounts/{}/close", server.account), Value::Null).await.ok();
        server.drain().await;
        assert_eq!(server.client.post("/api/v1/messages", send.clone()).await.ok()["id"], first["id"]);
        server.drain().await;
        assert_eq!((server.rows("message", &server.account).await, server.heard(ANN).await.len()), (1, 1));
        // On another account it is another's.
        let other = server.buy("+15550300", "unlimited_msg_no_chat_history").await;
        send["account"] = other.into();
        assert_ne!(server.client.post("/api/v1/messages", send).await.ok()["id"], first["id"]);
        server.finish().await;
    }

    /// Many at once, of two kinds: one of the kinds wins, and is one message.
    async fn of_two_requests_at_once_under_one_id_one_is_refused(on: On) {
        let server = Server::start(on).await;
        let mut senders = tokio::task::JoinSet::new();
        for number in 0..20 {
            let client = server.client.clone();
            let mut send = text(&server, ["one", "other"][number % 2]);
            send["idempotencyId"] = "race".into();
            senders.spawn(async move { client.post("/api/v1/messages", send).await });
        }
        let answers = senders.join_all().await;
        let mut ids: Vec<String> = answers.iter().filter(|answer| answer.status == 202).map(|answer| answer.body["id"].to_string()).collect();
        assert_eq!(ids.len(), 10, "{answers:?}");
        ids.dedup();
        assert_eq!(ids.len(), 1);
        assert_eq!(answers.into_iter().filter(|answer| answer.status == 409).map(|answer| answer.refused(409)).collect::<Vec<_>>(), ["idempotency_mismatch"; 10]);
        server.drain().await;
        assert_eq!(server.heard(ANN).await.len(), 1);
        server.finish().await;
    }

    /// The same for a bulk send; an edit needs no id, and does not change what its message's id stands for.
    async fn a_bulk_send_and_an_edit_keep_to_the_same(on: On) {
        let server = Server::start(on).await;
        let mut begin = bulk(&server, "hi");
        begin["idempotencyId"] = "spring".into();
        let first = server.client.post("/api/v1/bulk", begin.clone()).await.ok();
        assert_eq!(server.client.post("/api/v1/bulk", begin.clone()).await.ok()["id"], first["id"]);
        for (field, value) in [("content", json!({ "type": "text", "text": "other" })), ("pace", json!(7)), ("recipients", json!([{ "to": "+15550102" }]))] {
            let mut other = begin.clone();
            other[field] = value;
            assert_eq!(server.client.post("/api/v1/bulk", other).await.refused(409), "idempotency_mismatch", "{field}");
        }
        server.drain().await;
        assert_eq!(server.client.get("/api/v1/bulk").await.ok()["bulk"].as_array().map(Vec::len), Some(1));
        let mut send = text(&server, "later");
        send["scheduleAt"] = "2026-01-06T12:00:00Z".into();
        send["idempotencyId"] = "m-1".into();
        let message = server.client.post("/api/v1/messages", send.clone()).await.ok();
        let path = format!("/api/v1/messages/{}", message["id"].as_str().expect("an id"));
        let edit = json!({ "content": { "type": "text", "text": "edited" } });
        for _ in 0..2 {
            server.client.patch(&path, edit.clone()).await.ok();
        }
        assert_eq!(server.client.post("/api/v1/messages", send.clone()).await.ok()["text"], "edited");
        send["text"] = "edited".into();
        assert_eq!(server.client.post("/api/v1/messages", send).await.refused(409), "idempotency_mismatch");
        let refusal = server.client.patch(&path, json!({ "content": edit["content"], "idempotencyId": "m-2" })).await;
        assert!(refusal.body.to_string().contains("idempotencyId"), "{}", refusal.body);
        assert_eq!(refusal.refused(400), "invalid_request");
        server.client.delete(&path).await.ok();
        server.finish().await;
    }

    /// What would leave now is refused, and so is a retry; what needs no connection is not.
    async fn nothing_leaves_a_closed_account(on: On) {
        let server = Server::start(on).await;
        server.plan(&["fail"]).await;
        let failed = server.client.post("/api/v1/messages", text(&server, "fails")).await.ok();
        server.drain().await;
        let retry = format!("/api/v1/messages/{}/retry", failed["id"].as_str().expect("an id"));
        server.client.post(&format!("/api/v1/accounts/{}/close", server.account), Value::Null).await.ok();
        server.drain().await;
        let before = stored(&server).await;
        for answer in [
            server.client.post("/api/v1/messages", text(&server, "now")).await,
            server.client.post("/api/v1/bulk", bulk(&server, "now")).await,
            server.client.post(&retry, Value::Null).await,
        ] {
            assert!(answer.body["error"]["message"].as_str().is_some_and(|said| said.contains("open it")), "{}", answer.body);
            assert_eq!(answer.refused(409), "account_closed");
        }
        assert_eq!(stored(&server).await, before);
        let mut later = bulk(&server, "later");
        later["scheduleAt"] = "2026-01-06T12:00:00Z".into();
        let later = server.client.post("/api/v1/bulk", later).await.ok();
        server.client.post(&format!("/api/v1/bulk/{}/cancel", later["id"].as_str().expect("an id")), Value::Null).await.ok();
        server.advance(86_400_000).await;
        server.finish().await;
    }

    /// Every operation that takes an account: archived it may be looked at, renamed and unarchived;
    /// deleted it is unknown.
    async fn an_archived_or_deleted_account_takes_nothing(on: On) {
        let server = Server::start(on).await;
        server.says(ANN, "hello").await;
        let install = server.install("probe").await;
        let account = format!("/api/v1/accounts/{}", server.account);
        server.client.post(&format!("{account}/archive"), Value::Null).await.ok();
        server.drain().await;
        let (archived, before) = (server.client.get(&account).await.ok(), stored(&server).await);
        for (what, answer) in operations(&server).await {
            assert_eq!(answer.refused(409), "account_archived", "{what}");
        }
        server.drain().await;
        assert_eq!((server.client.get(&account).await.ok(), stored(&server).await), (archived, before));
        server.client.get(&format!("{account}/queue")).await.ok();
        server.client.patch(&account, json!({ "nickname": "Old" })).await.ok();

        assert_eq!(server.client.delete(&account).await.status, 202);
        server.drain().await;
        let before = stored(&server).await;
        for (what, answer) in operations(&server).await {
            let status = answer.status.as_u16();
            let code = answer.refused(status);
            assert!([(404, "not_found"), (400, "account_not_found")].contains(&(status, code.as_str())), "{what}: {status} {code}");
        }
        for (method, path) in [("GET", ""), ("DELETE", ""), ("GET", "/qr"), ("POST", "/unarchive"), ("POST", "/archive"), ("GET", "/queue"), ("GET", "/queue/messages"), ("DELETE", "/queue")] {
            let method = method.parse().expect("a method");
            let request = server.client.request(method, &format!("{account}{path}")).bearer_auth(&server.client.key);
            assert_eq!(server.client.send(request).await.refused(404), "not_found", "{path}");
        }
        let accounts = json!({ "accounts": [server.account] });
        server.client.put(&format!("/api/v1/plugins/{install}/accounts"), accounts).await.refused(404);
        let endpoint = json!({ "url": "http://127.0.0.1:9/", "accounts": [server.account] });
        server.client.post("/api/v1/endpoints", endpoint).await.refused(404);
        assert_eq!(stored(&server).await, before);
        server.finish().await;
    }
}

/// What an account that is in use takes.
async fn operations(server: &Server) -> Vec<(&'static str, Answer)> {
    let (client, account) = (&server.client, format!("/api/v1/accounts/{}", server.account));
    let mut later = text(server, "later");
    later["scheduleAt"] = "2026-01-06T12:00:00Z".into();
    vec![
        ("send", client.post("/api/v1/messages", text(server, "now")).await),
        ("schedule", client.post("/api/v1/messages", later).await),
        ("bulk", client.post("/api/v1/bulk", bulk(server, "now")).await),
        ("open", client.post(&format!("{account}/open"), Value::Null).await),
        ("close", client.post(&format!("{account}/close"), Value::Null).await),
        ("logout", client.post(&format!("{account}/logout"), Value::Null).await),
        ("tier", client.patch(&account, json!({ "tier": "limited_msg_no_chat_history" })).await),
        ("pause", client.post(&format!("{account}/queue/pause"), Value::Null).await),
        ("resume", client.post(&format!("{account}/queue/resume"), Value::Null).await),
        ("queue", client.put(&format!("{account}/queue"), json!({ "gap": 5 })).await),
    ]
}

fn text(server: &Server, words: &str) -> Value {
    json!({ "account": server.account, "to": ANN, "type": "text", "text": words })
}

fn bulk(server: &Server, words: &str) -> Value {
    json!({ "account": server.account, "content": { "type": "text", "text": words }, "recipients": [{ "to": ANN }] })
}

/// How many messages, bulk sends, jobs and events there are, and how accounts stand.
async fn stored(server: &Server) -> Vec<String> {
    let mut rows = server
        .column("SELECT state || ' ' || reason || ' ' || tier || ' ' || settings FROM account")
        .await;
    for table in ["message", "bulk", "job", "event", "usage_period"] {
        rows.push(format!(
            "{table} {:?}",
            server.column(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}")).await
        ));
    }
    rows
}
