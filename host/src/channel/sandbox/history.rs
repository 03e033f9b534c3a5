//! What a phone remembers from before it was scanned, brought along at each scan.

use std::sync::{Arc, PoisonError};

use super::Shared;
use crate::model::{Millis, Past};

/// Messages handed in at once.
const SET: usize = 500;
/// The first wait after the host refused, and the longest.
const RETRY_FIRST: Millis = 200;
const RETRY_MAX: Millis = 5_000;

impl Shared {
    pub(super) fn set_history(&self, account_id: &str, mut history: Vec<Past>) {
        history.sort_by_key(|past| std::cmp::Reverse(past.at));
        let mut histories = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
        histories.insert(account_id.to_owned(), Arc::new(history));
    }

    /// Hand the history in, newest first, for as long as the host takes more.
    pub(super) async fn bring_history(&self, account_id: &str) {
        let history = {
            let histories = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
            histories.get(account_id).cloned().unwrap_or_default()
        };
        let sets = history.len().div_ceil(SET).max(1);
        for number in 0..sets {
            let set = &history[number * SET..((number + 1) * SET).min(history.len())];
            if !self.bring_set(account_id, set, number + 1 == sets).await {
                return;
            }
        }
    }

    /// Hand one set in until the host has committed it; whether it takes more.
    async fn bring_set(&self, account_id: &str, set: &[Past], last: bool) -> bool {
        let mut pause = RETRY_FIRST;
        loop {
            let answer = match self.intake() {
                Ok(intake) => intake.history(account_id, set, last).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(more) => return more,
                Err(error) => {
                    tracing::warn!(%error, retry_in = pause, "the host did not take a part of the history");
                }
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }
}
