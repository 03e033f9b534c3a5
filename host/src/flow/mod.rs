//! The stages that a message passes. They talk through committed rows only: each claims, works, and
//! settles in one transaction, and wakes those who may find something new.

pub mod accounts;
pub mod batch;
pub mod bulk;
pub mod conversations;
pub mod dispatch;
pub mod effect;
pub mod fire;
pub mod folder;
pub mod holdings;
pub mod identity;
pub mod inbound;
mod input;
pub mod install;
pub mod media;
pub mod meters;
mod missed;
pub mod notify;
pub mod outbox;
pub mod pending;
pub mod people;
mod queued;
pub mod queueing;
pub mod reads;
pub mod record;
pub mod registry;
pub mod repeat;
pub mod rest;
pub mod rules;
pub mod send;
pub mod signal;
pub mod signature;
pub mod spans;
pub mod spin;
pub mod story;
pub mod teams;
pub mod templates;
pub mod timers;
pub mod upkeep;
pub mod webhooks;

#[cfg(test)]
mod moments;

use std::sync::Arc;

use rand::Rng;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::channel::Channels;
use crate::clock::Clock;
use crate::config::Config;
use crate::model::{JobKind, Millis};
use crate::plugin::Runtime;
use crate::seal::Seal;
use crate::store::{Store, StoreError, Tx, job};
use batch::Batcher;
use media::Depot;
use registry::Registry;
use send::Queuer;

/// What every stage shares.
pub struct House {
    pub config: Config,
    pub clock: Clock,
    pub store: Store,
    pub channels: Channels,
    pub runtime: Arc<Runtime>,
    pub seal: Seal,
    pub registry: Registry,
    pub wake: Wake,
    /// Where files are kept and fetched.
    pub depot: Depot,
    /// Where the API's messages come together.
    pub sends: Batcher<Queuer>,
    /// Which accounts were heard from, and which were asked.
    pub pulses: accounts::Pulses,
    /// What calls came to, for `/metrics`.
    pub meters: meters::Meters,
    /// How much installs keep.
    pub holdings: holdings::Holdings,
    /// What is told to a collector.
    pub spans: spans::Spans,
}

/// How often a stage looks again although nobody woke it: a safety net on one machine, and the
/// slowest news from another node.
const POLL: Millis = 5_000;

impl House {
    pub fn new(
        config: Config,
        clock: Clock,
        store: Store,
        channels: Channels,
        runtime: Arc<Runtime>,
        seal: Seal,
        depot: Depot,
    ) -> Arc<Self> {
        let meters = meters::Meters::new(config.telemetry.installs);
        let spans = spans::Spans::start(&config.telemetry);
        Arc::new_cyclic(|house| Self {
            config,
            clock,
            store,
            channels,
            runtime,
            seal,
            registry: Registry::default(),
            wake: Wake::default(),
            depot,
            sends: Batcher::start(Arc::new(Queuer(house.clone()))),
            pulses: accounts::Pulses::default(),
            meters,
            holdings: holdings::Holdings::default(),
            spans,
        })
    }

    /// Wait for something to do: until woken, or the next job of this kind is due (`None`: one that
    /// has no place yet), or it is time to look anyway. True when told to stop. `looked` is a time
    /// from before the last look for jobs: what became due since then was not seen.
    pub async fn rest(
        &self,
        woken: &Notify,
        kind: Option<JobKind>,
        looked: Millis,
        stop: &CancellationToken,
    ) -> bool {
        if stop.is_cancelled() {
            return true;
        }
        let due = match self.store.read().await {
            Ok(mut conn) => job::next_due(&mut conn, kind, looked).await.ok().flatten(),
            Err(_) => None,
        };
        let deadline = due.unwrap_or(i64::MAX).min(self.clock.now() + POLL);
        tokio::select! {
            () = stop.cancelled() => true,
            () = woken.notified() => false,
            () = self.clock.sleep_until(deadline) => false,
        }
    }

    /// Commit, then wake everyone who may find something new.
    pub async fn commit(&self, tx: Tx) -> Result<(), StoreError> {
        self.store.commit(tx).await?;
        self.wake.all();
        Ok(())
    }
}

/// Who is told after a commit. A stage that is busy when told looks again when it is done.
#[derive(Debug)]
pub struct Wake {
    pub dispatch: Notify,
    pub outbox: Notify,
    pub notify: Notify,
    pub timers: Notify,
    pub statuses: Notify,
    pub people: Notify,
    pub accounts: Notify,
    pub bulk: Notify,
    /// Counts commits: for streams and the phone page.
    pub committed: watch::Sender<u64>,
}

impl Wake {
    pub fn new() -> Self {
        Self {
            dispatch: Notify::new(),
            outbox: Notify::new(),
            notify: Notify::new(),
            timers: Notify::new(),
            statuses: Notify::new(),
            people: Notify::new(),
            accounts: Notify::new(),
            bulk: Notify::new(),
            committed: watch::Sender::new(0),
        }
    }

    pub fn all(&self) {
        let Self { dispatch, outbox, notify, timers, statuses, people, accounts, bulk, .. } = self;
        for stage in [dispatch, outbox, notify, timers, statuses, people, accounts, bulk] {
            stage.notify_one();
        }
        self.committed.send_modify(|count| *count += 1);
    }
}

impl Default for Wake {
    fn default() -> Self {
        Self::new()
    }
}

/// After a failure of the host's own (the database, most likely): not at once again. On real time,
/// since no clock of a test may hold up a stop.
pub async fn pause() {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

/// How long to wait before another attempt: `first`, doubled with each that failed, at most `most`,
/// and a fifth more or less by chance, so that what failed together does not come back together.
pub fn backoff(first: Millis, most: Millis, failed: i64) -> Millis {
    let doubled = first.saturating_mul(
        1_i64.checked_shl(u32::try_from(failed).unwrap_or(62).min(62)).unwrap_or(i64::MAX),
    );
    let wait = doubled.min(most).max(0);
    wait - wait / 5 + rand::rng().random_range(0..=2 * (wait / 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_most_and_never_overflows() {
        for failed in 0..100 {
            let wait = backoff(1000, 60_000, failed);
            let plain = 1000_i64
                .checked_shl(failed as u32)
                .filter(|wait| *wait > 0 && failed < 40)
                .unwrap_or(60_000)
                .min(60_000);
            assert!((plain * 4 / 5..=plain * 6 / 5).contains(&wait), "{failed}: {wait}");
        }
    }
}
