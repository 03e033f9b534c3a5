//! Time as transcripts write it: `10 minutes`, `2026-01-05 17:00`, `17:00`.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::model::Millis;

/// The clock that a transcript's moments are read by.
#[derive(Clone, Copy, Debug)]
pub struct Zone(pub Tz);

impl Default for Zone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

/// A time to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Due {
    After(Millis),
    At(Millis),
    /// The next such time of day.
    Daily(NaiveTime, Tz),
}

impl Due {
    /// The moment, seen from now.
    pub fn from(self, now: Millis) -> Millis {
        match self {
            Self::After(millis) => now.saturating_add(millis),
            Self::At(moment) => moment,
            Self::Daily(time, zone) => next(time, zone, now).unwrap_or(now),
        }
    }
}

/// `10 minutes`, `1 day 2 hours`, `90 s`.
///
/// # Errors
/// What it should be instead.
pub fn after(text: &str) -> Result<Due, String> {
    let problem = || {
        format!("{text:?} is no time to wait: write `after 10 minutes` or `after 1 day 2 hours`")
    };
    let plain = text.replace(',', " ");
    let words: Vec<&str> = plain.split_whitespace().filter(|word| *word != "and").collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return Err(problem());
    }
    let mut sum: Millis = 0;
    for pair in words.chunks(2) {
        let count: Millis = pair[0].parse().map_err(|_| problem())?;
        let unit = unit(pair[1]).ok_or_else(problem)?;
        sum = count.checked_mul(unit).and_then(|part| sum.checked_add(part)).ok_or_else(problem)?;
    }
    if sum < 0 { Err(problem()) } else { Ok(Due::After(sum)) }
}

fn unit(word: &str) -> Option<Millis> {
    Some(match word {
        "ms" | "millisecond" | "milliseconds" => 1,
        "s" | "second" | "seconds" => 1_000,
        "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "week" | "weeks" => 604_800_000,
        _ => return None,
    })
}

/// `2026-01-05 17:00`, with seconds, as RFC 3339, or a time of day.
///
/// # Errors
/// What it should be instead.
pub fn at(text: &str, zone: Zone) -> Result<Due, String> {
    let text = text.trim();
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(Due::At(moment.timestamp_millis()));
    }
    for shape in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(text, shape) {
            return moment(local, zone.0).map(Due::At);
        }
    }
    for shape in ["%H:%M:%S", "%H:%M"] {
        if let Ok(time) = NaiveTime::parse_from_str(text, shape) {
            return Ok(Due::Daily(time, zone.0));
        }
    }
    Err(format!("{text:?} is no moment: write `at 2026-01-05 17:00` or `at 17:00`"))
}

fn moment(local: NaiveDateTime, zone: Tz) -> Result<Millis, String> {
    let found = zone.from_local_datetime(&local).earliest();
    found
        .map(|moment| moment.timestamp_millis())
        .ok_or_else(|| format!("{local} does not exist in {zone}"))
}

fn next(time: NaiveTime, zone: Tz, now: Millis) -> Option<Millis> {
    let today: NaiveDate = DateTime::from_timestamp_millis(now)?.with_timezone(&zone).date_naive();
    let days = (0..3).filter_map(|ahead| today.checked_add_days(Days::new(ahead)));
    let moments = days.filter_map(|day| moment(day.and_time(time), zone).ok());
    moments.into_iter().find(|moment| *moment > now)
}

/// A moment as people read it, in UTC.
pub fn spoken(moment: Millis) -> String {
    let moment = DateTime::from_timestamp_millis(moment).unwrap_or_default();
    moment.format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Millis = 1_767_614_400_000;

    #[test]
    fn waits_add_up() {
        assert_eq!(after("1 day 2 hours and 3 minutes"), Ok(Due::After(93_780_000)));
        assert_eq!(after("90 s"), Ok(Due::After(90_000)));
        assert!(after("10").is_err() && after("").is_err() && after("-1 s").is_err());
        assert!(after("9223372036854775807 weeks").is_err());
    }

    #[test]
    fn moments_are_read_by_the_zones_clock() {
        let berlin = Zone(chrono_tz::Europe::Berlin);
        assert_eq!(at("2026-01-05 13:00", berlin), Ok(Due::At(NOON)));
        assert_eq!(at("2026-01-05T12:00:00Z", berlin), Ok(Due::At(NOON)));
        let later = at("13:30", berlin).expect("a time of day");
        assert_eq!(later.from(NOON), NOON + 1_800_000);
        let tomorrow = at("13:00", berlin).expect("a time of day");
        assert_eq!(tomorrow.from(NOON), NOON + 86_400_000, "now is not next");
        assert!(at("2026-03-29 02:30", berlin).is_err(), "the clock jumps over it");
    }
}
