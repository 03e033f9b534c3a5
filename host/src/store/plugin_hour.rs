//! What the calls of an install came to, hour by hour, and in all.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::{FaultClass, Millis};

/// The columns that are added up, in the order of [`Sum`]; behind them come those of [`BOUNDS`].
const SUMS: [&str; 30] = [
    "calls",
    "ok",
    "retry",
    "rejected",
    "exception",
    "memory",
    "cpu",
    "wall_clock",
    "bound",
    "host",
    "dead_letters",
    "suspensions",
    "wall_micros",
    "cpu_micros",
    "effects",
    "http_calls",
    "http_failed",
    "logs_dropped",
    "ms_1",
    "ms_2",
    "ms_5",
    "ms_10",
    "ms_25",
    "ms_50",
    "ms_100",
    "ms_250",
    "ms_500",
    "ms_1000",
    "ms_5000",
    "ms_more",
];

/// Up to how many milliseconds a call is counted in which column; the last is for all that took longer.
pub const BOUNDS: [i64; 11] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000];

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    Calls,
    /// It ended well.
    Ok,
    /// It asked to be called again.
    Retry,
    Rejected,
    Exception,
    Memory,
    Cpu,
    WallClock,
    /// The fault `limit`.
    Bound,
    Host,
    DeadLetters,
    Suspensions,
    WallMicros,
    CpuMicros,
    Effects,
    HttpCalls,
    HttpFailed,
    LogsDropped,
}

/// How a call may end, each with its word in the figures.
pub const OUTCOMES: [(Sum, &str); 9] = [
    (Sum::Ok, "ok"),
    (Sum::Retry, "retry"),
    (Sum::Rejected, "rejected"),
    (Sum::Exception, "exception"),
    (Sum::Memory, "memory"),
    (Sum::Cpu, "cpu"),
    (Sum::WallClock, "wall-clock"),
    (Sum::Bound, "limit"),
    (Sum::Host, "host"),
];

impl Sum {
    /// Where a fault of this class is counted.
    pub fn of_fault(class: FaultClass) -> Self {
        match class {
            FaultClass::Exception => Self::Exception,
            FaultClass::Memory => Self::Memory,
            FaultClass::Cpu => Self::Cpu,
            FaultClass::WallClock => Self::WallClock,
            FaultClass::Limit => Self::Bound,
            FaultClass::Rejected => Self::Rejected,
            FaultClass::Host => Self::Host,
        }
    }
}

/// Figures of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    sums: [i64; SUMS.len()],
    /// The most memory that one call had, in bytes.
    pub memory_peak: i64,
}

impl Counts {
    pub fn get(&self, sum: Sum) -> i64 {
        self.sums[sum as usize]
    }

    pub fn add(&mut self, sum: Sum, by: i64) {
        self.sums[sum as usize] = self.sums[sum as usize].saturating_add(by);
    }

    /// Count a call by how long it took.
    pub fn took(&mut self, micros: i64) {
        let place = BOUNDS.iter().position(|most| micros <= most * 1000).unwrap_or(BOUNDS.len());
        self.sums[SUMS.len() - BOUNDS.len() - 1 + place] += 1;
    }

    /// The calls of each of [`BOUNDS`], and of what took longer.
    pub fn times(&self) -> &[i64] {
        &self.sums[SUMS.len() - BOUNDS.len() - 1..]
    }

    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum = sum.saturating_add(*more);
        }
        self.memory_peak = self.memory_peak.max(other.memory_peak);
    }

    /// The time that this share of the calls stayed within, in microseconds, told as finely as the
    /// bounds are; `None` without calls. What took longer than the last bound counts as twice that.
    pub fn percentile(&self, share: f64) -> Option<i64> {
        let total: i64 = self.times().iter().sum();
        if total == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of calls, far below 2^52")]
        let wanted = share * total as f64;
        let (mut before, mut from) = (0, 0);
        let ends = BOUNDS.into_iter().chain([2 * BOUNDS[BOUNDS.len() - 1]]);
        for (count, end) in self.times().iter().zip(ends) {
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            let (low, here) = (before as f64, *count as f64);
            if *count > 0 && low + here >= wanted {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "milliseconds, at most ten thousand"
                )]
                let width = (end - from) as f64 * 1000.0;
                #[expect(clippy::cast_possible_truncation, reason = "as above")]
                let within = (width * ((wanted - low) / here).clamp(0.0, 1.0)) as i64;
                return Some(from * 1000 + within);
            }
            before += count;
            from = end;
        }
        None
    }
}

/// Add figures: by team, install and hour; the hour 0 is all.
pub async fn add(
    conn: &mut Conn,
    counts: &BTreeMap<(String, String, Millis), Counts>,
) -> sqlx::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let sums = SUMS.map(|name| format!("{name} = plugin_hour.{name} + excluded.{name}")).join(", ");
    rows(
        conn,
        &format!(
            "INSERT INTO plugin_hour (team_id, install_id, hour, memory_peak, {}) VALUES",
            SUMS.join(", ")
        ),
        &format!(
            "ON CONFLICT (install_id, hour) DO UPDATE SET {sums}, memory_peak = \
             CASE WHEN excluded.memory_peak > plugin_hour.memory_peak THEN excluded.memory_peak \
             ELSE plugin_hour.memory_peak END"
        ),
        &counts.iter().collect::<Vec<_>>(),
        |row, ((team_id, install_id, hour), counts)| {
            row.text(team_id).text(install_id).add(*hour).add(counts.memory_peak);
            for sum in counts.sums {
                row.add(sum);
            }
        },
    )
    .await?;
    Ok(())
}

/// An install's figures of the hours that begin at `from` or later and before `to`, added up.
pub async fn between(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    from: Millis,
    to: Millis,
) -> sqlx::Result<Counts> {
    let sums = SUMS.map(|name| format!("CAST(SUM({name}) AS BIGINT) AS {name}")).join(", ");
    let mut sql = Sql::new(&format!(
        "SELECT COUNT(*) AS hours, MAX(memory_peak) AS memory_peak, {sums} FROM plugin_hour WHERE team_id = "
    ));
    sql.bind(team_id.to_owned()).push(" AND install_id = ").bind(install_id.to_owned());
    sql.push(" AND hour >= ").bind(from).push(" AND hour < ").bind(to);
    match sql.fetch_one(conn).await? {
        Some(row) if row.int("hours")? > 0 => from_row(&row),
        _ => Ok(Counts::default()),
    }
}

fn from_row(row: &AnyRow) -> sqlx::Result<Counts> {
    let mut counts = Counts { memory_peak: row.int("memory_peak")?, ..Counts::default() };
    for (sum, name) in counts.sums.iter_mut().zip(SUMS) {
        *sum = row.int(name)?;
    }
    Ok(counts)
}

/// Forget all figures of an install.
pub async fn remove(conn: &mut Conn, install_id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM plugin_hour WHERE install_id = ");
    sql.bind(install_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// Forget hours from before `before`, but for what they add up to; at most `limit`.
pub async fn purge(conn: &mut Conn, before: Millis, limit: i64) -> sqlx::Result<u64> {
    let mut sql = Sql::new(
        "DELETE FROM plugin_hour WHERE (install_id, hour) IN (SELECT install_id, hour FROM plugin_hour \
         WHERE hour > 0 AND hour < ",
    );
    sql.bind(before).push(" LIMIT ").bind(limit).push(")");
    sql.execute(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_a_time_has_its_bound() {
        for (name, most) in SUMS.iter().skip(SUMS.len() - BOUNDS.len() - 1).zip(BOUNDS) {
            assert_eq!(*name, format!("ms_{most}"));
        }
        assert_eq!(SUMS[Sum::LogsDropped as usize], "logs_dropped");
        assert_eq!(SUMS[Sum::DeadLetters as usize], "dead_letters");
    }

    #[test]
    fn a_percentile_lies_within_the_bounds_of_its_calls() {
        let mut counts = Counts::default();
        assert_eq!(counts.percentile(0.5), None);
        for micros in [500, 900, 1_500, 40_000] {
            counts.took(micros);
        }
        let (middle, most) = (counts.percentile(0.5), counts.percentile(0.95));
        assert!(middle.is_some_and(|middle| (500..=1_000).contains(&middle)), "{middle:?}");
        assert!(most.is_some_and(|most| (25_000..=50_000).contains(&most)), "{most:?}");
        counts.took(60_000_000);
        assert!(counts.percentile(1.0).is_some_and(|most| most > 5_000_000));
    }

    #[test]
    fn figures_add_up_and_the_peak_is_the_highest() {
        let (mut one, mut two) = (Counts::default(), Counts::default());
        one.add(Sum::Calls, 2);
        one.memory_peak = 5;
        two.add(Sum::Calls, 3);
        two.memory_peak = 4;
        one.merge(&two);
        assert_eq!((one.get(Sum::Calls), one.memory_peak), (5, 5));
    }
}
