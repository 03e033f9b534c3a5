//! Accounts: bought, changed, connected, archived and deleted; what goes with them, and what stays.

use serde_json::{Value, json};

use crate::support::{Server, eventually};

both! {
    async fn an_account_is_bought_listed_and_changed(on: On) {
        let server = Server::start(on).await;
        let new = json!({ "type": "sandbox", "nickname": "Second", "phone": "+1 555 010 0200", "tier": "limited_msg_no_chat_history" });
        let account = server.client.post("/api/v1/accounts", new).await.ok();
        assert_eq!(account["state"], "open");
        assert_eq!(account["tier"], "limited_msg_no_chat_history");
        assert_eq!(account["period"]["start"], "2026-01-05T12:00:00.000Z");
        assert_eq!(account["period"]["end"], "2026-02-05T12:00:00.000Z");
        let path = format!("/api/v1/accounts/{}", text(&account["id"]));
        let change = json!({ "nickname": "Renamed", "settings": { "window": true }, "tier": "unlimited_msg_chat_history" });
        let changed = server.client.patch(&path, change).await.ok();
        assert_eq!((&changed["nickname"], &changed["settings"]["window"]), (&json!("Renamed"), &json!(true)));
        assert_eq!(changed["tier"], "unlimited_msg_chat_history");

        // The same tier again changes nothing, nor does what came with it.
        let again = json!({ "nickname": "Third", "tier": "unlimited_msg_chat_history" });
        assert_eq!(server.client.patch(&path, again).await.refused(400), "same_tier");
        assert_eq!(server.client.get(&path).await.ok()["nickname"], "Renamed");

        let listed = async |query: &str| {
            let list = server.client.get(&format!("/api/v1/accounts{query}")).await.ok();
            list["accounts"].as_array().expect("a list").len()
        };
        assert_eq!(listed("").await, 2);
        assert_eq!(listed("?state=open&archived=false").await, 2);
        assert_eq!(listed("?state=close").await, 0);
        assert_eq!(listed("?archived=true").await, 0);
        assert_eq!(listed("?limit=1").await, 1);
        server.finish().await;
    }

    async fn what_does_not_fit_is_refused_and_changes_nothing(on: On) {
        let server = Server::start(on).await;
        let bad = [
            json!({ "type": "sandbox", "tear": "x" }),
            json!({ "type": "sandbox", "tier": "gold" }),
            json!({ "type": "fax" }),
            json!({ "type": "cloud" }),
            json!({ "type": "sandbox", "phone": "nobody" }),
            json!({ "type": "sandbox", "nickname": 7 }),
            json!({ "type": "sandbox", "nickname": "x".repeat(101) }),
            json!({ "type": "sandbox", "settings": { "windows": true } }),
            json!([]),
        ];
        for body in bad {
            let answer = server.client.post("/api/v1/accounts", body.clone()).await;
            assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        }
        for group in ["department", "businessAccount"] {
            let body = json!({ "type": "sandbox", group: "dep_none" });
            assert_eq!(server.client.post("/api/v1/accounts", body).await.refused(404), "not_found");
        }
        let path = format!("/api/v1/accounts/{}", server.account);
        for body in [json!({ "state": "open" }), json!({ "tier": 1 }), json!({ "settings": 1 })] {
            assert_eq!(server.client.patch(&path, body).await.status, 400);
        }
        assert_eq!(server.client.get("/api/v1/accounts?state=ajar").await.refused(400), "invalid_request");
        let accounts = server.client.get("/api/v1/accounts").await.ok();
        assert_eq!(accounts["accounts"].as_array().expect("a list").len(), 1);
        server.finish().await;
    }

    async fn another_teams_account_is_not_there(on: On) {
        let server = Server::start(on).await;
        let (other, _) = server.another_team().await;
        let path = format!("/api/v1/accounts/{}", server.account);
        assert_eq!(other.get(&path).await.refused(404), "not_found");
        assert_eq!(other.patch(&path, json!({ "nickname": "x" })).await.refused(404), "not_found");
        assert_eq!(other.delete(&path).await.refused(404), "not_found");
        for act in ["open", "close", "logout", "archive", "unarchive"] {
            assert_eq!(other.post(&format!("{path}/{act}"), Value::Null).await.refused(404), "not_found", "{act}");
        }
        assert_eq!(other.get(&format!("{path}/qr")).await.refused(404), "not_found");
        assert_eq!(server.client.get(&path).await.ok()["state"], "open");
        server.finish().await;
    }

    /// close → connecting → open, by a code that lives 20 seconds, a few times at most.
    async fn an_account_connects_by_a_code_that_is_scanned(on: On) {
        let server = Server::start(on).await;
        let new = json!({ "type": "sandbox", "nickname": "New" });
        let account = server.client.post("/api/v1/accounts", new).await.ok();
        let path = format!("/api/v1/accounts/{}", text(&account["id"]));
        assert_eq!(account["state"], "close");
        let first = server.client.post(&format!("{path}/open"), Value::Null).await.ok();
        assert_eq!((&first["state"], &first["expiresAt"]), (&json!("connecting"), &json!("2026-01-05T12:00:20.000Z")));
        server.clock.advance(20_000);
        eventually("another code", async || {
            let now = server.client.get(&format!("{path}/qr")).await.ok();
            (now["qr"] != first["qr"] && now["qr"] != Value::Null).then_some(())
        })
        .await;
        let scan = format!("/sandbox/accounts/{}/scan", text(&account["id"]));
        server.client.post(&scan, json!({ "phone": "+15550100300" })).await.ok();
        let open = server.client.get(&path).await.ok();
        assert_eq!((&open["state"], &open["phone"]), (&json!("open"), &json!("+15550100300")));
        let out = server.client.post(&format!("{path}/logout"), Value::Null).await.ok();
        assert_eq!((&out["state"], &out["reason"]), (&json!("close"), &json!("logged out")));

        // Nobody scans: it gives up, and says why.
        server.client.post(&format!("{path}/open"), Value::Null).await.ok();
        eventually("it connects", async || {
            (server.client.get(&path).await.ok()["state"] == "connecting").then_some(())
        })
        .await;
        let closed = eventually("it gives up", async || {
            server.clock.advance(20_000);
            let account = server.client.get(&path).await.ok();
            (account["state"] == "close").then_some(account)
        })
        .await;
        assert!(text(&closed["reason"]).contains("nobody scanned"), "{closed}");
        server.finish().await;
    }

    async fn a_closed_account_sends_later_but_not_now(on: On) {
        let server = Server::start(on).await;
        server.client.post(&format!("/api/v1/accounts/{}/close", server.account), Value::Null).await.ok();
        let now = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "now" });
        assert_eq!(server.client.post("/api/v1/messages", now.clone()).await.refused(409), "account_closed");
        assert_eq!(server.rows("message", &server.account).await, 0);
        let mut later = now;
        later["scheduleAt"] = json!("2026-01-05T13:00:00Z");
        let message = server.client.post("/api/v1/messages", later).await.ok();
        server.client.delete(&format!("/api/v1/messages/{}", text(&message["id"]))).await.ok();
        server.finish().await;
    }

    /// Archiving logs out and removes what was synced; notes and contacts stay.
    async fn an_archived_account_keeps_notes_and_contacts(on: On) {
        let server = Server::start(on).await;
        server.says("+15550101", "hello").await;
        server.says("+15550102", "hello too").await;
        let send = |body: Value| server.client.post("/api/v1/messages", body);
        let note = json!({ "account": server.account, "to": "+15550101", "type": "note", "text": "a regular" });
        let note = send(note).await.ok();
        let later = json!({ "account": server.account, "to": "+15550102", "type": "text", "text": "later", "scheduleAt": "2026-01-06T12:00:00Z" });
        let later = send(later).await.ok();
        let path = format!("/api/v1/accounts/{}", server.account);
        let archived = server.client.post(&format!("{path}/archive"), Value::Null).await.ok();
        assert_eq!((&archived["state"], &archived["period"]), (&json!("close"), &Value::Null));
        server.drain().await;
        assert_eq!(server.client.get(&path).await.ok()["archive"]["state"], "done");
        server.client.get(&format!("/api/v1/messages/{}", text(&note["id"]))).await.ok();
        assert_eq!(server.client.get(&format!("/api/v1/messages/{}", text(&later["id"]))).await.status, 404);
        assert_eq!((server.rows("message", &server.account).await, server.rows("chat", &server.account).await), (1, 1));
        let contacts = server.client.get("/api/v1/contacts").await.ok();
        assert_eq!(contacts["contacts"].as_array().expect("a list").len(), 2);
        assert_eq!(server.jobs().await, 0, "what waited to be sent went too");

        let again = server.client.post(&format!("{path}/archive"), Value::Null).await;
        assert_eq!(again.refused(409), "account_archived");
        let now = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "now" });
        assert_eq!(send(now.clone()).await.refused(409), "account_archived");
        assert_eq!(server.client.post(&format!("{path}/open"), Value::Null).await.refused(409), "account_archived");

        // Buying it anew begins a period, and it has to be scanned again.
        server.advance(3_600_000).await;
        let anew = server.client.post(&format!("{path}/unarchive"), Value::Null).await.ok();
        assert_eq!((&anew["state"], &anew["archive"]), (&json!("close"), &Value::Null));
        assert_eq!(anew["period"]["start"], "2026-01-05T13:00:00.000Z");
        assert_eq!(server.client.post(&format!("{path}/unarchive"), Value::Null).await.refused(409), "not_archived");
        server.client.post(&format!("{path}/open"), Value::Null).await.ok();
        server.client.post(&format!("/sandbox/accounts/{}/scan", server.account), json!({ "phone": "+15550100" })).await.ok();
        send(now).await.ok();
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["now"]);
        let kinds: Vec<Value> = ledger(&server, &server.account).await.iter().map(|entry| entry["kind"].clone()).collect();
        assert_eq!(kinds, ["purchase", "archive", "purchase"]);
        server.finish().await;
    }

    /// Another account of the team keeps what it has.
    async fn a_deleted_account_is_gone_with_all_that_is_its(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let kept = server.buy("+15550300", "unlimited_msg_no_chat_history").await;
        server.client.incoming(&kept, "+15550101", "echo kept").await;
        server.says("+15550101", "echo hello").await;
        server.advance(10_000).await;
        let mine = server.client.outgoing(&server.account).await;
        let message = text(&mine[0]["message_id"]).to_owned();
        let later = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "later", "scheduleAt": "2026-02-06T12:00:00Z" });
        server.client.post("/api/v1/messages", later).await.ok();
        let path = format!("/api/v1/accounts/{}", server.account);
        assert_eq!(server.client.delete(&path).await.status, 202);
        for (answer, what) in [
            (server.client.get(&path).await, "get"),
            (server.client.delete(&path).await, "delete"),
            (server.client.get(&format!("/api/v1/messages/{message}")).await, "its message"),
        ] {
            assert_eq!(answer.refused(404), "not_found", "{what}");
        }
        let send = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "hi" });
        assert!(server.client.post("/api/v1/messages", send).await.status.is_client_error());
        server.drain().await;
        for table in ["message", "chat", "job", "usage_period"] {
            assert_eq!(server.rows(table, &server.account).await, 0, "{table}");
        }
        assert_eq!(server.rows("event", &server.account).await, 1, "only that it is gone");
        assert_eq!(server.events("account.deleted").await.len(), 1);
        assert_eq!(server.rows("message", &kept).await, 2);
        assert_eq!(ledger(&server, &server.account).await[1]["kind"], "delete");
        server.finish().await;
    }

    /// A stop in the middle loses nothing of the work.
    async fn a_deletion_outlives_a_restart(on: On) {
        let server = Server::start(on).await;
        let account = server.buy("+15550300", "unlimited_msg_chat_history").await;
        let path = format!("/api/v1/accounts/{account}");
        server.client.post(&format!("{path}/close"), Value::Null).await.ok();
        let history = json!({ "generate": { "messages": 6000, "chats": 300 } });
        server.client.put(&format!("/sandbox/accounts/{account}/history"), history).await.ok();
        server.client.post(&format!("{path}/open"), Value::Null).await.ok();
        server.client.post(&format!("/sandbox/accounts/{account}/scan"), json!({ "phone": "+15550300" })).await.ok();
        eventually("the history", async || {
            (server.client.get(&path).await.ok()["syncedMessages"] == 6000).then_some(())
        })
        .await;
        assert_eq!(server.client.delete(&path).await.status, 202);
        eventually("some of it to go", async || {
            (server.rows("message", &account).await < 6000).then_some(())
        })
        .await;
        let server = server.restart().await;
        assert_eq!(server.client.get(&path).await.refused(404), "not_found");
        server.drain().await;
        assert_eq!((server.rows("message", &account).await, server.rows("chat", &account).await), (0, 0));
        server.finish().await;
    }

    /// Open, but silent: messages are handed over and nothing comes back.
    async fn a_silent_account_is_degraded_until_it_is_heard(on: On) {
        let server = Server::with(on, |config| config.accounts.silent_after = 600_000).await;
        server.behave(json!({ "receipts": "off" })).await;
        let path = format!("/api/v1/accounts/{}", server.account);
        // Idle is not silent.
        server.advance(7_200_000).await;
        let send = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "anyone?" });
        server.client.post("/api/v1/messages", send).await.ok();
        server.drain().await;
        server.advance(300_000).await;
        assert_eq!(server.client.get(&path).await.ok()["health"], "ok");
        server.advance(300_000).await;
        let degraded = eventually("it is degraded", async || {
            server.clock.advance(5_000);
            let account = server.client.get(&path).await.ok();
            (account["health"] == "degraded").then_some(account)
        })
        .await;
        assert_eq!(degraded["state"], "open");
        assert_ne!(degraded["reason"], "");
        server.drain().await;
        let told = server.events("account.state").await;
        assert_eq!((told.len(), &told[0]["data"]["health"]), (1, &json!("degraded")));
        server.says("+15550101", "here").await;
        server.clock.advance(5_000);
        eventually("it is well again", async || {
            server.clock.advance(5_000);
            (server.client.get(&path).await.ok()["health"] == "ok").then_some(())
        })
        .await;
        server.finish().await;
    }
}

/// The entries about an account, oldest first, once there is one.
async fn ledger(server: &Server, account: &str) -> Vec<Value> {
    eventually("an entry", async || {
        let path = format!("/api/v1/billing/ledger?account={account}");
        let mut entries = server.client.get(&path).await.ok()["entries"].as_array()?.clone();
        entries.reverse();
        (!entries.is_empty()).then_some(entries)
    })
    .await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
