//! The ledger and what is computed from it: statements, previews, renewals.

use serde_json::{Value, json};

use crate::support::{Server, eventually};

const HISTORY: &str = "unlimited_msg_chat_history";
const DAY: i64 = 86_400_000;

both! {
    /// 100 at the first price, one at the second.
    async fn a_hundred_and_one_accounts_cost_1210_dollars(on: On) {
        let server = Server::start(on).await;
        let preview = server.client.get("/api/v1/billing/preview?unlimited_msg_chat_history=101").await.ok();
        assert_eq!(preview["total"], json!({ "minor": 121_000, "decimal": "1210.00", "currency": "USD" }));
        let all = "/api/v1/billing/preview?unlimited_msg_chat_history=1&unlimited_msg_no_chat_history=5001&limited_msg_no_chat_history=7";
        let all = server.client.get(all).await.ok();
        let minor = 1200 + (100 * 900 + 400 * 800 + 500 * 700 + 4000 * 600 + 450) + 700;
        assert_eq!(all["total"]["minor"], minor);
        for bad in ["unlimited_msg_chat_history=-1", "unlimited_msg_chat_history=many", "gold=1", "limited_msg_no_chat_history=99999999999"] {
            let answer = server.client.get(&format!("/api/v1/billing/preview?{bad}")).await;
            assert_eq!(answer.refused(400), "invalid_request", "{bad}");
        }
        // Bought one by one they cost the same.
        for number in 0..101 {
            server.buy(&format!("+1555030{number:04}"), HISTORY).await;
        }
        let statement = server.client.get("/api/v1/billing/statement?month=2026-01").await.ok();
        let line = statement["subscriptions"].as_array().expect("lines").iter().find(|line| line["tier"] == HISTORY).cloned().expect("a line");
        assert_eq!((&line["quantity"], &line["price"]["decimal"]), (&json!(101), &json!("1210.00")));
        for bad in ["2026-13", "2026", "january"] {
            let path = format!("/api/v1/billing/statement?month={bad}");
            assert_eq!(server.client.get(&path).await.refused(400), "invalid_request");
        }
        server.finish().await;
    }

    /// Each period once, also those that began while nothing ran; none after the end.
    async fn a_subscription_is_renewed_each_month_once(on: On) {
        let server = Server::start(on).await;
        let account = server.buy("+15550300", "limited_msg_no_chat_history").await;
        let ended = server.buy("+15550301", HISTORY).await;
        let body = json!({ "account": account, "to": "+15550101", "type": "text", "text": "hi" });
        server.client.post("/api/v1/messages", body).await.ok();
        server.client.post(&format!("/api/v1/accounts/{ended}/archive"), Value::Null).await.ok();
        server.drain().await;
        server.advance(10_000).await;
        // To 10 April.
        let server = server.restart_after(95 * DAY).await;
        let entries = entries(&server, &account, 7).await;
        let said: Vec<String> = entries.iter().map(|entry| format!("{} {}", text(&entry["kind"]), &text(&entry["at"])[..10])).collect();
        let expected = ["purchase 2026-01-05", "reset 2026-02-05", "renewal 2026-02-05", "reset 2026-03-05",
                        "renewal 2026-03-05", "reset 2026-04-05", "renewal 2026-04-05"];
        assert_eq!(said, expected);
        assert_eq!((&entries[1]["messages"], &entries[3]["messages"]), (&json!(1), &json!(0)));
        assert_eq!(entries[6]["period"]["end"], "2026-05-05T12:00:00.000Z");
        assert!(entries.iter().filter(|entry| entry["kind"] == "renewal").all(|entry| entry["amount"]["minor"] == 100));
        // Nothing follows while time stands, nor after another start.
        let server = server.restart().await;
        server.clock.advance(60_000);
        self::entries(&server, &account, 7).await;
        self::entries(&server, &ended, 2).await;
        let march = server.client.get("/api/v1/billing/statement?month=2026-03").await.ok();
        let limited = march["subscriptions"].as_array().expect("lines").iter().find(|line| line["tier"] == "limited_msg_no_chat_history").cloned();
        assert_eq!(limited.expect("a line")["quantity"], 1);
        server.finish().await;
    }

    /// A dearer tier costs the difference, a cheaper one gives nothing back.
    async fn a_tier_change_is_charged_by_the_difference(on: On) {
        let server = Server::start(on).await;
        let account = server.buy("+15550300", "limited_msg_no_chat_history").await;
        let path = format!("/api/v1/accounts/{account}");
        for tier in [HISTORY, "limited_msg_no_chat_history", HISTORY] {
            server.client.patch(&path, json!({ "tier": tier })).await.ok();
        }
        let entries = entries(&server, &account, 4).await;
        let amounts: Vec<&Value> = entries.iter().map(|entry| &entry["amount"]["minor"]).collect();
        assert_eq!(amounts, [100, 1100, 0, 0]);
        assert_eq!((&entries[1]["previousTier"], &entries[1]["tier"]), (&json!("limited_msg_no_chat_history"), &json!(HISTORY)));
        server.drain().await;
        server.finish().await;
    }

    /// An account that was there before there was a ledger enters it by itself.
    async fn an_account_without_an_entry_gets_one(on: On) {
        let server = Server::start(on).await;
        let entries = entries(&server, &server.account, 1).await;
        assert_eq!((&entries[0]["kind"], &entries[0]["amount"]["minor"]), (&json!("purchase"), &json!(900)));
        let page = server.client.get("/api/v1/billing/ledger?limit=1&cursor=led_0").await.ok();
        assert_eq!(page["entries"], json!([]));
        server.finish().await;
    }
}

/// An account's entries, oldest first, once there are so many.
async fn entries(server: &Server, account: &str, count: usize) -> Vec<Value> {
    let path = format!("/api/v1/billing/ledger?account={account}");
    let mut entries = eventually("the entries", async || {
        let list = server.client.get(&path).await.ok()["entries"].as_array()?.clone();
        (list.len() >= count).then_some(list)
    })
    .await;
    assert_eq!(entries.len(), count, "{entries:?}");
    entries.reverse();
    entries
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
