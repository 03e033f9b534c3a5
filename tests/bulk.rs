//! Bulk sends: each recipient once, at a pace, through pauses and restarts.

use serde_json::{Value, json};

use crate::support::Server;

both! {
    /// Words of their own for each, and counts that add up.
    async fn each_recipient_gets_words_of_their_own(on: On) {
        let server = Server::start(on).await;
        let begun = begin(&server, json!({ "pace": 60_000, "content": { "type": "text", "text": "Hi {{name}}, it is {{day}}" } }), 3).await;
        let path = path(&begun);
        server.drain().await;
        for n in 0..3 {
            assert_eq!(server.heard(&phone(n)).await, [format!("Hi No {n}, it is Monday")]);
        }
        server.advance(300).await;
        server.advance(900).await;
        let seen = server.client.get(&path).await.ok();
        assert_eq!((seen["state"].as_str(), &seen["queued"], &seen["counts"]["read"]), (Some("done"), &json!(3), &json!(3)));
        let listed = server.client.get(&format!("{path}/recipients?limit=2")).await.ok();
        assert_eq!(listed["recipients"][1]["status"], "read");
        let next = listed["pagination"]["next"].as_str().expect("a next page");
        let rest = server.client.get(&format!("{path}/recipients?cursor={next}")).await.ok();
        assert_eq!(rest["recipients"].as_array().map(Vec::len), Some(1));
        let (stranger, _) = server.another_team().await;
        assert_eq!(stranger.get(&path).await.refused(404), "not_found");
        assert_eq!(stranger.post(&format!("{path}/cancel"), json!({})).await.refused(404), "not_found");
        server.finish().await;
    }

    /// Sixty a minute are one a second; a restart in the middle goes on where it was.
    async fn it_keeps_its_pace_through_a_restart(on: On) {
        let server = Server::start(on).await;
        let begun = begin(&server, json!({ "pace": 60, "content": { "type": "text", "text": "news {{name}}{{day}}" } }), 6).await;
        server.drain().await;
        assert_eq!(sent(&server).await, 1);
        server.advance(1_000).await;
        assert_eq!(sent(&server).await, 2);
        let mut server = server.restart_after(10_000).await;
        for _ in 0..4 {
            server.drain().await;
            server = server.restart().await;
            server.advance(1_000).await;
        }
        server.drain().await;
        assert_eq!(sent(&server).await, 6, "each once");
        for n in 0..6 {
            assert_eq!(server.heard(&phone(n)).await.len(), 1);
        }
        assert_eq!(server.client.get(&path(&begun)).await.ok()["state"], "done");
        server.finish().await;
    }

    /// Paused, nothing more is queued; cancelled, what waits goes too.
    async fn it_is_paused_resumed_and_cancelled(on: On) {
        let server = Server::start(on).await;
        let begun = begin(&server, json!({ "pace": 60, "content": { "type": "text", "text": "news {{name}}{{day}}" } }), 5).await;
        let path = path(&begun);
        server.drain().await;
        assert_eq!(server.client.post(&format!("{path}/pause"), json!({})).await.ok()["state"], "paused");
        server.advance(60_000).await;
        assert_eq!(sent(&server).await, 1);
        server.client.post(&format!("{path}/resume"), json!({})).await.ok();
        server.drain().await;
        assert_eq!(sent(&server).await, 2);
        server.client.post(&format!("/api/v1/accounts/{}/queue/pause", server.account), json!({})).await.ok();
        server.advance(1_000).await;
        let seen = server.client.post(&format!("{path}/cancel"), json!({})).await.ok();
        assert_eq!((seen["state"].as_str(), &seen["counts"]["cancelled"], &seen["queued"]), (Some("cancelled"), &json!(1), &json!(3)));
        server.client.post(&format!("/api/v1/accounts/{}/queue/resume", server.account), json!({})).await.ok();
        server.advance(60_000).await;
        assert_eq!(sent(&server).await, 2);
        assert_eq!(server.client.post(&format!("{path}/resume"), json!({})).await.refused(409), "bulk_over");
        server.finish().await;
    }

    /// The caller's own id makes it one; who opted out gets nothing.
    async fn it_is_begun_once_and_spares_who_opted_out(on: On) {
        let server = Server::start(on).await;
        server.install("opt-out").await;
        server.says(&phone(1), "STOP").await;
        let before = server.heard(&phone(1)).await.len();
        let new = json!({ "pace": 60_000, "idempotencyId": "spring", "content": { "type": "text", "text": "news {{name}}{{day}}" } });
        let first = begin(&server, new.clone(), 3).await;
        let second = begin(&server, new, 3).await;
        assert_eq!(first["id"], second["id"]);
        server.drain().await;
        assert_eq!(server.heard(&phone(1)).await.len(), before);
        let listed = server.client.get(&format!("{}/recipients", path(&first))).await.ok();
        assert_eq!(listed["recipients"][1]["error"], "opted_out");
        assert_eq!((server.heard(&phone(0)).await.len(), server.heard(&phone(2)).await.len()), (1, 1));
        server.finish().await;
    }

    /// By the place in the list, and nothing is begun.
    async fn a_bad_one_is_refused_whole(on: On) {
        let server = Server::with(on, |config| config.limits.bulk_recipients = 3).await;
        let text = json!({ "type": "text", "text": "Hi {{name}}" });
        let ann = json!({ "to": "+15550101", "variables": { "name": "Ann" } });
        for (content, recipients, word) in [
            (&text, json!([]), "recipients"),
            (&text, json!([ann, { "to": "+15550102" }]), "recipients[1].variables"),
            (&text, json!([ann, ann]), "twice"),
            (&text, json!([{ "to": "nobody", "variables": { "name": "A" } }]), "nobody"),
            (&text, json!([{ "to": "+1", "variables": { "name": "A" } }]), "recipients[0].to"),
            (&text, json!([{ "to": "+15550101", "variables": { "name": "x".repeat(2000) } }]), "1000"),
            (&text, json!([ann, ann, ann, ann]), "1 to 3"),
            (&json!({ "type": "note", "text": "a" }), json!([ann]), "note"),
            (&json!({ "type": "text", "txt": "a" }), json!([ann]), "txt"),
        ] {
            let body = json!({ "account": server.account, "content": content, "recipients": recipients });
            let answer = server.client.post("/api/v1/bulk", body).await;
            assert_eq!(answer.status.as_u16(), 400, "{}", answer.body);
            assert!(answer.body["error"]["message"].as_str().is_some_and(|said| said.contains(word)), "{word}: {}", answer.body);
        }
        assert_eq!(server.client.get("/api/v1/bulk").await.ok()["bulk"], json!([]));
        server.finish().await;
    }
}

async fn begin(server: &Server, mut new: Value, recipients: usize) -> Value {
    let recipients: Vec<Value> = (0..recipients)
        .map(|n| json!({ "to": phone(n), "variables": { "name": format!("No {n}"), "day": "Monday" } }))
        .collect();
    new["account"] = server.account.clone().into();
    new["recipients"] = recipients.into();
    server.client.post("/api/v1/bulk", new).await.ok()
}

fn phone(n: usize) -> String {
    format!("+1555010{n}")
}

fn path(bulk: &Value) -> String {
    format!("/api/v1/bulk/{}", bulk["id"].as_str().expect("an id"))
}

async fn sent(server: &Server) -> usize {
    server.client.outgoing(&server.account).await.len()
}
