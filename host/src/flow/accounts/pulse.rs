//! Whether an open account is heard from: what it was asked, and when it last answered.
//!
//! What is felt is kept in memory for a moment and written in sets, so that no message costs a row.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::{begin, event};
use crate::flow::{House, record};
use crate::model::{Account, EventKind, Health, Millis};
use crate::store::account::{self, Pulse};

/// Pulses felt since they were last written.
#[derive(Debug, Default)]
pub struct Pulses(Mutex<HashMap<String, Pulse>>);

impl Pulses {
    /// Something came from the account's channel.
    pub fn heard(&self, account_id: &str, now: Millis) {
        self.feel(account_id, |pulse| pulse.heard_at = now);
    }

    /// A message was handed to its channel.
    pub fn asked(&self, account_id: &str, now: Millis) {
        self.feel(account_id, |pulse| {
            if pulse.asked_at <= pulse.heard_at {
                pulse.asked_at = now;
            }
        });
    }

    fn feel(&self, account_id: &str, beat: impl FnOnce(&mut Pulse)) {
        let mut pulses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pulse) = pulses.get_mut(account_id) {
            return beat(pulse);
        }
        let mut pulse = Pulse { account_id: account_id.to_owned(), heard_at: 0, asked_at: 0 };
        beat(&mut pulse);
        pulses.insert(account_id.to_owned(), pulse);
    }

    fn take(&self) -> Vec<Pulse> {
        let mut pulses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<Pulse> = pulses.drain().map(|(_, pulse)| pulse).collect();
        taken.sort_by(|a, b| a.account_id.cmp(&b.account_id));
        taken
    }
}

/// Write what was felt, and tell of every account whose health changed by it.
pub async fn check(house: &House) -> anyhow::Result<()> {
    let pulses = house.pulses.take();
    if !pulses.is_empty() {
        let mut tx = house.store.begin().await?;
        account::feel(&mut tx, &pulses).await?;
        tx.commit().await?;
        // On PostgreSQL it passes over an account whose row is being written.
        house.wake.outbox.notify_one();
    }
    let silent_since = house.clock.now() - house.config.accounts.silent_after;
    let changed =
        account::changed_health(&mut *house.store.read().await?, silent_since, 100).await?;
    for (account, health) in changed {
        tell(house, &account, health).await?;
    }
    Ok(())
}

async fn tell(house: &House, account: &Account, health: Health) -> anyhow::Result<()> {
    let reason = match health {
        Health::Ok => "",
        Health::Degraded => {
            "nothing was heard although messages were handed over: look at the phone, or log in again"
        }
    };
    let (mut tx, mut numbers) = begin(house, &account.team_id).await?;
    if account::set_health(&mut tx, &account.id, health, reason).await? {
        let data = json!({
            "state": account.state, "reason": reason, "was": account.state, "health": health,
        });
        let event = event(house, account, EventKind::ACCOUNT_STATE, data);
        record::events(house, &mut tx, &mut numbers, vec![event]).await?;
        house.commit(tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_question_since_an_answer_counts() {
        let pulses = Pulses::default();
        pulses.heard("acc", 5);
        pulses.asked("acc", 7);
        pulses.asked("acc", 9);
        let felt = Pulse { account_id: "acc".into(), heard_at: 5, asked_at: 7 };
        assert_eq!(pulses.take(), [felt]);
        assert_eq!(pulses.take(), []);
    }
}
