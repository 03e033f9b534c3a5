//! One chat, live: a snapshot, then every change, as server-sent events.
//!
//! Each `chat` event carries the account, what the customer sees of the business, and the messages
//! that are new or changed; the first one is `whole`: it carries them all.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::channel::Channel as _;
use crate::channel::sandbox::Presence;
use crate::model::{Account, Message, Millis};

use super::{Refusal, Shared, account, accounts, phone_number};

/// Messages of the snapshot.
const LIMIT: i64 = 200;
/// Between two looks at the store, however much is committed: what a person's eye can follow. It
/// paces the connection and decides nothing, so it runs on real time.
const PACE: Duration = Duration::from_millis(50);

/// `GET /sandbox/accounts/{account}/chats/{phone}/stream`
pub(super) async fn chat(
    State(house): State<Shared>,
    Path((account_id, phone)): Path<(String, String)>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let phone = phone_number(&phone, "phone")?;
    account(&house, &account_id).await?;
    let watching = Watching {
        commits: house.commits(),
        signs: house.sandbox().changes(),
        house,
        account_id,
        phone,
        begun: false,
        seen: HashMap::new(),
        around: None,
    };
    let events = futures_util::stream::unfold(watching, Watching::next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// What one page has been told so far.
struct Watching {
    house: Shared,
    commits: watch::Receiver<u64>,
    signs: watch::Receiver<u64>,
    account_id: String,
    phone: String,
    begun: bool,
    seen: HashMap<String, Message>,
    around: Option<Around>,
}

/// What a page shows besides the messages.
#[derive(PartialEq)]
struct Around {
    account: Option<Account>,
    presence: Presence,
    /// Until when the pending QR code holds.
    qr: Option<Millis>,
}

impl Watching {
    /// The next event; ends with the house, or when the store cannot be read (the page comes back).
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if self.begun {
                self.changed().await?;
            }
            match self.look().await {
                Ok(Some(event)) => return Some((Ok(event), self)),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "a phone's stream ends");
                    return None;
                }
            }
        }
    }

    /// Wait for a commit or a sign; `None` when the house stops, so that no page holds it up.
    async fn changed(&mut self) -> Option<()> {
        tokio::time::sleep(PACE).await;
        tokio::select! {
            changed = self.commits.changed() => changed.ok(),
            changed = self.signs.changed() => changed.ok(),
            () = self.house.sandbox().stopped() => None,
        }
    }

    /// What is new since the last look.
    async fn look(&mut self) -> anyhow::Result<Option<Event>> {
        // Marked first: what is committed during the look is looked at again.
        self.commits.mark_unchanged();
        self.signs.mark_unchanged();
        let around = self.around().await?;
        let page = self.house.chat_page(&self.account_id, &self.phone, LIMIT).await?;
        let changed: Vec<_> = page
            .iter()
            .filter(|message| self.seen.get(&message.id) != Some(message))
            .map(bubble)
            .collect();
        if changed.is_empty() && self.around.as_ref() == Some(&around) {
            return Ok(None);
        }
        let remaining = |until: Millis| (until - self.house.clock().now()).max(0);
        let data = json!({
            "whole": !self.begun,
            "account": around.account.as_ref().map(accounts::view),
            "messages": changed,
            // Both in milliseconds from now, since the page's clock may differ.
            "typing": remaining(around.presence.typing_until),
            "qr": around.qr.map(remaining),
            "read": around.presence.read,
        });
        self.begun = true;
        self.around = Some(around);
        self.seen = page.into_iter().map(|message| (message.id.clone(), message)).collect();
        Ok(Some(Event::default().event("chat").json_data(data)?))
    }

    async fn around(&self) -> anyhow::Result<Around> {
        let sandbox = self.house.sandbox();
        Ok(Around {
            account: self.house.account(&self.account_id).await?,
            presence: sandbox.presence(&self.account_id, &self.phone),
            qr: sandbox.qr(&self.account_id).map(|(_, until)| until),
        })
    }
}

/// A message as the phone shows it.
fn bubble(message: &Message) -> Value {
    json!({
        "id": message.id,
        "direction": message.direction,
        "content": message.content,
        "status": message.status,
        "provider_id": message.provider_id,
        "reply_to": message.reply_to,
        "at": message.sent_at.unwrap_or(message.due_at),
        "error_code": message.error_code,
        "error_message": message.error_message,
        "possible_duplicate": message.possible_duplicate,
    })
}
