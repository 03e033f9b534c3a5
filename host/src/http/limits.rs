//! How often somebody may do something in a minute: one key, app or person; one person's logins.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::Millis;

const MINUTE: Millis = 60_000;

/// What each has done in the present minute, on this node.
pub struct Windows {
    /// A minute; 0: as often as they come.
    limit: u32,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    minute: i64,
    of: HashMap<String, u32>,
}

/// What somebody has left of their minute.
pub struct Room {
    pub granted: bool,
    /// Their first time in this minute.
    pub first: bool,
    /// Seconds until the next minute.
    pub resets_in: i64,
    limit: u32,
    remaining: u32,
    /// Unix seconds.
    resets_at: i64,
}

impl Windows {
    pub fn new(limit: u32) -> Self {
        Self { limit, counts: Mutex::default() }
    }

    /// Count once for this one.
    pub fn take(&self, id: &str, now: Millis) -> Room {
        let minute = now.div_euclid(MINUTE);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.minute != minute {
            // Nobody's count of another minute matters any more.
            *counts = Counts { minute, of: HashMap::new() };
        }
        let count = counts.of.entry(id.to_owned()).or_insert(0);
        let first = *count == 0;
        let granted = self.limit == 0 || *count < self.limit;
        *count = count.saturating_add(u32::from(granted));
        let resets_at = (minute + 1) * MINUTE / 1000;
        Room {
            granted,
            first,
            resets_in: (resets_at - now.div_euclid(1000)).max(1),
            limit: self.limit,
            remaining: self.limit.saturating_sub(*count),
            resets_at,
        }
    }
}

impl Room {
    /// Say it in `X-RateLimit-Limit`, `-Remaining` and `-Reset`.
    pub fn write(&self, headers: &mut HeaderMap) {
        if self.limit == 0 {
            return;
        }
        let told = [
            ("x-ratelimit-limit", HeaderValue::from(self.limit)),
            ("x-ratelimit-remaining", HeaderValue::from(self.remaining)),
            ("x-ratelimit-reset", HeaderValue::from(self.resets_at)),
        ];
        for (name, value) in told {
            // An answer that speaks of another limit has them already.
            headers.entry(HeaderName::from_static(name)).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_many_a_minute_and_then_again() {
        let windows = Windows::new(2);
        let start = 1_623_766_930_000;
        let room = windows.take("a", start);
        assert!(room.first && room.remaining == 1);
        let room = windows.take("a", start);
        assert!(room.granted && !room.first);
        let full = windows.take("a", start);
        assert!(!full.granted);
        assert_eq!((full.resets_at, full.resets_in), (1_623_766_980, 50));
        assert!(windows.take("b", start).granted, "another has their own");
        assert!(windows.take("a", start + MINUTE).granted);
        let counts = windows.counts.lock().expect("whole");
        assert_eq!(counts.of.len(), 1, "the minute before is forgotten");
    }
}
