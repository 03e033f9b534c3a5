//! Durations, dates and moments, as people write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// A clock that stands, in the flow's time zone.
#[derive(Clone, Debug)]
pub struct Now(pub Zoned);

impl Now {
    /// # Errors
    /// Where the zone is none, or the time beyond all calendars.
    pub fn new(millis: i64, zone: &str) -> Result<Self, String> {
        let time = Timestamp::from_millisecond(millis).map_err(|error| error.to_string())?;
        Ok(Self(time.to_zoned(self::zone(zone)?)))
    }

    pub fn millis(&self) -> i64 {
        self.0.timestamp().as_millisecond()
    }

    /// The same moment, as texts hold it: `2026-01-31T15:30:00+01:00`.
    pub fn text(&self) -> String {
        written(&self.0)
    }

    /// What a text means: a moment with its offset, a date with a time, a date, or the next such time
    /// of day.
    pub fn moment(&self, text: &str) -> Option<Zoned> {
        let text = text.trim();
        let zone = self.0.time_zone().clone();
        if let Ok(time) = text.parse::<Timestamp>() {
            return Some(time.to_zoned(zone));
        }
        if let Some(time) = self::time(text) {
            let today = self.0.date().to_datetime(time).to_zoned(zone.clone()).ok()?;
            if today > self.0 {
                return Some(today);
            }
            return self.0.date().tomorrow().ok()?.to_datetime(time).to_zoned(zone).ok();
        }
        let civil = datetime(text).or_else(|| self.date(text).map(|date| date.at(0, 0, 0, 0)))?;
        civil.to_zoned(zone).ok()
    }

    /// `2026-01-31`, `31.1.2026`, `31/1/2026`, `today`, `tomorrow`; without a year the next such day.
    pub fn date(&self, text: &str) -> Option<Date> {
        let text = text.trim().to_lowercase();
        match text.as_str() {
            "today" => return Some(self.0.date()),
            "tomorrow" => return self.0.date().tomorrow().ok(),
            _ => {}
        }
        let numbers: Vec<&str> =
            text.split(['.', '/', '-']).filter(|part| !part.is_empty()).collect();
        let number = |index: usize| numbers.get(index).and_then(|part| part.parse::<i16>().ok());
        let small = |index: usize| number(index).and_then(|number| i8::try_from(number).ok());
        match (numbers.len(), text.contains('-')) {
            (3, true) => Date::new(number(0)?, small(1)?, small(2)?).ok(),
            (3, false) => Date::new(number(2)?, small(1)?, small(0)?).ok(),
            (2, false) => {
                let this_year = Date::new(self.0.year(), small(1)?, small(0)?).ok()?;
                let next = || Date::new(self.0.year() + 1, small(1)?, small(0)?).ok();
                if this_year >= self.0.date() { Some(this_year) } else { next() }
            }
            _ => None,
        }
    }

    /// A date with a time: `2026-01-31 15:30`, `31.1.2026 at 15:30`, `tomorrow 15:30`.
    pub fn date_and_time(&self, text: &str) -> Option<Zoned> {
        if let Some(civil) = datetime(text.trim()) {
            return civil.to_zoned(self.0.time_zone().clone()).ok();
        }
        let lower = text.trim().to_lowercase().replace(',', " ");
        let words: Vec<&str> = lower.split_whitespace().filter(|word| *word != "at").collect();
        let [day, hour] = words.as_slice() else { return None };
        let civil = self.date(day)?.to_datetime(time(hour)?);
        civil.to_zoned(self.0.time_zone().clone()).ok()
    }

    /// This moment and a duration: days are days of the calendar.
    pub fn plus(&self, from: &Zoned, duration: &str) -> Option<Zoned> {
        let (days, millis) = parts(duration)?;
        from.checked_add(days.days()).ok()?.checked_add(millis.milliseconds()).ok()
    }

    /// The same, back.
    pub fn minus(&self, from: &Zoned, duration: &str) -> Option<Zoned> {
        let (days, millis) = parts(duration)?;
        from.checked_sub(days.days()).ok()?.checked_sub(millis.milliseconds()).ok()
    }
}

/// As texts hold a moment.
pub fn written(moment: &Zoned) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// # Errors
/// Where it is no name of a zone.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name:?} is no IANA time zone, such as Europe/Berlin"))
}

/// `15:30`, `9:05`, with seconds too.
pub fn time(text: &str) -> Option<Time> {
    let numbers: Vec<&str> = text.trim().split(':').collect();
    let number = |index: usize| -> Option<i8> {
        let digits = numbers.get(index)?;
        let fits = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if fits { digits.parse().ok() } else { None }
    };
    match numbers.len() {
        2 => Time::new(number(0)?, number(1)?, 0, 0).ok(),
        3 => Time::new(number(0)?, number(1)?, number(2)?, 0).ok(),
        _ => None,
    }
}

fn datetime(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let date: Date = date.parse().ok()?;
    Some(date.to_datetime(self::time(time)?))
}

/// A duration in milliseconds: `90 seconds`, `2 hours`, `1 day 2 hours`, `1h30m`.
pub fn duration(text: &str) -> Option<i64> {
    let (days, millis) = parts(text)?;
    days.checked_mul(86_400_000)?.checked_add(millis)
}

/// The days of a duration, and the rest in milliseconds.
fn parts(text: &str) -> Option<(i64, i64)> {
    const MOST: i64 = 10 * 366;
    let (mut days, mut millis, mut some) = (0_i64, 0_i64, false);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = rest[end..].trim_start();
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let of = |unit: i64| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a cast of floats ends at the ends"
            )]
            let whole = (number * unit as f64).round() as i64;
            whole
        };
        match rest[..end].to_lowercase().as_str() {
            "w" | "week" | "weeks" => days = days.checked_add(of(7))?,
            "d" | "day" | "days" if number.fract() == 0.0 => days = days.checked_add(of(1))?,
            "d" | "day" | "days" => millis = millis.checked_add(of(86_400_000))?,
            "h" | "hour" | "hours" => millis = millis.checked_add(of(3_600_000))?,
            "m" | "min" | "mins" | "minute" | "minutes" => {
                millis = millis.checked_add(of(60_000))?
            }
            "s" | "sec" | "second" | "seconds" => millis = millis.checked_add(of(1_000))?,
            _ => return None,
        }
        some = true;
        rest = rest[end..].trim_start();
        rest = rest
            .strip_prefix(',')
            .or_else(|| rest.strip_prefix("and "))
            .unwrap_or(rest)
            .trim_start();
    }
    (some && days <= MOST && millis / 86_400_000 <= MOST).then_some((days, millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 5 January 2026, 13:00 in Berlin.
    fn now() -> Now {
        Now::new(1_767_614_400_000, "Europe/Berlin").expect("a time")
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("90 seconds", 90_000),
            ("1h30m", 5_400_000),
            ("2 hours", 7_200_000),
            ("1 day 2 hours", 93_600_000),
            ("1 week, 1 day", 691_200_000),
            ("1.5 hours", 5_400_000),
            ("1 hour and 5 min", 3_900_000),
        ] {
            assert_eq!(duration(text), Some(millis), "{text}");
        }
        for text in ["", "soon", "5", "5 apples", "-1 hour", "99999999 days", "1..2 hours", "h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn moments_are_on_the_flows_clock() {
        let now = now();
        for (text, moment) in [
            ("2026-01-31 15:30", "2026-01-31T15:30:00+01:00"),
            ("2026-07-01T09:00", "2026-07-01T09:00:00+02:00"),
            ("2026-01-31T15:30:00Z", "2026-01-31T16:30:00+01:00"),
            ("14:00", "2026-01-05T14:00:00+01:00"),
            ("13:00", "2026-01-06T13:00:00+01:00"),
            ("31.1.2026", "2026-01-31T00:00:00+01:00"),
            ("tomorrow", "2026-01-06T00:00:00+01:00"),
        ] {
            assert_eq!(now.moment(text).map(|it| written(&it)).as_deref(), Some(moment), "{text}");
        }
        for text in ["", "later", "25:00", "2026-13-01", "1:2:3:4", "::"] {
            assert_eq!(now.moment(text), None, "{text}");
        }
        let at = |text: &str| now.date_and_time(text).map(|it| written(&it));
        assert_eq!(at("7.1. at 9:30").as_deref(), Some("2026-01-07T09:30:00+01:00"));
        assert_eq!(at("Tomorrow, 15:00").as_deref(), Some("2026-01-06T15:00:00+01:00"));
        assert_eq!(
            at("4/1 10:00").as_deref(),
            Some("2027-01-04T10:00:00+01:00"),
            "the next such day"
        );
        assert_eq!(at("tomorrow"), None);
    }

    #[test]
    fn a_day_is_a_day_of_the_calendar() {
        // Summer time begins on 29 March 2026.
        let now = Now::new(1_774_695_600_000, "Europe/Berlin").expect("a time");
        let day = now.plus(&now.0, "1 day").expect("a moment");
        assert_eq!(
            (now.text().as_str(), written(&day).as_str()),
            ("2026-03-28T12:00:00+01:00", "2026-03-29T12:00:00+02:00")
        );
        assert_eq!(now.minus(&day, "1 day").expect("a moment"), now.0);
    }
}
