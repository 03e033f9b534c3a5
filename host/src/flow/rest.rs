//! A house at rest: nothing is due by its clock. What tests and transcripts wait for.

use std::time::{Duration, Instant};

use super::House;
use crate::model::{JobKind, Millis};
use crate::store::{StoreError, job};

/// Between two looks, on real time: the clock of a house that is waited for usually stands still.
const PACE: Duration = Duration::from_millis(2);

impl House {
    /// Whether nothing is due by the clock's present time: no job, no receipt that the pretend network
    /// owes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_at_rest(&self) -> Result<bool, StoreError> {
        let commits = *self.wake.committed.borrow();
        let owes = self.channels.sandbox.owes_now();
        let due = job::due(&mut *self.store.read().await?, self.clock.now()).await?;
        // What moved from the one to the other meanwhile was in a commit.
        Ok(!owes && due == 0 && *self.wake.committed.borrow() == commits)
    }

    /// Wait until the house is at rest; false where it is not within this much real time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn come_to_rest(&self, patience: Duration) -> Result<bool, StoreError> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if self.is_at_rest().await? {
                return Ok(true);
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(false)
    }

    /// When the next job that waits for its time will be due; `None` where none waits.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        let mut conn = self.store.read().await?;
        let now = self.clock.now();
        let mut next = job::next_due(&mut conn, None, now).await?;
        for kind in JobKind::ALL {
            let due = job::next_due(&mut conn, Some(*kind), now).await?;
            next = [next, due].into_iter().flatten().min();
        }
        Ok(next)
    }
}
