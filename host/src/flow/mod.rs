//! The stages that a message passes. They talk through committed rows only: each claims, works, and
//! settles in one transaction, and wakes those who may find something new.

pub mod batch;

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::channel::Channels;
use crate::clock::Clock;
use crate::config::Config;
use crate::plugin::Runtime;
use crate::store::{Store, StoreError, Tx};

/// What every stage shares.
pub struct House {
    pub config: Config,
    pub clock: Clock,
    pub store: Store,
    pub channels: Channels,
    pub runtime: Arc<Runtime>,
    pub wake: Wake,
}

impl House {
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
            committed: watch::Sender::new(0),
        }
    }

    pub fn all(&self) {
        for stage in [&self.dispatch, &self.outbox, &self.notify, &self.timers] {
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
