//! What the calls of each install came to since this process began: for `/metrics`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plugin::{Exchange, Outcome, Verdict};
use crate::store::plugin_hour::{Counts, Sum};

/// Installs beyond those that have series of their own are counted under this name.
const OTHER: &str = "other";

/// The figures of one install.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meter {
    /// The plugin's name.
    pub plugin: String,
    pub counts: Counts,
    /// Effects by kind.
    pub effects: BTreeMap<&'static str, u64>,
    /// HTTP requests by what came of them.
    pub requests: BTreeMap<&'static str, u64>,
}

impl Meter {
    pub fn new(plugin: &str) -> Self {
        Self { plugin: plugin.to_owned(), ..Self::default() }
    }

    /// Count a call.
    pub fn count(&mut self, outcome: &Outcome) {
        let (counts, usage) = (&mut self.counts, &outcome.usage);
        counts.add(Sum::Calls, 1);
        counts.add(sum_of(&outcome.verdict), 1);
        counts.add(Sum::WallMicros, signed(usage.wall_micros));
        counts.add(Sum::CpuMicros, signed(usage.cpu_micros));
        counts.add(Sum::Effects, signed(outcome.effects.len() as u64));
        counts.add(Sum::HttpCalls, usage.http_calls.into());
        let failed = outcome.requests.iter().filter(|request| has_failed(request)).count();
        // Those beyond the limit were never made.
        let made = outcome.requests.len() as u64;
        counts.add(Sum::HttpFailed, signed(failed as u64 + u64::from(usage.http_calls) - made));
        counts.add(Sum::LogsDropped, usage.logs_dropped.into());
        counts.took(signed(usage.wall_micros));
        counts.memory_peak = counts.memory_peak.max(signed(usage.memory_bytes));
        for effect in &outcome.effects {
            *self.effects.entry(effect.kind()).or_default() += 1;
        }
        for request in &outcome.requests {
            *self.requests.entry(word(request)).or_default() += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        for (mine, more) in
            [(&mut self.effects, &other.effects), (&mut self.requests, &other.requests)]
        {
            for (kind, count) in more {
                *mine.entry(kind).or_default() += count;
            }
        }
    }
}

fn sum_of(verdict: &Verdict) -> Sum {
    match verdict {
        Verdict::Done { .. } => Sum::Ok,
        Verdict::RetryAfter(_) => Sum::Retry,
        Verdict::Rejected(_) => Sum::Rejected,
        Verdict::Failed(fault) => Sum::of_fault(fault.class),
    }
}

fn has_failed(request: &Exchange) -> bool {
    request.status == 0 || request.status >= 400
}

/// What came of a request: `ok`, the kind of error that was answered, or why nothing was.
fn word(request: &Exchange) -> &'static str {
    match request.status {
        0 => request.code,
        400..=499 => "client_error",
        500.. => "server_error",
        _ => "ok",
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The figures of all installs, bounded in number.
#[derive(Debug)]
pub struct Meters {
    most: usize,
    installs: Mutex<HashMap<String, Meter>>,
}

impl Meters {
    pub fn new(most: usize) -> Self {
        Self { most, installs: Mutex::default() }
    }

    pub fn add(&self, install_id: &str, meter: &Meter) {
        let mut installs = self.lock();
        let full = installs.len() >= self.most;
        if let Some(known) = installs.get_mut(install_id) {
            known.merge(meter);
        } else if full {
            installs.entry(OTHER.to_owned()).or_insert_with(|| Meter::new(OTHER)).merge(meter);
        } else {
            installs.insert(install_id.to_owned(), meter.clone());
        }
    }

    /// Its series end.
    pub fn forget(&self, install_id: &str) {
        self.lock().remove(install_id);
    }

    /// As they stand, in order of the installs.
    pub fn all(&self) -> BTreeMap<String, Meter> {
        self.lock().iter().map(|(id, meter)| (id.clone(), meter.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Meter>> {
        self.installs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installs_beyond_the_most_are_counted_together_and_removed_ones_end() {
        let meters = Meters::new(2);
        let mut meter = Meter::new("echo");
        meter.counts.add(Sum::Calls, 1);
        for install in ["a", "b", "c", "d", "a"] {
            meters.add(install, &meter);
        }
        let calls: Vec<(String, i64)> = meters
            .all()
            .into_iter()
            .map(|(id, meter)| (id, meter.counts.get(Sum::Calls)))
            .collect();
        assert_eq!(calls, [("a".to_owned(), 2), ("b".to_owned(), 1), ("other".to_owned(), 2)]);
        meters.forget("a");
        assert!(!meters.all().contains_key("a"));
    }
}
