//! Quotas: so many messages a period, on the API and from plugins; what brings more.

use serde_json::{Value, json};
use switchboard::config::Config;

use crate::support::{Answer, Server, eventually};

const LIMITED: &str = "limited_msg_no_chat_history";
const DAY: i64 = 86_400_000;

/// Five messages a period.
fn five(config: &mut Config) {
    config.billing.tiers.limited_msg_no_chat_history.messages = 5;
}

both! {
    /// At the threshold nothing more is taken, until the next period or a larger tier.
    async fn beyond_the_quota_nothing_is_taken(on: On) {
        let server = Server::with(on, five).await;
        let account = server.buy("+15550300", LIMITED).await;
        for number in 0..5 {
            send(&server, &account, &format!("message {number}")).await.ok();
        }
        let refusal = send(&server, &account, "one more").await;
        assert!(refusal.body["error"]["message"].as_str().expect("words").contains("2026-02-05T12:00:00Z"), "{}", refusal.body);
        assert_eq!(refusal.refused(409), "quota");
        server.drain().await;
        assert_eq!(server.rows("message", &account).await, 5, "nothing is written");
        assert_eq!(used(&server, &account).await, json!({ "used": 5, "limit": 5, "left": 0 }));
        // A note costs nothing and goes nowhere.
        let note = json!({ "account": account, "to": "+15550101", "type": "note", "text": "full" });
        server.client.post("/api/v1/messages", note).await.ok();
        let low = server.events("usage.low").await;
        assert_eq!((low.len(), &low[0]["data"]["left"]), (1, &json!(1)));
        assert_eq!(server.events("usage.exhausted").await.len(), 1);

        // The next period.
        server.advance(31 * DAY).await;
        assert_eq!(used(&server, &account).await, json!({ "used": 0, "limit": 5, "left": 5 }));
        for number in 0..5 {
            send(&server, &account, &format!("next {number}")).await.ok();
        }
        assert_eq!(send(&server, &account, "one more").await.refused(409), "quota");
        let low = server.events("usage.low").await;
        assert_eq!(low.last().expect("told again")["data"]["period_start"], 1_770_292_800_000_i64);
        // A larger tier.
        let path = format!("/api/v1/accounts/{account}");
        server.client.patch(&path, json!({ "tier": "unlimited_msg_no_chat_history" })).await.ok();
        send(&server, &account, "as many").await.ok();
        // Back: what was crossed stays crossed.
        server.client.patch(&path, json!({ "tier": LIMITED })).await.ok();
        assert_eq!(send(&server, &account, "too many").await.refused(409), "quota");
        server.finish().await;
    }

    /// What a plugin sends beyond it is written, and fails as it leaves; its call is not undone.
    async fn a_plugins_message_beyond_the_quota_fails_alone(on: On) {
        let server = Server::with(on, |config| config.billing.tiers.limited_msg_no_chat_history.messages = 2).await;
        server.install("probe").await;
        let path = format!("/api/v1/accounts/{}", server.account);
        server.client.patch(&path, json!({ "tier": LIMITED })).await.ok();
        for word in ["one", "two", "three"] {
            server.says("+15550101", &format!("echo {word}")).await;
        }
        server.advance(10_000).await;
        assert_eq!(server.heard("+15550101").await, ["one", "two"]);
        let failed: Vec<Value> = server.events("message.status").await.into_iter().filter(|event| event["data"]["status"] == "error").collect();
        assert_eq!((failed.len(), &failed[0]["data"]["error"]["code"]), (1, &json!("quota")));
        let dead = server.client.get("/api/v1/dead-letters").await.ok();
        assert_eq!(dead["deadLetters"], json!([]));
        assert_eq!(server.rows("message", &server.account).await, 6, "three came in, three were written");
        server.finish().await;
    }

    /// However many ask at once, and wherever: the last one is taken once.
    async fn two_senders_cannot_both_take_the_last_one(on: On) {
        let server = Server::with(on, five).await;
        let account = server.buy("+15550300", LIMITED).await;
        let other = match on {
            crate::support::On::Sqlite => None,
            crate::support::On::Postgres => Some(server.another_node().await),
        };
        let clients = [server.client.clone(), other.as_ref().map_or(server.client.clone(), |node| node.client.clone())];
        let mut senders = tokio::task::JoinSet::new();
        for number in 0..40 {
            let (client, account) = (clients[number % 2].clone(), account.clone());
            senders.spawn(async move {
                let body = json!({ "account": account, "to": format!("+155501{number:02}"), "type": "text", "text": "me" });
                client.post("/api/v1/messages", body).await.status.as_u16()
            });
        }
        let answers = senders.join_all().await;
        assert_eq!(answers.iter().filter(|status| **status == 202).count(), 5, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 409).count(), 35, "{answers:?}");
        server.drain().await;
        assert_eq!(server.rows("message", &account).await, 5);
        if let Some(other) = other {
            other.drain().await;
            other.stop().await;
        }
        server.drain().await;
        server.stop().await;
    }

    /// A message counts where it is due, a cancelled one nowhere, a repeated one once.
    async fn a_message_counts_once_where_it_is_due(on: On) {
        let server = Server::with(on, five).await;
        let account = server.buy("+15550300", LIMITED).await;
        let mut waiting = Vec::new();
        for number in 0..5 {
            let body = json!({ "account": account, "to": "+15550101", "type": "text", "text": "later",
                               "scheduleAt": "2026-01-20T12:00:00Z", "idempotencyId": format!("id{number}") });
            waiting.push(server.client.post("/api/v1/messages", body).await.ok());
        }
        assert_eq!(send(&server, &account, "now").await.refused(409), "quota");
        let again = json!({ "account": account, "to": "+15550101", "type": "text", "text": "later",
                            "scheduleAt": "2026-01-20T12:00:00Z", "idempotencyId": "id0" });
        assert_eq!(server.client.post("/api/v1/messages", again).await.ok()["id"], waiting[0]["id"]);
        let next = json!({ "account": account, "to": "+15550101", "type": "text", "text": "next", "scheduleAt": "2026-02-06T12:00:00Z" });
        waiting.push(server.client.post("/api/v1/messages", next).await.ok());
        assert_eq!(used(&server, &account).await["used"], 5);
        let cancel = async |message: &Value| {
            let path = format!("/api/v1/messages/{}", message["id"].as_str().expect("an id"));
            server.client.delete(&path).await.ok();
        };
        cancel(&waiting[0]).await;
        assert_eq!(used(&server, &account).await["used"], 4);
        send(&server, &account, "now").await.ok();
        assert_eq!(send(&server, &account, "now").await.refused(409), "quota");
        for message in &waiting[1..] {
            cancel(message).await;
        }
        assert_eq!(used(&server, &account).await["used"], 1);
        server.finish().await;
    }

    /// What waits when a tier is made smaller leaves as far as the smaller one goes.
    async fn what_waits_beyond_a_smaller_tier_does_not_leave(on: On) {
        let server = Server::with(on, five).await;
        let account = server.buy("+15550300", "unlimited_msg_no_chat_history").await;
        for number in 0..8 {
            let body = json!({ "account": account, "to": format!("+1555010{number}"), "type": "text", "text": "later", "scheduleAt": "2026-01-06T12:00:00Z" });
            server.client.post("/api/v1/messages", body).await.ok();
        }
        server.client.patch(&format!("/api/v1/accounts/{account}"), json!({ "tier": LIMITED })).await.ok();
        server.advance(DAY).await;
        assert_eq!(server.client.outgoing(&account).await.len(), 5);
        assert_eq!(used(&server, &account).await["used"], 5);
        server.finish().await;
    }

    /// A message that failed counts again when it is sent once more, in the period of that; where
    /// nothing is left it stays as it is.
    async fn a_retry_takes_a_unit_of_its_own(on: On) {
        let server = Server::with(on, five).await;
        let path = format!("/api/v1/accounts/{}", server.account);
        server.client.patch(&path, json!({ "tier": LIMITED })).await.ok();
        server.plan(&["fail"]).await;
        let failed = send(&server, &server.account, "first").await.ok();
        server.drain().await;
        let message = format!("/api/v1/messages/{}", failed["id"].as_str().expect("an id"));
        let retry = format!("{message}/retry");
        for number in 0..4 {
            send(&server, &server.account, &format!("message {number}")).await.ok();
        }
        server.drain().await;
        let refusal = server.client.post(&retry, Value::Null).await;
        assert!(refusal.body["error"]["message"].as_str().expect("words").contains("2026-02-05T12:00:00Z"), "{}", refusal.body);
        assert_eq!(refusal.refused(409), "quota");
        let kept = server.client.get(&message).await.ok();
        assert_eq!(kept["status"], "error", "{kept}");
        assert_eq!(used(&server, &server.account).await["used"], 5);
        let before = server.client.outgoing(&server.account).await.len();
        server.advance(31 * DAY).await;
        server.client.post(&retry, Value::Null).await.ok();
        server.drain().await;
        assert_eq!(used(&server, &server.account).await, json!({ "used": 1, "limit": 5, "left": 4 }));
        assert_eq!(server.client.outgoing(&server.account).await.len(), before + 1);
        // Its last four leave one told of both.
        for number in 0..4 {
            send(&server, &server.account, &format!("next {number}")).await.ok();
        }
        for kind in ["usage.low", "usage.exhausted"] {
            let told = server.events(kind).await;
            let of_this = told.iter().filter(|event| event["data"]["period_start"] == 1_770_292_800_000_i64);
            assert_eq!(of_this.count(), 1, "{told:?}");
        }
        server.finish().await;
    }

    /// A bulk send that cannot reach all is refused whole; what others take meanwhile shows in its counts.
    async fn a_bulk_send_beyond_the_quota_is_not_begun(on: On) {
        let server = Server::with(on, five).await;
        let account = server.buy("+15550300", LIMITED).await;
        send(&server, &account, "one").await.ok();
        server.drain().await;
        let bulk = |recipients: usize| {
            let to: Vec<Value> = (0..recipients).map(|number| json!({ "to": format!("+1555020{number:02}00") })).collect();
            json!({ "account": account, "pace": 1, "content": { "type": "text", "text": "news" }, "recipients": to })
        };
        let refusal = server.client.post("/api/v1/bulk", bulk(5)).await;
        assert!(refusal.body["error"]["message"].as_str().expect("words").contains("4 of 5 are left"), "{}", refusal.body);
        assert_eq!(refusal.refused(409), "quota");
        assert_eq!(server.client.get("/api/v1/bulk").await.ok()["bulk"], json!([]));
        let begun = server.client.post("/api/v1/bulk", bulk(4)).await.ok();
        // Those that are to come count already.
        assert_eq!(server.client.post("/api/v1/bulk", bulk(1)).await.refused(409), "quota");
        server.drain().await;
        for words in ["two", "three"] {
            send(&server, &account, words).await.ok();
        }
        for _ in 0..3 {
            server.advance(60_000).await;
        }
        let path = format!("/api/v1/bulk/{}", begun["id"].as_str().expect("an id"));
        let over = server.client.get(&path).await.ok();
        assert_eq!((&over["state"], &over["total"], &over["counts"]["error"]), (&json!("done"), &json!(4), &json!(2)), "{over}");
        let recipients = server.client.get(&format!("{path}/recipients")).await.ok();
        let recipients = recipients["recipients"].as_array().expect("a list");
        assert_eq!(recipients.iter().filter(|one| one["error"] == "quota").count(), 2, "{recipients:?}");
        // Nothing is lost: with a larger tier they are sent once more.
        server.client.patch(&format!("/api/v1/accounts/{account}"), json!({ "tier": "unlimited_msg_no_chat_history" })).await.ok();
        for one in recipients.iter().filter(|one| one["error"] == "quota") {
            let path = format!("/api/v1/messages/{}/retry", one["message"].as_str().expect("an id"));
            server.client.post(&path, Value::Null).await.ok();
        }
        server.drain().await;
        assert_eq!(server.client.get(&path).await.ok()["counts"]["error"], 0);
        server.finish().await;
    }

    /// Whoever takes a smaller tier than was used already is told, once.
    async fn a_downgrade_tells_of_what_is_used_up(on: On) {
        let server = Server::with(on, five).await;
        let mut accounts = Vec::new();
        for (phone, messages) in [("+15550300", 6), ("+15550301", 4), ("+15550302", 3)] {
            let account = server.buy(phone, "unlimited_msg_no_chat_history").await;
            for number in 0..messages {
                send(&server, &account, &format!("message {number}")).await.ok();
            }
            accounts.push(account);
        }
        server.drain().await;
        for tier in [LIMITED, "unlimited_msg_no_chat_history", LIMITED] {
            for account in &accounts {
                server.client.patch(&format!("/api/v1/accounts/{account}"), json!({ "tier": tier })).await.ok();
            }
        }
        server.drain().await;
        let exhausted = server.events("usage.exhausted").await;
        assert_eq!((exhausted.len(), &exhausted[0]["account"]), (1, &json!(accounts[0])), "{exhausted:?}");
        assert_eq!((&exhausted[0]["data"]["messages"], &exhausted[0]["data"]["left"]), (&json!(6), &json!(0)));
        let low = server.events("usage.low").await;
        assert_eq!((low.len(), &low[0]["account"], &low[0]["data"]["left"]), (1, &json!(accounts[1]), &json!(1)), "{low:?}");
        server.finish().await;
    }

    async fn another_team_sees_nothing_of_it(on: On) {
        let server = Server::with(on, five).await;
        let account = server.buy("+15550300", LIMITED).await;
        let (other, _) = server.another_team().await;
        for path in ["/api/v1/billing/usage", "/api/v1/billing/ledger"] {
            let seen = other.get(path).await.ok().to_string();
            assert!(!seen.contains(&account), "{seen}");
        }
        server.finish().await;
    }
}

async fn send(server: &Server, account: &str, words: &str) -> Answer {
    let body = json!({ "account": account, "to": "+15550101", "type": "text", "text": words });
    server.client.post("/api/v1/messages", body).await
}

async fn used(server: &Server, account: &str) -> Value {
    eventually("its usage", async || {
        let list = server.client.get("/api/v1/billing/usage").await.ok();
        let theirs = list["usage"].as_array()?.iter().find(|usage| usage["account"] == account)?;
        Some(theirs["messages"].clone())
    })
    .await
}
