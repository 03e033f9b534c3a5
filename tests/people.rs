//! Contacts and chats: what a team keeps of people, and how it stands with them.

use serde_json::{Value, json};

use crate::support::{Client, Server};

const ANN: &str = "+15550101";

both! {
    /// What was written is there; what is absent from a change stays.
    async fn a_contact_is_made_and_changed(on: On) {
        let server = Server::start(on).await;
        let new = json!({ "phone": "+1 555-0101", "name": "Ann", "tags": { "vip": "" }, "fields": { "city": "Bonn", "age": 7 } });
        let made = server.client.post("/api/v1/contacts", new.clone()).await.ok();
        assert_eq!((&made["phone"], &made["name"], &made["tags"]), (&ANN.into(), &"Ann".into(), &json!(["vip"])), "{made}");
        assert_eq!(server.client.post("/api/v1/contacts", new).await.refused(409), "contact_exists");
        let path = contact(&made);
        let change = json!({ "fields": { "city": null, "size": "L" }, "profileImage": "https://example.com/a.jpg" });
        let changed = server.client.patch(&path, change).await.ok();
        assert_eq!(changed["fields"], json!({ "age": 7, "size": "L" }));
        assert_eq!((&changed["name"], &changed["profileImage"]), (&"Ann".into(), &"https://example.com/a.jpg".into()));
        let renamed = server.client.patch(&format!("/api/v1/contacts/{ANN}"), json!({ "name": "Anna" })).await.ok();
        assert_eq!((&renamed["id"], &renamed["name"]), (&made["id"], &"Anna".into()));
        let tagged = server.client.put(&format!("{path}/tags/city"), json!({ "value": "Bonn" })).await.ok();
        assert_eq!(tagged["tagValues"], json!({ "city": "Bonn", "vip": "" }));
        let untagged = server.client.delete(&format!("{path}/tags/vip")).await.ok();
        assert_eq!(untagged["tags"], json!(["city"]));
        let told = kinds(&server.client).await;
        assert_eq!(told, ["contact.updated"; 5], "a change each, and none for the refused one");
        server.finish().await;
    }

    /// Nothing is changed by what does not fit, and other teams' contacts are unknown.
    async fn bad_input_and_other_teams_change_nothing(on: On) {
        let server = Server::start(on).await;
        let made = server.client.post("/api/v1/contacts", json!({ "phone": ANN })).await.ok();
        let path = contact(&made);
        for body in [
            json!({ "phone": "nobody" }), json!({ "name": "x" }), json!({ "phone": "+15550102", "nmae": "x" }),
            json!({ "phone": "+15550102", "fields": [] }), json!({ "phone": 5 }),
            json!({ "phone": "+15550102", "fields": { "x": "y".repeat(9_000) } }),
            json!({ "phone": "+15550102", "profileImage": "javascript:x" }),
        ] {
            let answer = server.client.post("/api/v1/contacts", body.clone()).await;
            assert_eq!(answer.status, 400, "{body} {}", answer.body);
        }
        for body in [json!({ "name": "x".repeat(201) }), json!({ "blocked": true }), json!({ "fields": 1 })] {
            server.client.patch(&path, body).await.refused(400);
        }
        for query in ["optIn=maybe", "blocked=7", "colour=red", "limit=many"] {
            assert_eq!(server.client.get(&format!("/api/v1/contacts?{query}")).await.status, 400, "{query}");
        }
        let (other, _) = server.another_team().await;
        other.get(&path).await.refused(404);
        other.patch(&path, json!({ "name": "x" })).await.refused(404);
        other.put(&format!("{path}/block"), Value::Null).await.refused(404);
        other.put(&format!("{path}/tags/x"), json!({})).await.refused(404);
        other.post(&format!("{path}/opt-out"), json!({})).await.refused(404);
        other.post(&format!("{path}/merge"), json!({ "with": ANN })).await.refused(404);
        other.delete(&path).await.refused(404);
        assert_eq!(server.client.get(&path).await.ok(), made);
        server.finish().await;
    }

    /// By tag, opt-in, block, name, number, and by the state of chats; page by page.
    async fn a_list_is_narrowed(on: On) {
        let server = Server::start(on).await;
        for (phone, name, tag) in [(ANN, "Ännchen Lee", "vip"), ("+15550102", "Bob", "vip"), ("+15560103", "Bobby", "new")] {
            let body = json!({ "phone": phone, "name": name, "tags": { tag: name } });
            server.client.post("/api/v1/contacts", body).await.ok();
        }
        server.says("+15550102", "hello").await;
        let bob = "/api/v1/contacts/+15550102";
        server.client.put(&format!("{bob}/block"), Value::Null).await.ok();
        server.client.post(&format!("/api/v1/contacts/{ANN}/opt-out"), json!({})).await.ok();
        for (query, expected) in [
            ("tag=vip", &["Ännchen Lee", "Bob"][..]), ("tag=vip&tagValue=Bob", &["Bob"]), ("optIn=out", &["Ännchen Lee"]),
            ("blocked=true", &["Bob"]), ("name=bob", &["Bob", "Bobby"]), ("name=%C3%A4NN", &["Ännchen Lee"]),
            ("phone=%2B1555", &["Ännchen Lee", "Bob"]), ("phone=+1556", &["Bobby"]), ("unread=true", &["Bob"]),
            ("assigned=", &["Bob"]), ("archived=true", &[]), ("blocked=false&tag=vip", &["Ännchen Lee"]),
        ] {
            assert_eq!(names(&server.client, query).await, expected, "{query}");
        }
        let first = server.client.get("/api/v1/contacts?limit=2").await.ok();
        let next = first["pagination"]["next"].as_str().expect("a second page");
        assert_eq!(names(&server.client, &format!("limit=2&cursor={next}")).await, ["Bobby"]);
        server.finish().await;
    }

    /// What was sent counts as what was received does, also where a status alone tells of it; a note, and
    /// what failed or waits, do not. An archived chat stays away until its customer writes.
    async fn a_chat_knows_when_it_was_last_used(on: On) {
        let server = Server::with(on, |config| config.sandbox.deduplicates = false).await;
        let last = async || {
            let chats = server.client.get("/api/v1/chats").await.ok();
            let contact = server.client.get(&format!("/api/v1/contacts/{ANN}")).await.ok();
            assert_eq!(chats["chats"][0]["lastMessageAt"], contact["lastMessageAt"]);
            let minute = chats["chats"][0]["lastMessageAt"].as_str().map(|at| at[14..16].to_owned());
            (minute.unwrap_or_default(), chats["chats"][0]["archived"] == true)
        };
        let send = async |kind: &str| {
            server.client.post("/api/v1/messages", json!({ "to": ANN, "type": kind, "text": "hello" })).await.ok()
        };
        send("note").await;
        assert_eq!(last().await, (String::new(), false));
        let chat = server.client.get("/api/v1/chats").await.ok()["chats"][0]["id"].as_str().expect("an id").to_owned();
        server.client.put(&format!("/api/v1/chats/{chat}/archive"), Value::Null).await.ok();
        server.advance(60_000).await;
        send("text").await;
        server.drain().await;
        assert_eq!(last().await, ("01".to_owned(), true));
        server.advance(60_000).await;
        send("note").await;
        server.plan(&["fail"]).await;
        send("text").await;
        server.drain().await;
        assert_eq!(last().await, ("01".to_owned(), true));
        server.advance(60_000).await;
        server.plan(&["doubt-after-delivery"]).await;
        send("text").await;
        server.drain().await;
        server.advance(2_000).await;
        assert_eq!(last().await, ("03".to_owned(), true), "only its status tells");
        server.advance(60_000).await;
        server.says(ANN, "good evening").await;
        assert_eq!(last().await, ("04".to_owned(), false));
        server.finish().await;
    }

    /// What a blocked contact writes is kept, no plugin hears of it, and nothing reaches it, whoever
    /// sends; unblocking goes on from there.
    async fn nobody_talks_with_a_blocked_contact(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says(ANN, "echo one").await;
        let waiting = json!({ "to": ANN, "type": "text", "text": "later", "scheduleAt": "2026-01-05T12:01:00Z" });
        let waiting = server.client.post("/api/v1/messages", waiting).await.ok();
        let block = format!("/api/v1/contacts/{ANN}/block");
        assert_eq!(server.client.put(&block, Value::Null).await.ok()["blocked"], true);
        server.says(ANN, "echo two").await;
        server.says("+15550102", &format!("send {ANN} three")).await;
        let text = json!({ "to": ANN, "type": "text", "text": "four" });
        assert_eq!(server.client.post("/api/v1/messages", text).await.refused(409), "blocked");
        server.advance(120_000).await;
        assert_eq!(server.heard(ANN).await, ["one"]);
        let ended = server.client.get(&format!("/api/v1/messages/{}", waiting["id"].as_str().expect("an id"))).await.ok();
        assert_eq!((&ended["status"], &ended["error"]["code"]), (&"error".into(), &"blocked".into()), "{ended}");
        let kept = server.client.get(&format!("/api/v1/contacts/{ANN}/messages")).await.ok();
        assert!(kept.to_string().contains("echo two"), "{kept}");
        assert_eq!(server.client.delete(&block).await.ok()["blocked"], false);
        server.says(ANN, "echo five").await;
        assert_eq!(server.heard(ANN).await, ["one", "five"]);
        server.finish().await;
    }

    /// Opting out by the API counts for the API, for plugins and for what waits; opting in ends it.
    async fn an_opt_out_is_honoured_by_every_send(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says(ANN, "echo one").await;
        server.says(ANN, "later 60000 two").await;
        let out = server.client.post(&format!("/api/v1/contacts/{ANN}/opt-out"), json!({ "reason": "by phone" })).await.ok();
        assert_eq!(out["optIn"], "out");
        let text = json!({ "to": ANN, "type": "text", "text": "three" });
        assert_eq!(server.client.post("/api/v1/messages", text.clone()).await.refused(409), "opted_out");
        server.says(ANN, "echo four").await;
        server.advance(60_000).await;
        assert_eq!(server.heard(ANN).await, ["one"]);
        server.client.post(&format!("/api/v1/contacts/{ANN}/opt-in"), json!({})).await.ok();
        server.client.post("/api/v1/messages", text).await.ok();
        server.drain().await;
        assert_eq!(server.heard(ANN).await, ["one", "three"]);
        let told = kinds(&server.client).await;
        for kind in ["contact.opted_out", "contact.opted_in"] {
            assert_eq!(told.iter().filter(|told| *told == kind).count(), 1, "{kind} in {told:?}");
        }
        server.finish().await;
    }

    /// An archived chat comes back with the next message; pins, unread marks and assignments are kept.
    async fn a_chat_is_put_away_and_comes_back(on: On) {
        let server = Server::start(on).await;
        server.says(ANN, "hello").await;
        let list = server.client.get("/api/v1/chats").await.ok();
        let chat = format!("/api/v1/chats/{}", list["chats"][0]["id"].as_str().expect("an id"));
        assert_eq!(server.client.put(&format!("{chat}/archive"), Value::Null).await.ok()["archived"], true);
        assert_eq!(server.client.put(&format!("{chat}/pin"), Value::Null).await.ok()["pinned"], true);
        server.client.post(&format!("{chat}/read"), Value::Null).await.ok();
        assert_eq!(server.client.get(&chat).await.ok()["unread"], 0);
        assert_eq!(server.client.post(&format!("{chat}/unread"), Value::Null).await.ok()["unread"], 1);
        server.client.put(&format!("{chat}/assignment"), json!({ "to": "Eve" })).await.ok();
        for (query, count) in [("archived=true", 1), ("archived=false", 0), ("pinned=true&assigned=Eve", 1), ("unread=false", 0)] {
            let found = server.client.get(&format!("/api/v1/chats?{query}")).await.ok();
            assert_eq!(found["chats"].as_array().map(Vec::len), Some(count), "{query}");
        }
        server.says(ANN, "again").await;
        let back = server.client.get(&chat).await.ok();
        assert_eq!((&back["archived"], &back["pinned"], &back["unread"]), (&false.into(), &true.into(), &2.into()), "{back}");
        assert_eq!(server.client.delete(&format!("{chat}/pin")).await.ok()["pinned"], false);
        let (other, _) = server.another_team().await;
        other.put(&format!("{chat}/archive"), Value::Null).await.refused(404);
        server.finish().await;
    }

    /// A note is a message that stays in the house; it is listed with its contact.
    async fn notes_are_kept_and_never_sent(on: On) {
        let server = Server::start(on).await;
        for text in ["asked for a refund", "called back"] {
            let note = json!({ "to": ANN, "type": "note", "text": text });
            server.client.post("/api/v1/messages", note).await.ok();
        }
        server.drain().await;
        let notes = server.client.get(&format!("/api/v1/contacts/{ANN}/notes?limit=1")).await.ok();
        assert_eq!(notes["messages"][0]["text"], "called back", "{notes}");
        let next = notes["pagination"]["next"].as_str().expect("an older one");
        let older = server.client.get(&format!("/api/v1/contacts/{ANN}/notes?cursor={next}")).await.ok();
        assert_eq!(older["messages"].as_array().map(Vec::len), Some(1), "{older}");
        assert!(server.client.outgoing(&server.account).await.is_empty());
        server.finish().await;
    }
}

fn contact(made: &Value) -> String {
    format!("/api/v1/contacts/{}", made["id"].as_str().expect("an id"))
}

async fn names(client: &Client, query: &str) -> Vec<String> {
    let found = client.get(&format!("/api/v1/contacts?{query}")).await.ok();
    let found = found["contacts"].as_array().expect("a list");
    found.iter().map(|contact| contact["name"].as_str().expect("a name").to_owned()).collect()
}

/// The kinds of all events, in order.
async fn kinds(client: &Client) -> Vec<String> {
    let events = client.get("/api/v1/events?limit=200").await.ok();
    let events = events["events"].as_array().expect("a list");
    events.iter().map(|event| event["type"].as_str().expect("a kind").to_owned()).collect()
}
