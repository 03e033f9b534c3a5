//! Cron expressions of five to seven fields in a time zone, as timers and schedules write them.

use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use cron::Schedule;

use crate::model::Millis;

/// Which part of a recurring timer cannot work, and why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct CronError {
    /// `cron` or `time_zone`.
    pub field: &'static str,
    pub problem: String,
}

/// Check an expression and its zone (an IANA name; empty: UTC).
///
/// # Errors
/// Names the field and what it should be.
pub fn check(expression: &str, time_zone: &str) -> Result<(), CronError> {
    parse(expression)?;
    zone(time_zone).map(drop)
}

/// The first moment after `after` at which the expression fires; `None` when there is none.
///
/// Days of the week are 0 to 7 with 0 and 7 for Sunday, as crontab has them, or names.
///
/// # Errors
/// As [`check`].
pub fn next(expression: &str, time_zone: &str, after: Millis) -> Result<Option<Millis>, CronError> {
    let schedule = parse(expression)?;
    let zone = zone(time_zone)?;
    let after: DateTime<Tz> = Utc
        .timestamp_millis_opt(after)
        .single()
        .ok_or_else(|| CronError {
            field: "cron",
            problem: "starts outside the calendar".to_owned(),
        })?
        .with_timezone(&zone);
    Ok(schedule.after(&after).next().map(|moment| moment.timestamp_millis()))
}

fn zone(name: &str) -> Result<Tz, CronError> {
    if name.is_empty() {
        return Ok(Tz::UTC);
    }
    name.parse().map_err(|_| CronError {
        field: "time_zone",
        problem: format!("{name:?} is no IANA time zone such as Europe/Berlin"),
    })
}

fn parse(expression: &str) -> Result<Schedule, CronError> {
    let refuse = |problem: String| CronError { field: "cron", problem };
    if expression.len() > 200 {
        return Err(refuse("is longer than 200 characters".to_owned()));
    }
    let mut fields: Vec<String> = expression.split_whitespace().map(str::to_owned).collect();
    if !(5..=7).contains(&fields.len()) {
        return Err(refuse("has five to seven fields, such as \"0 9 * * 1-5\"".to_owned()));
    }
    if fields.len() == 5 {
        fields.insert(0, "0".to_owned());
    }
    fields[5] = days_of_week(&fields[5])
        .ok_or_else(|| refuse("days of the week are 0 to 7, or names".to_owned()))?;
    Schedule::from_str(&fields.join(" "))
        .map_err(|_| refuse(format!("{expression:?} is not a cron expression")))
}

/// The library counts Sunday as 1; crontab as 0 and 7. Numbers become lists of names.
fn days_of_week(field: &str) -> Option<String> {
    const NAMES: [&str; 8] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let parts = field.split(',').map(|part| {
        let (range, step) =
            part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else {
            return Some(part.to_owned());
        };
        // "2/3" means from Tuesday to the end of the week, in steps.
        let last = if step.is_some() && !range.contains('-') { 6 } else { last };
        let step = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
        let days: Vec<_> = (first..=last)
            .step_by(step)
            .map(|day| NAMES.get(day).copied())
            .collect::<Option<_>>()?;
        (!days.is_empty()).then(|| days.join(","))
    });
    parts.collect::<Option<Vec<_>>>().map(|parts| parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: Millis = 1_795_435_200_000; // 2026-11-23T12:00:00Z

    fn at(text: &str) -> Millis {
        DateTime::parse_from_rfc3339(text).expect("a date").timestamp_millis()
    }

    #[test]
    fn the_present_of_these_tests_is_a_monday() {
        assert_eq!(MONDAY, at("2026-11-23T12:00:00Z"));
    }

    #[test]
    fn five_fields_fire_at_the_full_minute_in_their_zone() {
        let next = next("0 9 * * *", "Europe/Berlin", MONDAY).expect("valid");
        assert_eq!(next, Some(at("2026-11-24T09:00:00+01:00")));
    }

    #[test]
    fn numbers_of_days_are_those_of_crontab() {
        for (days, expected) in [
            ("1-5", "2026-11-24T09:00:00Z"),
            ("0", "2026-11-29T09:00:00Z"),
            ("7", "2026-11-29T09:00:00Z"),
            ("fri", "2026-11-27T09:00:00Z"),
            ("5-7", "2026-11-27T09:00:00Z"),
            ("*/2", "2026-11-24T09:00:00Z"),
        ] {
            let next = next(&format!("0 9 * * {days}"), "", MONDAY).expect(days);
            assert_eq!(next, Some(at(expected)), "{days}");
        }
    }

    #[test]
    fn a_wrong_expression_or_zone_is_named() {
        for wrong in [
            "",
            "* * * *",
            "61 * * * *",
            "0 9 * * 9",
            "0 9 * * 1/0",
            "@daily",
            "0 9 * * 5-1",
            "x y z a b",
        ] {
            assert_eq!(check(wrong, "").expect_err(wrong).field, "cron", "{wrong}");
        }
        assert_eq!(check("0 9 * * *", "Mars/Olympus").expect_err("no zone").field, "time_zone");
    }
}
