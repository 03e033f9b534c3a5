//! Periods of a subscription: months from the day of purchase, in UTC.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};

use super::Millis;

/// From a moment until just before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    pub start: Millis,
    pub end: Millis,
}

impl Period {
    /// The month since `anchor` that holds `at`; the first one also holds all that came before. Each
    /// begins at the anchor's time on its day of the month, or on the month's last day where that
    /// has no such day.
    pub fn containing(anchor: Millis, at: Millis) -> Self {
        let months = |moment: Millis| {
            let date = date(moment);
            i64::from(date.year()) * 12 + i64::from(date.month0())
        };
        // The boundary of `at`'s own calendar month may still lie ahead.
        let mut index = (months(at) - months(anchor)).max(0);
        if index > 0 && boundary(anchor, index) > at {
            index -= 1;
        }
        Self { start: boundary(anchor, index), end: boundary(anchor, index + 1) }
    }

    pub fn holds(&self, at: Millis) -> bool {
        (self.start..self.end).contains(&at)
    }
}

/// The beginning of the period after so many months, counted from the anchor: a 31st comes back
/// after a short month.
fn boundary(anchor: Millis, months: i64) -> Millis {
    let later = u32::try_from(months).ok().map(Months::new);
    later
        .and_then(|months| date(anchor).checked_add_months(months))
        .map_or(Millis::MAX, |moment| moment.timestamp_millis())
}

fn date(moment: Millis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(moment).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The calendar month of a moment in UTC, such as `2026-01`.
pub fn month_of(moment: Millis) -> String {
    date(moment).format("%Y-%m").to_string()
}

/// A calendar month as it is written, normalised; `None` where it is none.
pub fn parse_month(text: &str) -> Option<String> {
    let shaped = text.len() == 7 && text.is_ascii() && text.as_bytes()[4] == b'-';
    let day = shaped.then(|| NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok())?;
    day.filter(|day| day.year() >= 1970).map(|day| day.format("%Y-%m").to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Millis {
        DateTime::parse_from_rfc3339(text).expect("a moment").timestamp_millis()
    }

    #[test]
    fn a_31st_comes_back_after_a_short_month() {
        let bought = at("2027-12-31T10:00:00Z");
        let begins = [
            ("2028-01-30T00:00:00Z", "2027-12-31T10:00:00Z"),
            ("2028-01-31T10:00:00Z", "2028-01-31T10:00:00Z"),
            // A leap year.
            ("2028-02-29T09:59:59Z", "2028-01-31T10:00:00Z"),
            ("2028-02-29T10:00:00Z", "2028-02-29T10:00:00Z"),
            ("2028-03-31T10:00:00Z", "2028-03-31T10:00:00Z"),
            ("2028-04-30T10:00:00Z", "2028-04-30T10:00:00Z"),
        ];
        for (moment, begin) in begins {
            assert_eq!(Period::containing(bought, at(moment)).start, at(begin), "{moment}");
        }
        assert_eq!(Period::containing(bought, 0).start, bought, "before it was bought");
    }

    #[test]
    fn months_are_written_one_way() {
        assert_eq!(month_of(at("2026-01-31T23:59:59Z")), "2026-01");
        assert_eq!(parse_month("2026-01").as_deref(), Some("2026-01"));
        for wrong in
            ["", "2026-13", "2026-1", "26-01", "2026-01-01", "2026/01", "+026-01", "1969-12"]
        {
            assert_eq!(parse_month(wrong), None, "{wrong}");
        }
    }

    proptest! {
        /// Every moment lies in exactly one period: they follow each other without gap or overlap.
        #[test]
        fn periods_follow_each_other(anchor in 0..4_000_000_000_000_i64, after in 0..1_000_000_000_000_i64) {
            let moment = anchor + after;
            let period = Period::containing(anchor, moment);
            prop_assert!(period.holds(moment));
            prop_assert_eq!(Period::containing(anchor, period.start), period);
            prop_assert_eq!(Period::containing(anchor, period.end - 1), period);
            prop_assert_eq!(Period::containing(anchor, period.end).start, period.end);
            let days = (period.end - period.start) / 86_400_000;
            prop_assert!((28..=31).contains(&days), "{} days", days);
        }
    }
}
