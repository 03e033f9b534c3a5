//! The only caller of "now", and of chance where it makes ids.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::model::Millis;

/// The time of the house: the system's, or in tests one that moves when told.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    /// The last id given: its time, and its part by chance.
    last: Arc<Mutex<(u64, u128)>>,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Manual>),
}

#[derive(Debug)]
struct Manual {
    now: AtomicI64,
    moved: watch::Sender<Millis>,
}

impl Clock {
    pub fn system() -> Self {
        Self { source: Source::System, last: Arc::default() }
    }

    /// A clock that stands at `now` until [`Clock::advance`] moves it.
    pub fn manual(now: Millis) -> Self {
        let manual = Manual { now: AtomicI64::new(now), moved: watch::Sender::new(now) };
        Self { source: Source::Manual(Arc::new(manual)), last: Arc::default() }
    }

    /// Unix milliseconds.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask the system")]
    pub fn now(&self) -> Millis {
        match &self.source {
            Source::System => chrono::Utc::now().timestamp_millis(),
            Source::Manual(manual) => manual.now.load(Ordering::Acquire),
        }
    }

    /// Move a manual clock on by so many milliseconds and wake who sleeps on it.
    ///
    /// # Panics
    /// On the system's clock, which no test may move.
    pub fn advance(&self, by: Millis) {
        let Source::Manual(manual) = &self.source else {
            panic!("only a manual clock can be moved")
        };
        let now = manual.now.fetch_add(by, Ordering::AcqRel) + by;
        manual.moved.send_replace(now);
    }

    /// Return at `deadline` or soon after; at once if it has passed.
    pub async fn sleep_until(&self, deadline: Millis) {
        match &self.source {
            Source::System => {
                let wait = u64::try_from(deadline - self.now()).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            Source::Manual(manual) => {
                let mut moved = manual.moved.subscribe();
                let reached = moved.wait_for(|now| *now >= deadline).await;
                debug_assert!(reached.is_ok(), "the clock holds its own sender");
            }
        }
    }

    /// Return after so many milliseconds.
    pub async fn sleep(&self, millis: Millis) {
        self.sleep_until(self.now().saturating_add(millis)).await;
    }

    /// A new id such as `msg_01k…`: later ones of this process sort after earlier ones, also within a
    /// millisecond, so that lists read on from the last id seen.
    pub fn id(&self, prefix: &str) -> String {
        let now = u64::try_from(self.now()).unwrap_or(0);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Steps by chance, and half of the room free for them: ids cannot be guessed from others.
        *last = if now > last.0 {
            (now, rand::random::<u128>() & (u128::MAX >> 49))
        } else {
            (last.0, last.1 + 1 + u128::from(rand::random::<u64>() >> 8))
        };
        let ulid = ulid::Ulid::from_parts(last.0, last.1);
        format!("{prefix}_{}", ulid.to_string().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_as_they_were_given_also_while_time_stands() {
        let clock = Clock::manual(1_000_000);
        let ids: Vec<String> = (0..1000).map(|_| clock.id("x")).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        clock.advance(1);
        assert!(clock.id("x") > ids[999]);
    }
}
