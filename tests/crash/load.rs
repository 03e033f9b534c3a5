//! Customers that write and a program that schedules, all of whom try again until they are heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use super::host::Host;
use super::upheaval::{Upheaval, Upheavals};
use crate::support::Client;

const WRITERS: usize = 4;
const CHATS_EACH: usize = 5;
/// Between two messages of one writer.
const PAUSE: Duration = Duration::from_millis(50);

/// What was answered with a 2xx, and must therefore happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Accepted {
    pub to: String,
    /// The text that must reach the customer.
    pub text: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The answer to a message.
    Answer,
    /// A plugin's timer.
    Timer,
    /// A message scheduled through the API.
    Scheduled,
    /// One of a bulk send.
    Bulk,
}

pub struct Load {
    stopping: Arc<AtomicBool>,
    writers: JoinSet<Vec<Accepted>>,
    upheaval: JoinHandle<Upheavals>,
}

impl Load {
    pub fn start(host: &Host) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let writing = Writing {
                http: reqwest::Client::builder()
                    .timeout(Duration::from_secs(5))
                    .build()
                    .expect("a client"),
                client: host.client.clone(),
                account: host.account.clone(),
                writer,
            };
            let stopping = stopping.clone();
            writers.spawn(async move {
                let mut accepted = Vec::new();
                for n in 0.. {
                    if stopping.load(Ordering::Acquire) {
                        break;
                    }
                    accepted.push(writing.next(n).await);
                    tokio::time::sleep(PAUSE).await;
                }
                accepted
            });
        }
        let upheaval = tokio::spawn(Upheaval::of(host).run(stopping.clone()));
        Self { stopping, writers, upheaval }
    }

    /// Let each writer be heard with what it is saying, and no more. Gives all that was accepted, in
    /// each chat in its order, and what is to be finished.
    pub async fn stop(self) -> (Vec<Accepted>, Upheavals) {
        self.stopping.store(true, Ordering::Release);
        let mut accepted: Vec<Accepted> =
            self.writers.join_all().await.into_iter().flatten().collect();
        let upheavals = self.upheaval.await.expect("all of it was accepted");
        accepted.extend(upheavals.messages.iter().cloned());
        (accepted, upheavals)
    }
}

struct Writing {
    http: reqwest::Client,
    client: Client,
    account: String,
    writer: usize,
}

impl Writing {
    async fn next(&self, n: usize) -> Accepted {
        let id = format!("w{}n{n}", self.writer);
        let to = format!("+15550{:02}{:02}", self.writer, n % CHATS_EACH);
        if n % 10 == 9 {
            #[expect(clippy::disallowed_methods, reason = "the host runs by the system's clock")]
            let at: DateTime<_> = chrono::Utc::now() + TimeDelta::milliseconds(700);
            let text = format!("scheduled {id}");
            let body = json!({
                "account": self.account, "to": to, "type": "text", "text": text,
                "scheduleAt": at.to_rfc3339(), "idempotencyId": id
            });
            self.insist("/api/v1/messages", &body).await;
            return Accepted { to, text, kind: Kind::Scheduled };
        }
        let (said, text, kind) = if n % 10 == 4 {
            (format!("timer 700 {id} tick"), format!("timer {id} tick"), Kind::Timer)
        } else {
            (format!("echo {id}"), id.clone(), Kind::Answer)
        };
        let body = json!({ "from": to, "type": "text", "text": said, "id": format!("wamid.{id}") });
        self.insist(&format!("/sandbox/accounts/{}/incoming", self.account), &body).await;
        Accepted { to, text, kind }
    }

    /// As a provider does: the same thing under the same id until it is taken.
    async fn insist(&self, path: &str, body: &Value) {
        loop {
            let request = self
                .http
                .post(format!("{}{path}", self.client.url))
                .bearer_auth(&self.client.key)
                .json(body);
            match request.send().await {
                Ok(answer) if answer.status().is_success() => return,
                // A refusal would never end; a host that stops or starts may be short of breath.
                Ok(answer) if answer.status().is_client_error() => {
                    panic!("{body} was refused: {}", answer.text().await.unwrap_or_default());
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}
