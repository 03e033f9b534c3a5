//! The pace of an account's messages, and how each of them varies a little.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::flow::House;
use crate::model::{Account, Content, Millis};

/// When each account may send next.
#[derive(Default)]
pub struct Paces(Mutex<HashMap<String, Millis>>);

impl Paces {
    /// Wait for the account's gap since its last message, and a little by chance.
    pub async fn wait(&self, house: &House, account: &Account, stop: &CancellationToken) {
        let gap = account.settings.gap.unwrap_or(house.config.outbox.gap);
        let jitter = account.settings.jitter.unwrap_or(house.config.outbox.jitter);
        if gap == 0 && jitter == 0 {
            return;
        }
        let now = house.clock.now();
        let turn = {
            let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let next = paces.entry(account.id.clone()).or_insert(now);
            let turn = (*next).max(now);
            *next = turn + gap + rand::random_range(0..=jitter);
            turn
        };
        tokio::select! {
            () = house.clock.sleep_until(turn) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// The same words, spaced a little differently for each message: a blank or two at the end.
pub fn varied(content: Content, message_id: &str) -> Content {
    match content {
        Content::Text { text } => {
            let blanks = message_id.bytes().map(usize::from).sum::<usize>() % 4;
            Content::Text { text: format!("{text}{}", " ".repeat(blanks)) }
        }
        other => other,
    }
}
