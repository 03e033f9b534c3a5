//! Whether this node still sends for an account, and what of it may still leave today.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use super::hold::Allowance;
use super::{Outbox, SENDER_LEASE};
use crate::model::{Account, Millis};
use crate::store::{account, account_day};

impl Outbox {
    pub(super) fn kept(&self) -> MutexGuard<'_, HashMap<String, Millis>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account as it is set now.
    pub(super) async fn account_now(&self, id: &str) -> anyhow::Result<Option<Account>> {
        let mut conn = self.house.store.read().await?;
        Ok(account::by_ids(&mut conn, &[id.to_owned()]).await?.pop())
    }

    /// What left today is all settled when a sender begins, and it alone counts on.
    pub(super) async fn allowance(&self, account: &Account) -> anyhow::Result<Allowance> {
        let today = account_day::day_of(self.house.clock.now());
        let mut conn = self.house.store.read().await?;
        let sent = account_day::sent(&mut conn, &account.id, today).await?;
        Ok(Allowance::new(&self.house.config.limits, sent))
    }

    /// Whether this node still sends for the account, and the account is still open. The messages of
    /// one claim may take longer than a sender's lease.
    pub(super) async fn stay_sender(&self, account: &Account) -> anyhow::Result<bool> {
        let now = self.house.clock.now();
        let kept = self.kept().get(&account.id).copied().unwrap_or(0);
        if now - kept < SENDER_LEASE / 3 {
            return Ok(true);
        }
        let stays =
            account::keep_sender(&self.house.store, &account.id, now + SENDER_LEASE).await?;
        self.kept().insert(account.id.clone(), if stays { now } else { 0 });
        Ok(stays)
    }
}
