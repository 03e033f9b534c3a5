//! One person, several names: known aliases find the same contact, and two contacts become one only
//! when nothing is under way.

use serde_json::{Value, json};

use crate::support::Server;

const ANN: &str = "+15550101";
const OTHER: &str = "+15550102";

both! {
    /// A person who shows a second name is the same person under it, also where the number is missing.
    async fn a_known_alias_finds_its_contact(on: On) {
        let server = Server::start(on).await;
        writes(&server, json!({ "from": ANN, "aliases": [lid("7@lid")] }), "one").await;
        writes(&server, json!({ "aliases": [lid("7@lid")] }), "two").await;
        writes(&server, json!({ "aliases": [{ "kind": "bsuid", "value": "DE.1" }, lid("7@lid")] }), "three").await;
        let contacts = server.client.get("/api/v1/contacts").await.ok();
        assert_eq!(contacts["contacts"].as_array().map(Vec::len), Some(1), "{contacts}");
        let contact = server.client.get(&format!("/api/v1/contacts/{ANN}")).await.ok();
        assert_eq!(contact["aliases"].as_array().map(Vec::len), Some(3), "{contact}");
        let chats = server.client.get("/api/v1/chats").await.ok();
        assert_eq!(chats["chats"][0]["unread"], 3, "{chats}");
        server.finish().await;
    }

    /// While something is under way in one of the chats both stay; then the older one has it all, and
    /// the ids of the other lead to it for ever.
    async fn two_contacts_become_one_when_their_chats_are_at_rest(on: On) {
        let server = Server::start(on).await;
        server.says(ANN, "one").await;
        server.advance(1_000).await;
        server.says(OTHER, "two").await;
        let (old, young) = (contact(&server, ANN).await, contact(&server, OTHER).await);
        let young_chat = chat(&server, &young).await;
        server.client.put(&format!("/api/v1/contacts/{young}/tags/vip"), json!({ "value": "yes" })).await.ok();
        server.client.patch(&format!("/api/v1/contacts/{young}"), json!({ "name": "Ann", "fields": { "a": 1 } })).await.ok();
        let scheduled = json!({ "to": OTHER, "type": "text", "text": "scheduled", "scheduleAt": "2026-01-05T13:00:00Z" });
        server.client.post("/api/v1/messages", scheduled).await.ok();
        // A send that waits to be tried again keeps the chat from resting.
        server.plan(&["retry"]).await;
        server.client.post("/api/v1/messages", json!({ "to": OTHER, "type": "text", "text": "busy" })).await.ok();
        server.drain().await;
        // The network tells that both are one person.
        writes(&server, json!({ "from": ANN, "aliases": [{ "kind": "phone", "value": OTHER }] }), "three").await;
        assert_eq!(contact(&server, OTHER).await, young, "not yet");
        server.plan(&[]).await;
        server.advance(30_000).await;
        server.advance(30_000).await;
        assert_eq!(contact(&server, OTHER).await, old);
        let merged = server.client.get(&format!("/api/v1/contacts/{young}")).await.ok();
        assert_eq!((&merged["id"], &merged["name"], &merged["phone"]), (&old.as_str().into(), &"Ann".into(), &ANN.into()), "{merged}");
        assert_eq!((&merged["tagValues"]["vip"], &merged["fields"]["a"]), (&"yes".into(), &1.into()), "{merged}");
        let old_chat = server.client.get(&format!("/api/v1/chats/{young_chat}")).await.ok();
        assert_eq!(old_chat["contact"], old.as_str());
        let messages = server.client.get(&format!("/api/v1/chats/{young_chat}/messages")).await.ok();
        let texts: Vec<&str> = messages["messages"].as_array().expect("a list").iter().filter_map(|it| it["text"].as_str()).collect();
        assert_eq!(texts, ["three", "busy", "scheduled", "two", "one"], "{messages}");
        assert_eq!(server.client.get("/api/v1/chats").await.ok()["chats"].as_array().map(Vec::len), Some(1));
        // An old id still takes messages, and what was scheduled goes on in the chat that stands.
        let to_old = json!({ "to": young_chat, "type": "text", "text": "by the old id" });
        server.client.post("/api/v1/messages", to_old).await.ok();
        server.advance(3_600_000).await;
        let heard = server.heard(ANN).await;
        assert_eq!(heard, ["by the old id", "scheduled"]);
        let events = server.client.get("/api/v1/events?limit=200").await.ok();
        assert_eq!(events.to_string().matches("contact.merged").count(), 1);
        server.finish().await;
    }

    /// By the API; chats on other accounts stay chats of their own, state and timers of plugins go along.
    async fn a_team_says_who_is_the_same(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says(ANN, "set contact colour red").await;
        server.advance(1_000).await;
        server.says(OTHER, "set contact size large").await;
        server.says(OTHER, "set contact colour blue").await;
        server.says(OTHER, "timer 600000 remind me").await;
        let (old, young) = (contact(&server, ANN).await, contact(&server, OTHER).await);
        let answer = server.client.post(&format!("/api/v1/contacts/{young}/merge"), json!({ "with": ANN })).await.ok();
        assert_eq!(answer, json!({ "contact": old, "merging": young }));
        server.advance(5_000).await;
        server.says(OTHER, "get contact size").await;
        server.says(ANN, "get contact colour").await;
        server.says(ANN, "timers").await;
        assert_eq!(server.heard(ANN).await, ["large", "red", "timers remind"]);
        server.advance(600_000).await;
        assert_eq!(server.heard(ANN).await.last().map(String::as_str), Some("timer remind me"));
        let same = server.client.post(&format!("/api/v1/contacts/{young}/merge"), json!({ "with": ANN })).await;
        assert_eq!(same.refused(409), "same_contact");
        server.finish().await;
    }

    /// A third name chains: the id of the youngest leads to the oldest, over two merges.
    async fn old_ids_resolve_over_several_merges(on: On) {
        let server = Server::start(on).await;
        let mut ids = Vec::new();
        for phone in [ANN, OTHER, "+15550103"] {
            server.says(phone, "hi").await;
            server.advance(1_000).await;
            ids.push(contact(&server, phone).await);
        }
        for (one, other) in [(2, 1), (1, 0)] {
            let path = format!("/api/v1/contacts/{}/merge", ids[one]);
            server.client.post(&path, json!({ "with": ids[other] })).await.ok();
            server.advance(5_000).await;
        }
        for id in &ids {
            assert_eq!(server.client.get(&format!("/api/v1/contacts/{id}")).await.ok()["id"], ids[0].as_str());
        }
        server.finish().await;
    }
}

fn lid(value: &str) -> Value {
    json!({ "kind": "lid", "value": value })
}

/// Somebody writes, known by these names.
async fn writes(server: &Server, mut who: Value, text: &str) {
    who["type"] = "text".into();
    who["text"] = text.into();
    server.client.post(&format!("/sandbox/accounts/{}/incoming", server.account), who).await.ok();
    server.drain().await;
}

async fn contact(server: &Server, phone: &str) -> String {
    let contact = server.client.get(&format!("/api/v1/contacts/{phone}")).await.ok();
    contact["id"].as_str().expect("an id").to_owned()
}

async fn chat(server: &Server, contact: &str) -> String {
    let chats = server.client.get(&format!("/api/v1/chats?contact={contact}")).await.ok();
    chats["chats"][0]["id"].as_str().expect("a chat").to_owned()
}
