//! What takes the host many transactions: bulk sends, merges of contacts, erasures, deletions of
//! accounts. Each is asked for until it is accepted, and must be finished whatever comes between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use super::host::Host;
use super::load::{Accepted, Kind};
use crate::support::Client;

/// Between two of them, and how many there are at least of each.
const PAUSE: Duration = Duration::from_millis(80);
const LEAST: usize = 3;
/// Recipients of one bulk send, a few seconds' worth.
const RECIPIENTS: usize = 6;

/// What was accepted, and must therefore be finished.
#[derive(Debug, Default)]
pub struct Upheavals {
    pub bulk: Vec<String>,
    /// Numbers that are one person's.
    pub merged: Vec<(String, String)>,
    /// Ids and numbers of people.
    pub erased: Vec<(String, String)>,
    /// Ids of accounts.
    pub deleted: Vec<String>,
    /// The messages of the bulk sends.
    pub messages: Vec<Accepted>,
}

pub struct Upheaval {
    http: reqwest::Client,
    client: Client,
    account: String,
}

impl Upheaval {
    pub fn of(host: &Host) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build();
        let (client, account) = (host.client.clone(), host.account.clone());
        Self { http: http.expect("a client"), client, account }
    }

    /// One after the other until told to stop.
    pub async fn run(self, stopping: Arc<AtomicBool>) -> Upheavals {
        let mut done = Upheavals::default();
        for n in 0.. {
            if stopping.load(Ordering::Acquire) && n >= LEAST * 4 {
                break;
            }
            match n % 4 {
                0 => self.bulk(n, &mut done).await,
                1 => self.merge(n, &mut done).await,
                2 => self.erase(n, &mut done).await,
                _ => self.delete(n, &mut done).await,
            }
            tokio::time::sleep(PAUSE).await;
        }
        done
    }

    async fn bulk(&self, n: usize, done: &mut Upheavals) {
        let to = |k: usize| format!("+15551{n:03}{k:02}");
        let words = |k: usize| format!("bulk {n} to {k}");
        let recipients: Vec<Value> = (0..RECIPIENTS)
            .map(|k| json!({ "to": to(k), "variables": { "words": words(k) } }))
            .collect();
        let body = json!({
            "account": self.account, "content": { "type": "text", "text": "{{words}}" }, "pace": 120,
            "recipients": recipients, "idempotencyId": format!("bulk{n}")
        });
        let begun = self.insist(Method::POST, "/api/v1/bulk", &body, &[]).await;
        done.bulk.push(text(&begun["id"]));
        done.messages.extend((0..RECIPIENTS).map(|k| Accepted {
            to: to(k),
            text: words(k),
            kind: Kind::Bulk,
        }));
    }

    async fn merge(&self, n: usize, done: &mut Upheavals) {
        let (one, other) = (format!("+15552{n:03}01"), format!("+15552{n:03}02"));
        for from in [&one, &other] {
            self.writes(&self.account, from).await;
        }
        let path = format!("/api/v1/contacts/{one}/merge");
        self.insist(Method::POST, &path, &json!({ "with": other }), &[409]).await;
        done.merged.push((one, other));
    }

    async fn erase(&self, n: usize, done: &mut Upheavals) {
        let phone = format!("+15553{n:03}01");
        self.writes(&self.account, &phone).await;
        let path = format!("/api/v1/contacts/{phone}");
        let id = text(&self.insist(Method::GET, &path, &Value::Null, &[]).await["id"]);
        let path = format!("/api/v1/contacts/{id}");
        // Accepted, and the answer lost: then it is not there any more.
        self.insist(Method::DELETE, &path, &Value::Null, &[404]).await;
        done.erased.push((id, phone));
    }

    async fn delete(&self, n: usize, done: &mut Upheavals) {
        let new = json!({ "type": "sandbox", "phone": format!("+15554{n:03}00") });
        let id = text(&self.insist(Method::POST, "/api/v1/accounts", &new, &[]).await["id"]);
        for k in 0..3 {
            self.writes(&id, &format!("+15555{n:03}{k:02}")).await;
        }
        #[expect(clippy::disallowed_methods, reason = "the host runs by the system's clock")]
        let at = chrono::Utc::now() + TimeDelta::hours(1);
        let later = json!({
            "account": id, "to": format!("+15555{n:03}00"), "type": "text", "text": "never",
            "scheduleAt": at.to_rfc3339(), "idempotencyId": "later"
        });
        self.insist(Method::POST, "/api/v1/messages", &later, &[]).await;
        let path = format!("/api/v1/accounts/{id}");
        self.insist(Method::DELETE, &path, &Value::Null, &[404]).await;
        done.deleted.push(id);
    }

    /// Somebody writes what no plugin answers.
    async fn writes(&self, account: &str, from: &str) {
        let id = format!("wamid.{account}.{from}");
        let body =
            json!({ "from": from, "type": "text", "text": format!("hello from {from}"), "id": id });
        let path = format!("/sandbox/accounts/{account}/incoming");
        self.insist(Method::POST, &path, &body, &[]).await;
    }

    /// The same again until it is taken, or refused as what was done before is.
    async fn insist(&self, method: Method, path: &str, body: &Value, done: &[u16]) -> Value {
        loop {
            let url = format!("{}{path}", self.client.url);
            let mut request = self.http.request(method.clone(), url).bearer_auth(&self.client.key);
            if !body.is_null() {
                request = request.json(body);
            }
            if let Ok(answer) = request.send().await {
                let status = answer.status();
                let told = answer.text().await.unwrap_or_default();
                if status.is_success() || done.contains(&status.as_u16()) {
                    return serde_json::from_str(&told).unwrap_or_default();
                }
                assert!(!status.is_client_error(), "{method} {path} {body} was refused: {told}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
