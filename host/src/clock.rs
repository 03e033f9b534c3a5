//! The only caller of "now", and of chance where it makes ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::model::Millis;

/// The time of the house: the system's, or in tests one that moves when told.
#[derive(Clone, Debug)]
pub struct Clock(Source);

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
        Self(Source::System)
    }

    /// A clock that stands at `now` until [`Clock::advance`] moves it.
    pub fn manual(now: Millis) -> Self {
        Self(Source::Manual(Arc::new(Manual {
            now: AtomicI64::new(now),
            moved: watch::Sender::new(now),
        })))
    }

    /// Unix milliseconds.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask the system")]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System => chrono::Utc::now().timestamp_millis(),
            Source::Manual(manual) => manual.now.load(Ordering::Acquire),
        }
    }

    /// Move a manual clock on by so many milliseconds and wake who sleeps on it.
    ///
    /// # Panics
    /// On the system's clock, which no test may move.
    pub fn advance(&self, by: Millis) {
        let Source::Manual(manual) = &self.0 else { panic!("only a manual clock can be moved") };
        let now = manual.now.fetch_add(by, Ordering::AcqRel) + by;
        manual.moved.send_replace(now);
    }

    /// Return at `deadline` or soon after; at once if it has passed.
    pub async fn sleep_until(&self, deadline: Millis) {
        match &self.0 {
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

    /// A new id such as `msg_01k…`: later ones sort after earlier ones.
    pub fn id(&self, prefix: &str) -> String {
        let millis = u64::try_from(self.now()).unwrap_or(0);
        let ulid = ulid::Ulid::from_parts(millis, rand::random::<u128>());
        format!("{prefix}_{}", ulid.to_string().to_lowercase())
    }
}
