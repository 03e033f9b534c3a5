//! Signs on their way to customers: typing, and how far we have read.

use serde_json::Value;

use super::Outbox;
use crate::channel::{Channel, Signal};
use crate::model::Account;
use crate::store::contact;
use crate::store::job::Job;

impl Outbox {
    /// Let the customer see "typing…" for a moment, or until we are told to stop.
    pub(super) async fn show_typing(&self, account: &Account, channel: &dyn Channel, to: &str) {
        if channel.signal(account, to, &Signal::Typing).await.is_ok() {
            tokio::select! {
                () = self.house.clock.sleep(self.house.config.outbox.typing) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Give a customer the sign that a job carries.
    pub(super) async fn signal(
        &self,
        account: &Account,
        channel: &dyn Channel,
        job: &Job,
    ) -> anyhow::Result<()> {
        let payload: Value = serde_json::from_str(&job.payload)?;
        let word = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        let mut conn = self.house.store.read().await?;
        let Some(contact) = contact::get(&mut conn, &job.team_id, &word("contact_id")).await?
        else {
            return Ok(());
        };
        drop(conn);
        let signal = if word("signal") == "read" {
            Signal::Read(word("provider_id"))
        } else {
            Signal::Typing
        };
        if let Err(error) = channel.signal(account, &contact.phone, &signal).await {
            tracing::debug!(%error, "a sign was lost");
        }
        Ok(())
    }
}
