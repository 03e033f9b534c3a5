//! Telling the host what it must hear, until it has heard it.

use crate::model::{AccountState, Inbound, Millis};

use super::Shared;

/// The first wait after the host refused, and the longest.
const RETRY_FIRST: Millis = 200;
const RETRY_MAX: Millis = 5_000;

/// What the network tells without being asked.
pub(super) enum News<'a> {
    Receipts(Vec<Inbound>),
    Account { id: &'a str, state: AccountState, reason: &'a str, phone: Option<&'a str> },
}

impl Shared {
    /// Hand the news in, again and again until the host has committed it.
    pub(super) async fn tell(&self, news: News<'_>) {
        let mut pause = RETRY_FIRST;
        while let Err(error) = self.offer(&news).await {
            tracing::warn!(%error, retry_in = pause, "the host did not take what the sandbox handed in");
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Hand the news in once.
    pub(super) async fn offer(&self, news: &News<'_>) -> anyhow::Result<()> {
        let intake = self.intake()?;
        match news {
            News::Receipts(items) => intake.receive(items.clone()).await,
            News::Account { id, state, reason, phone } => {
                intake.account_changed(id, *state, reason, *phone).await?;
                self.changed();
                Ok(())
            }
        }
    }
}
