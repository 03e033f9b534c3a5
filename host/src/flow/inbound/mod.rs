//! Stage 2: what came in becomes rows, all of one set in one transaction.
//!
//! A set may mix accounts and teams. Duplicates vanish on the unique keys; an item for an account
//! that is gone is dropped with a line in the log, since no repeat would ever succeed.

mod messages;
mod senders;
mod statuses;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::batch::Work;
use super::{House, accounts, media};
use crate::channel::Intake;
use crate::model::{Account, AccountState, Inbound, JobKind, Past};
use crate::store::{account, job, team};

pub use messages::new_chat;

/// The intake of a house: one commit for all that arrives while the one before is under way.
pub struct Receiver(pub Arc<House>);

#[async_trait]
impl Work for Receiver {
    type Item = Inbound;
    type Done = ();

    async fn commit(&self, items: &[Inbound]) -> anyhow::Result<Vec<()>> {
        let house = &self.0;
        let accounts = accounts_of(house, items).await?;
        let mut messages = Vec::new();
        let mut statuses = Vec::new();
        for item in items {
            let account_id = match item {
                Inbound::Message(message) => &message.account_id,
                Inbound::Status(status) => &status.account_id,
            };
            match (item, accounts.get(account_id)) {
                (_, None) => {
                    tracing::warn!(account_id, "something came in for an account that is gone")
                }
                (Inbound::Message(message), Some(account)) => messages.push((account, message)),
                (Inbound::Status(status), Some(account)) => statuses.push((account, status)),
            }
        }
        let mut wanted = std::collections::BTreeMap::new();
        for account in messages
            .iter()
            .map(|(account, _)| account)
            .chain(statuses.iter().map(|(account, _)| account))
        {
            *wanted.entry(account.team_id.clone()).or_insert(0) += 1;
        }
        let mut tx = house.store.begin().await?;
        let mut numbers = team::draw(&mut tx, &wanted).await?;
        let (mut lanes, held) = messages::store(house, &mut tx, &mut numbers, &messages).await?;
        lanes.extend(statuses::store(house, &mut tx, &mut numbers, &statuses).await?);
        job::promote(&mut tx, &lanes).await?;
        house.commit(tx).await?;
        drop(held);
        for account_id in accounts.keys() {
            house.pulses.heard(account_id, house.clock.now());
        }
        metrics::counter!("switchboard_inbound_total").increment(items.len() as u64);
        Ok(vec![(); items.len()])
    }
}

async fn accounts_of(house: &House, items: &[Inbound]) -> anyhow::Result<HashMap<String, Account>> {
    let mut ids: Vec<String> = items
        .iter()
        .map(|item| match item {
            Inbound::Message(message) => message.account_id.clone(),
            Inbound::Status(status) => status.account_id.clone(),
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let found = account::by_ids(&mut *house.store.read().await?, &ids).await?;
    Ok(found.into_iter().map(|account| (account.id.clone(), account)).collect())
}

/// Files that customers sent with their messages are kept before these are.
async fn take_in_files(house: &House, items: &mut [Inbound]) -> anyhow::Result<()> {
    let has_data = |item: &Inbound| match item {
        Inbound::Message(message) => {
            let media = message.content.media();
            media.and_then(|media| media.url.as_ref()).is_some_and(|url| url.starts_with("data:"))
        }
        Inbound::Status(_) => false,
    };
    if !items.iter().any(has_data) {
        return Ok(());
    }
    let accounts = accounts_of(house, items).await?;
    for item in items {
        if let Inbound::Message(message) = item
            && let Some(account) = accounts.get(&message.account_id)
        {
            media::take_in(house, &account.team_id, &mut message.content).await?;
        }
    }
    Ok(())
}

/// What a channel holds of the house.
pub struct Door {
    pub house: Arc<House>,
    pub receiver: super::batch::Batcher<Receiver>,
}

#[async_trait]
impl Intake for Door {
    async fn receive(&self, mut items: Vec<Inbound>) -> anyhow::Result<()> {
        take_in_files(&self.house, &mut items).await?;
        try_join_all(items.into_iter().map(|item| self.receiver.submit(item))).await?;
        Ok(())
    }

    async fn account_changed(
        &self,
        account_id: &str,
        state: AccountState,
        reason: &str,
        phone: Option<&str>,
    ) -> anyhow::Result<()> {
        accounts::set_state(&self.house, account_id, state, reason, phone).await
    }

    async fn history(&self, account_id: &str, past: &[Past], last: bool) -> anyhow::Result<bool> {
        accounts::sync(&self.house, account_id, past, last).await
    }
}

/// The jobs of this stage: statuses that came before the message that they speak of.
pub async fn run(door: Arc<Door>, stop: CancellationToken) {
    let house = door.house.clone();
    loop {
        let looked = house.clock.now();
        if let Err(error) = statuses::run_unmatched(&door).await {
            tracing::error!(error = format!("{error:#}"), "unmatched statuses: will try again");
        }
        if house.rest(&house.wake.statuses, Some(JobKind::Status), looked, &stop).await {
            return;
        }
    }
}
