//! What is forgotten is nowhere: not in any list from the moment of the request, and in no table of
//! the schema once the work is done.

use serde_json::{Value, json};

use switchboard::flow::teams;

use crate::support::description::Description;
use crate::support::{Found, Receiver, Seeds, Server};

const ANN: &str = "+15550100777";
const SECOND: &str = "+15550100778";
const BOB: &str = "+15550100888";
/// Words that Ann writes and is written.
const WORDS: &str = "quixotic";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// A day of an account and a person, with something in every table that speaks of them.
struct Day {
    server: Server,
    receiver: Receiver,
    /// Another account of the team, in which Bob was sent the shared file too.
    other: String,
    own_file: String,
    shared_file: String,
}

impl Day {
    async fn spend(on: crate::support::On) -> Self {
        let server = Server::start(on).await;
        let receiver = Receiver::start().await;
        server.client.post("/api/v1/endpoints", json!({ "url": receiver.url })).await.ok();
        server.install("probe").await;
        server.execute("UPDATE account SET settings = '{\"conversations\":true}'").await;
        for said in [
            "set chat colour red",
            "set contact size large",
            "set account shop open",
            "log",
            "timer 600000000 remind quixotic",
            "emit shop.visited",
            "fail",
            "tag vip yes",
        ] {
            server.says(ANN, &format!("{said} {WORDS}")).await;
        }
        // The attempts at what fails, up to the dead letter, and what stands behind it.
        for _ in 0..10 {
            server.advance(60_000).await;
        }
        server.says(SECOND, &format!("echo {WORDS} too")).await;
        server.says(BOB, "echo hello").await;
        // What she caused with another stays, and names her no more.
        server.says(ANN, &format!("send {BOB} hello from a friend")).await;
        let merge = format!("/api/v1/contacts/{ANN}/merge");
        server.client.post(&merge, json!({ "with": SECOND })).await.ok();
        // It waits for both to be at rest.
        for _ in 0..3 {
            server.advance(60_000).await;
        }
        let ann = format!("/api/v1/contacts/{ANN}");
        server.client.patch(&ann, json!({ "name": "Annabella Quixote" })).await.ok();
        let other = server.buy("+15550300", "unlimited_msg_no_chat_history").await;
        let own_file = upload(&server).await;
        let shared_file = upload(&server).await;
        for (account, to, file) in [
            (&server.account, ANN, &own_file),
            (&server.account, ANN, &shared_file),
            (&other, BOB, &shared_file),
        ] {
            let image = json!({ "account": account, "to": to, "type": "image", "image": { "id": file, "caption": WORDS } });
            let image = if to == BOB {
                json!({ "account": account, "to": to, "type": "image", "image": { "id": file } })
            } else {
                image
            };
            server.client.post("/api/v1/messages", image).await.ok();
        }
        for more in [
            json!({ "type": "note", "text": WORDS }),
            json!({ "type": "text", "text": WORDS, "scheduleAt": "2026-02-01T12:00:00Z", "idempotencyId": "once" }),
        ] {
            let mut message = more;
            message["account"] = server.account.clone().into();
            message["to"] = ANN.into();
            server.client.post("/api/v1/messages", message).await.ok();
        }
        let recipients = json!([
            { "to": BOB, "variables": { "name": "Bob" } },
            { "to": ANN, "variables": { "name": "Annabella" } },
            { "to": "+15550100999", "variables": { "name": "Eve" } },
            { "to": SECOND, "variables": { "name": "Annabella" } },
        ]);
        let bulk = json!({ "account": server.account, "pace": 1, "content": { "type": "text", "text": "Hi {{name}}" }, "recipients": recipients });
        server.client.post("/api/v1/bulk", bulk).await.ok();
        server.drain().await;
        // The receipts: those that come for a message that is gone wait for a while to be matched.
        server.advance(10_000).await;
        Self { server, receiver, other, own_file, shared_file }
    }

    async fn contact(&self) -> String {
        let contact = self.server.client.get(&format!("/api/v1/contacts/{ANN}")).await.ok();
        text(&contact["id"])
    }

    /// Whether a file's bytes are in the store.
    fn has_bytes(&self, id: &str) -> bool {
        self.server.house().config.data.join("media").join(&self.server.team).join(id).exists()
    }

    /// Paths whose answers may show an account or a person.
    fn lists(&self) -> Vec<String> {
        let account = &self.server.account;
        [
            "accounts",
            "messages",
            "messages?status=pending",
            "messages?direction=in",
            "messages/search?q=quixotic",
            "chats",
            "bulk",
            "events?limit=1000",
            "dead-letters",
            "plugins/probe/logs",
        ]
        .iter()
        .map(|path| format!("/api/v1/{path}"))
        .chain([
            format!("/api/v1/messages?account={account}"),
            format!("/api/v1/chats?account={account}"),
            format!("/api/v1/events?account={account}"),
            format!("/api/v1/messages/search?q=quixotic&account={account}"),
        ])
        .collect()
    }
}

both! {
    /// Hidden the moment it is deleted, whatever is still stored of it.
    async fn nothing_of_a_deleted_account_is_shown(on: On) {
        let day = Day::spend(on).await;
        let (server, account) = (&day.server, &day.server.account);
        let chat = server.column(&format!("SELECT id FROM chat WHERE account_id = '{account}' ORDER BY id")).await[0].clone();
        let message = server.column(&format!("SELECT id FROM message WHERE account_id = '{account}' AND rank = 0")).await[0].clone();
        let bulk = server.column("SELECT id FROM bulk").await[0].clone();
        let letter = server.column("SELECT id FROM dead_letter").await[0].clone();
        let event = server.column(&format!("SELECT id FROM event WHERE account_id = '{account}'")).await[0].clone();
        let before = server.client.get("/api/v1/messages/search?q=quixotic").await.ok();
        assert!(before.to_string().contains(account.as_str()), "{before}");
        // As the request leaves it, before any of its data has gone.
        server.execute(&format!("UPDATE account SET deleted_at = 1 WHERE id = '{account}'")).await;
        for path in day.lists() {
            let seen = server.client.get(&path).await.ok().to_string();
            for word in [account, &chat, &message, &bulk, &letter, &event] {
                assert!(!seen.contains(word.as_str()), "{path} shows {word}: {seen}");
            }
            assert!(!seen.contains(WORDS), "{path}: {seen}");
        }
        let there = server.client.get(&format!("/api/v1/messages?account={}", day.other)).await.ok();
        assert!(there.to_string().contains(BOB) || there["messages"][0]["type"] == "image", "{there}");
        for path in [
            format!("accounts/{account}"), format!("accounts/{account}/queue"), format!("chats/{chat}"), format!("chats/{chat}/messages"),
            format!("messages/{message}"), format!("bulk/{bulk}"), format!("bulk/{bulk}/recipients"), format!("dead-letters/{letter}"),
        ] {
            assert_eq!(server.client.get(&format!("/api/v1/{path}")).await.refused(404), "not_found", "{path}");
        }
        let text = json!({ "to": chat, "type": "text", "text": "x" });
        server.client.post("/api/v1/messages", text).await.refused(400);
        for (path, body) in [
            (format!("messages/{message}/retry"), Value::Null), (format!("messages/{message}/read"), Value::Null),
            (format!("chats/{chat}/read"), Value::Null), (format!("bulk/{bulk}/pause"), Value::Null),
        ] {
            assert_eq!(server.client.post(&format!("/api/v1/{path}"), body).await.refused(404), "not_found", "{path}");
        }
        let edit = json!({ "scheduleAt": "2026-02-02T12:00:00Z" });
        server.client.patch(&format!("/api/v1/messages/{message}"), edit).await.refused(404);
        server.client.delete(&format!("/api/v1/messages/{message}")).await.refused(404);
        day.server.stop().await;
    }

    /// When the work is done no table holds the ids of the account, its chats or its messages, but for
    /// what is kept on purpose.
    async fn nothing_of_a_deleted_account_is_left(on: On) {
        let day = Day::spend(on).await;
        let (server, account) = (&day.server, day.server.account.clone());
        let mut ids = vec![account.clone()];
        for sql in [
            format!("SELECT id FROM chat WHERE account_id = '{account}'"),
            format!("SELECT chat_merged.id FROM chat_merged JOIN chat ON chat.id = chat_id WHERE account_id = '{account}'"),
            format!("SELECT id FROM message WHERE account_id = '{account}'"),
            format!("SELECT id FROM event WHERE account_id = '{account}'"),
        ] {
            let found = server.column(&sql).await;
            assert!(!found.is_empty(), "nothing to look for: {sql}");
            ids.extend(found);
        }
        let tables: Vec<String> = server.holding(on, &ids).await.into_iter().map(|found| found.table).collect();
        for table in ["event", "job", "state", "timer", "bulk", "bulk_recipient", "chat_merged", "conversation", "usage_period", "account_day", "dead_letter", "failure", "attempt", "plugin_log", "plugin_call"] {
            assert!(tables.iter().any(|held| held == table), "{table} holds nothing to begin with: {tables:?}");
        }
        assert_eq!(server.client.delete(&format!("/api/v1/accounts/{account}")).await.status, 202);
        server.drain().await;
        server.advance(10_000).await;
        // What was paid for, and that it is gone, is told for ever.
        let on_purpose = |found: &Found| {
            matches!((found.table.as_str(), found.column.as_str()), ("ledger" | "conversation", "account_id" | "billed_to"))
                || (found.table == "event" && found.column == "account_id" && found.word == account)
        };
        let left: Vec<String> = server.holding(on, &ids).await.iter().filter(|found| !on_purpose(found)).map(ToString::to_string).collect();
        assert!(left.is_empty(), "{left:#?}");
        let told = server.column(&format!("SELECT kind FROM event WHERE account_id = '{account}'")).await;
        assert_eq!(told, ["account.deleted"]);
        let words = server.holding(on, &[WORDS.to_owned()]).await;
        let elsewhere: Vec<&Found> = words.iter().filter(|found| !["state", "contact_tag"].contains(&found.table.as_str())).collect();
        assert!(elsewhere.is_empty(), "only what is kept of the contact: {elsewhere:?}");
        assert!(!day.has_bytes(&day.own_file) && day.has_bytes(&day.shared_file));
        server.client.get(&format!("/api/v1/media/{}", day.own_file)).await.refused(404);
        server.client.get(&format!("/api/v1/media/{}", day.shared_file)).await.ok();
        server.client.get(&format!("/api/v1/contacts/{ANN}")).await.ok();
        day.server.finish().await;
    }

    /// Ann is gone, her number, her name, her words and every id of hers; Bob is as he was, and the
    /// counts of the bulk send stand.
    async fn nothing_of_an_erased_person_is_left(on: On) {
        let day = Day::spend(on).await;
        let server = &day.server;
        let contact = day.contact().await;
        let mut words: Vec<String> =
            [WORDS, "Annabella", "annabella", &ANN[1..], &SECOND[1..], contact.as_str()].map(str::to_owned).to_vec();
        for sql in [
            format!("SELECT id FROM contact_merged WHERE contact_id = '{contact}'"),
            format!("SELECT id FROM chat WHERE contact_id = '{contact}'"),
            format!("SELECT chat_merged.id FROM chat_merged JOIN chat ON chat.id = chat_id WHERE contact_id = '{contact}'"),
            format!("SELECT id FROM message WHERE contact_id = '{contact}'"),
            format!("SELECT event.id FROM event JOIN chat ON chat.id = event.chat_id WHERE chat.contact_id = '{contact}'"),
        ] {
            let found = server.column(&sql).await;
            assert!(!found.is_empty(), "nothing to look for: {sql}");
            words.extend(found);
        }
        let tables: Vec<String> = server.holding(on, &words).await.into_iter().map(|found| found.table).collect();
        for table in [
            "contact", "contact_alias", "contact_tag", "contact_merged", "chat", "chat_merged", "message", "message_search", "event", "job",
            "state", "timer", "bulk_recipient", "conversation", "dead_letter", "failure", "attempt", "plugin_log", "plugin_call",
        ] {
            assert!(tables.iter().any(|held| held == table), "{table} holds nothing to begin with: {tables:?}");
        }
        assert_eq!(server.client.delete(&format!("/api/v1/contacts/{contact}")).await.status, 202);
        for path in day.lists() {
            let seen = server.client.get(&path).await.ok().to_string();
            assert!(!seen.contains(WORDS), "{path}: {seen}");
        }
        server.drain().await;
        server.advance(10_000).await;
        let on_purpose = |found: &Found| {
            // The bare fact, with an id that leads nowhere.
            found.table == "event" && found.column == "data" && found.word == contact
                // What a plugin keeps for the account or the whole is its own to forget.
                || found.table == "state" && found.word == WORDS
        };
        let left: Vec<String> = server.holding(on, &words).await.iter().filter(|found| !on_purpose(found)).map(ToString::to_string).collect();
        assert!(left.is_empty(), "{left:#?}");
        let scopes = server.column(&format!("SELECT scope FROM state WHERE value LIKE '%{WORDS}%'")).await;
        assert_eq!(scopes, ["account"]);
        assert_eq!(server.events("contact.erased").await.len(), 1);
        assert!(!day.has_bytes(&day.own_file) && day.has_bytes(&day.shared_file));
        let bob = server.client.get(&format!("/api/v1/contacts/{BOB}/messages")).await.ok();
        assert_eq!(bob["messages"].as_array().map(Vec::len), Some(5), "{bob}");
        // The bulk send goes on without her: nobody is written to in her place.
        for _ in 0..4 {
            server.advance(60_000).await;
        }
        let list = server.client.get("/api/v1/bulk").await.ok();
        let bulk = &list["bulk"][0];
        assert_eq!((&bulk["state"], &bulk["total"], &bulk["queued"]), (&"done".into(), &4.into(), &4.into()), "{bulk}");
        let recipients = server.client.get(&format!("/api/v1/bulk/{}/recipients", text(&bulk["id"]))).await.ok();
        let to: Vec<String> = recipients["recipients"].as_array().expect("a list").iter().map(|one| text(&one["to"])).collect();
        assert_eq!(to, [BOB, "", "+15550100999", ""]);
        assert_eq!(server.client.get(&format!("/api/v1/contacts/{ANN}")).await.status, 404);
        // Her number is a stranger's again.
        server.says(ANN, "echo back").await;
        assert_ne!(day.contact().await, contact);
        day.server.finish().await;
    }

    /// With everything that the API can make in it: no table has a row left, but those of the host's
    /// own.
    async fn a_removed_team_leaves_every_table_empty(on: On) {
        let day = Day::spend(on).await;
        let server = &day.server;
        let description = Description::of(&server.client).await;
        Seeds::sow(server, &day.receiver, &description).await;
        server.drain().await;
        let full = server.tables_with_rows(on).await;
        assert!(full.len() > 30, "only {full:?}");
        teams::remove(server.house(), &server.team).await.expect("removed");
        assert_eq!(server.tables_with_rows(on).await, ["_sqlx_migrations", "signing_key"]);
        assert!(!day.has_bytes(&day.own_file) && !day.has_bytes(&day.shared_file));
        assert_eq!(server.client.get("/api/v1/me").await.refused(401), "unauthorized");
        day.server.finish().await;
    }

    /// Archiving takes chats and messages with their files, ends what was being sent, and keeps notes,
    /// contacts and what other accounts have.
    async fn archiving_keeps_notes_and_contacts_alone(on: On) {
        let day = Day::spend(on).await;
        let (server, account) = (&day.server, &day.server.account);
        let contacts = server.client.get("/api/v1/contacts").await.ok()["contacts"].as_array().map(Vec::len);
        server.client.post(&format!("/api/v1/accounts/{account}/archive"), Value::Null).await.ok();
        server.drain().await;
        let kept = server.column(&format!("SELECT status FROM message WHERE account_id = '{account}'")).await;
        assert_eq!(kept, ["note"]);
        assert_eq!(server.client.get("/api/v1/contacts").await.ok()["contacts"].as_array().map(Vec::len), contacts);
        let list = server.client.get("/api/v1/bulk").await.ok();
        assert_eq!(list["bulk"][0]["state"], "cancelled", "{list}");
        assert!(!day.has_bytes(&day.own_file) && day.has_bytes(&day.shared_file));
        let notes = server.client.get(&format!("/api/v1/contacts/{ANN}/notes")).await.ok();
        assert_eq!(notes["messages"][0]["text"], WORDS, "{notes}");
        server.advance(600_000).await;
        assert_eq!(server.column(&format!("SELECT status FROM message WHERE account_id = '{account}'")).await, ["note"]);
        day.server.stop().await;
    }

    /// A message that is forgotten by itself takes its file along, where no other names it.
    async fn a_forgotten_message_takes_its_file_along(on: On) {
        let day = Day::spend(on).await;
        let server = &day.server;
        for (file, there) in [(&day.own_file, 404), (&day.shared_file, 200)] {
            let id = server.column(&format!("SELECT id FROM message WHERE media_id = '{file}' AND account_id = '{}'", server.account)).await[0].clone();
            server.client.delete(&format!("/api/v1/messages/{id}?forget=true")).await.ok();
            assert_eq!(server.client.get(&format!("/api/v1/media/{file}")).await.status, there);
        }
        day.server.stop().await;
    }
}

async fn upload(server: &Server) -> String {
    let headers = [("content-type", "image/png")];
    let file = server.client.post_bytes("/api/v1/media", PNG.to_vec(), &headers).await.ok();
    text(&file["id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
