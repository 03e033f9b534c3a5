//! When it is open, and when next.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Deserialize;

/// How far ahead the next opening is looked for.
const DAYS_AHEAD: i64 = 30;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// IANA name.
    pub time_zone: String,
    /// English weekday, lower case, to spans such as `09:00-17:00`.
    pub hours: BTreeMap<String, Vec<String>>,
    /// Days such as `2026-12-25`.
    pub holidays: Vec<String>,
    pub message: String,
    pub every_minutes: u32,
}

/// The settings, understood.
#[derive(Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// From Monday; each span begins on its day and ends after its begin, at the latest at midnight.
    week: [Vec<Open>; 7],
    holidays: Vec<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Open {
    from: Time,
    /// `None`: the end of the day.
    to: Option<Time>,
}

/// A time in Unix milliseconds, as jiff has it.
pub fn moment(millis: u64) -> Result<Timestamp, jiff::Error> {
    Timestamp::from_millisecond(i64::try_from(millis).unwrap_or(i64::MAX))
}

impl Settings {
    /// How long a customer who was told need not be told again.
    pub fn every(&self) -> Duration {
        Duration::from_secs(u64::from(self.every_minutes) * 60)
    }

    /// Understand the settings.
    ///
    /// # Errors
    /// One sentence that names the setting, where it is not what the manifest's schema asks for.
    pub fn calendar(&self) -> Result<Calendar, String> {
        let zone = TimeZone::get(&self.time_zone).map_err(|_| {
            format!("time_zone: {:?} is no IANA time zone, such as Europe/Berlin", self.time_zone)
        })?;
        let mut week: [Vec<Open>; 7] = Default::default();
        for (day, spans) in &self.hours {
            let index = DAYS
                .iter()
                .position(|name| name == day)
                .ok_or_else(|| format!("hours: {day:?} is no weekday"))?;
            for span in spans {
                week[index].push(parse_span(span).ok_or_else(|| {
                    format!("hours: {span:?} is not like 09:00-17:00, begin first")
                })?);
            }
            week[index].sort_by_key(|open| open.from);
        }
        let holidays = self
            .holidays
            .iter()
            .map(|day| day.parse().map_err(|_| format!("holidays: {day:?} is not like 2026-12-25")))
            .collect::<Result<_, _>>()?;
        Ok(Calendar { zone, week, holidays })
    }
}

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Calendar {
    pub fn is_open(&self, now: Timestamp) -> bool {
        let here = self.zone.to_datetime(now);
        self.spans(here.date())
            .iter()
            .any(|open| open.from <= here.time() && open.to.is_none_or(|to| here.time() < to))
    }

    /// The next opening, in words: `today at 13:00`, `tomorrow at 09:00`, `on Monday at 09:00`, `on
    /// 24 December at 09:00`; `None` where there is none within a month.
    pub fn opens(&self, now: Timestamp) -> Option<String> {
        let here = self.zone.to_datetime(now);
        for ahead in 0..=DAYS_AHEAD {
            let day = here.date().checked_add(Span::new().days(ahead)).ok()?;
            let later = |open: &&Open| ahead > 0 || open.from > here.time();
            let Some(open) = self.spans(day).iter().find(later) else { continue };
            let when = match ahead {
                0 => "today".to_owned(),
                1 => "tomorrow".to_owned(),
                2..7 => day.strftime("on %A").to_string(),
                _ => day.strftime("on %-d %B").to_string(),
            };
            return Some(format!("{when} at {}", open.from.strftime("%H:%M")));
        }
        None
    }

    fn spans(&self, day: Date) -> &[Open] {
        if self.holidays.contains(&day) {
            return &[];
        }
        &self.week[weekday_index(day.weekday())]
    }
}

fn weekday_index(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or(0)
}

fn parse_span(span: &str) -> Option<Open> {
    let (from, to) = span.split_once('-')?;
    let from = parse_time(from)?;
    let to = if to.trim() == "24:00" { None } else { Some(parse_time(to)?) };
    to.is_none_or(|to| from < to).then_some(Open { from, to })
}

fn parse_time(time: &str) -> Option<Time> {
    let (hour, minute) = time.trim().split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

impl Default for Settings {
    fn default() -> Self {
        let hours = DAYS[..5]
            .iter()
            .map(|day| ((*day).to_owned(), vec!["09:00-17:00".to_owned()]))
            .collect();
        Self {
            time_zone: "UTC".to_owned(),
            hours,
            holidays: Vec::new(),
            message: "Thank you for your message. We are closed now and open again {opens}."
                .to_owned(),
            every_minutes: 720,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str, holidays: &[&str]) -> Calendar {
        let holidays = holidays.iter().map(ToString::to_string).collect();
        Settings { time_zone: zone.to_owned(), holidays, ..Settings::default() }
            .calendar()
            .expect("a calendar")
    }

    fn at(time: &str) -> Timestamp {
        time.parse().expect("a time")
    }

    #[test]
    fn the_defaults_are_those_of_the_manifest() {
        let manifest: toml::Value = toml::from_str(include_str!("../plugin.toml")).expect("TOML");
        let defaults: toml::Table = manifest["config"]["properties"]
            .as_table()
            .expect("a table")
            .iter()
            .map(|(name, property)| (name.clone(), property["default"].clone()))
            .collect();
        assert_eq!(defaults.try_into::<Settings>().expect("settings"), Settings::default());
    }

    #[test]
    fn it_is_open_from_the_first_minute_to_before_the_last() {
        // Friday, 20 November 2026; Berlin is an hour ahead of UTC.
        let calendar = calendar("Europe/Berlin", &[]);
        assert!(!calendar.is_open(at("2026-11-20T07:59:59Z")));
        assert!(calendar.is_open(at("2026-11-20T08:00:00Z")));
        assert!(calendar.is_open(at("2026-11-20T15:59:59Z")));
        assert!(!calendar.is_open(at("2026-11-20T16:00:00Z")));
        assert!(!calendar.is_open(at("2026-11-21T10:00:00Z")), "Saturday");
        assert!(
            calendar.is_open(at("2026-07-03T07:00:00Z")),
            "in summer Berlin is two hours ahead"
        );
    }

    #[test]
    fn the_next_opening_is_told_as_people_tell_it() {
        let calendar = calendar("UTC", &["2026-11-23"]);
        let opens = |time| calendar.opens(at(time)).expect("an opening");
        assert_eq!(opens("2026-11-20T08:00:00Z"), "today at 09:00");
        assert_eq!(opens("2026-11-19T18:00:00Z"), "tomorrow at 09:00");
        assert_eq!(opens("2026-11-20T18:00:00Z"), "on Tuesday at 09:00", "Monday is a holiday");
        let closed: Vec<String> = (21..=27).map(|day| format!("2026-12-{day}")).collect();
        let closed: Vec<&str> = closed.iter().map(String::as_str).collect();
        let calendar = super::tests::calendar("UTC", &closed);
        assert_eq!(
            calendar.opens(at("2026-12-18T18:00:00Z")).as_deref(),
            Some("on 28 December at 09:00")
        );
    }

    #[test]
    fn without_hours_it_never_opens() {
        let settings = Settings { hours: BTreeMap::new(), ..Settings::default() };
        let calendar = settings.calendar().expect("a calendar");
        assert!(!calendar.is_open(at("2026-11-20T10:00:00Z")));
        assert_eq!(calendar.opens(at("2026-11-20T10:00:00Z")), None);
    }

    #[test]
    fn a_day_may_have_a_lunch_break_and_last_until_midnight() {
        let spans = vec!["14:00-24:00".to_owned(), "09:00-12:00".to_owned()];
        let settings = Settings {
            hours: BTreeMap::from([("friday".to_owned(), spans)]),
            ..Settings::default()
        };
        let calendar = settings.calendar().expect("a calendar");
        assert!(!calendar.is_open(at("2026-11-20T13:00:00Z")));
        assert_eq!(calendar.opens(at("2026-11-20T13:00:00Z")).as_deref(), Some("today at 14:00"));
        assert!(calendar.is_open(at("2026-11-20T23:59:59Z")));
        assert!(!calendar.is_open(at("2026-11-21T00:00:00Z")));
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let broken = |hours: &str| {
            let hours = BTreeMap::from([("monday".to_owned(), vec![hours.to_owned()])]);
            Settings { hours, ..Settings::default() }.calendar().expect_err("not hours")
        };
        for hours in ["", "9", "17:00-09:00", "09:00-25:00", "a:b-c:d"] {
            assert!(broken(hours).contains(&format!("{hours:?}")), "{hours:?}");
        }
        let settings = Settings { time_zone: "Berlin".to_owned(), ..Settings::default() };
        assert!(settings.calendar().expect_err("no zone").contains("time_zone"));
    }
}
