//! When, in the words of a customer: `in 10 minutes`, `tomorrow at 9`, `at 17:30`, `on Friday`.

use jiff::civil::{Date, Time, Weekday};
use jiff::{Span, Zoned};

/// Nobody is reminded later than this.
const MOST_DAYS: i64 = 366;
/// The time of a day that came without one.
const MORNING: i8 = 9;
const EVENING: i8 = 19;

/// Read a time from the first words. Gives it, always ahead of `now`, and how many words it took.
pub fn parse(words: &[&str], now: &Zoned) -> Option<(Zoned, usize)> {
    let plain: Vec<String> = words.iter().map(|word| plain(word)).collect();
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    let (at, used) = span(&plain, now).or_else(|| day_and_time(&plain, now))?;
    let last = now.checked_add(Span::new().days(MOST_DAYS)).ok()?;
    (at > *now && at <= last).then_some((at, used))
}

/// A time as people say it: `today at 17:30`, `tomorrow at 09:00`, `on Friday 27 November at 09:00`.
pub fn spoken(at: &Zoned, now: &Zoned) -> String {
    let tomorrow = now.date().tomorrow().ok();
    let format = if at.date() == now.date() {
        "today at %H:%M"
    } else if Some(at.date()) == tomorrow {
        "tomorrow at %H:%M"
    } else if at.year() == now.year() {
        "on %A %-d %B at %H:%M"
    } else {
        "on %A %-d %B %Y at %H:%M"
    };
    at.strftime(format).to_string()
}

/// `in 2 hours and 5 minutes`, `in an hour`, `in half an hour`.
fn span(words: &[&str], now: &Zoned) -> Option<(Zoned, usize)> {
    if let ["in", "half", "an", "hour", ..] = words {
        return Some((now.checked_add(Span::new().minutes(30)).ok()?, 4));
    }
    if words.first() != Some(&"in") {
        return None;
    }
    let (mut at, mut used) = (now.clone(), 1);
    loop {
        let Some((later, taken)) = count_and_unit(&words[used..], &at) else { break };
        (at, used) = (later, used + taken);
        // "and" belongs to the time only where more of it follows.
        let and = usize::from(words.get(used) == Some(&"and"));
        if count_and_unit(&words[used + and..], &at).is_none() {
            break;
        }
        used += and;
    }
    (used > 1).then_some((at, used))
}

/// `10 minutes`, `10min`, `an hour`: that much after `from`.
fn count_and_unit(words: &[&str], from: &Zoned) -> Option<(Zoned, usize)> {
    let first = words.first()?;
    let digits = first.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit, used) = if digits > 0 && digits < first.len() {
        (first[..digits].parse().ok()?, &first[digits..], 1)
    } else {
        (number(first)?, *words.get(1)?, 2)
    };
    let span = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => Span::new().try_seconds(count),
        "m" | "min" | "mins" | "minute" | "minutes" => Span::new().try_minutes(count),
        "h" | "hr" | "hrs" | "hour" | "hours" => Span::new().try_hours(count),
        "d" | "day" | "days" => Span::new().try_days(count),
        "w" | "week" | "weeks" => Span::new().try_weeks(count),
        "month" | "months" => Span::new().try_months(count),
        _ => return None,
    };
    Some((from.checked_add(span.ok()?).ok()?, used))
}

fn number(word: &str) -> Option<i64> {
    const WORDS: [&str; 12] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    match word {
        "a" | "an" => Some(1),
        _ => match WORDS.iter().position(|number| *number == word) {
            Some(index) => i64::try_from(index + 1).ok(),
            None => word.parse().ok().filter(|count| *count > 0),
        },
    }
}

/// `tomorrow at 9`, `at 9 tomorrow`, `at 17:30`, `on Friday`, `tonight`.
fn day_and_time(words: &[&str], now: &Zoned) -> Option<(Zoned, usize)> {
    if let Some((day, of_day, used)) = day(words, now) {
        let (time, more) = time(&words[used..]).unwrap_or((of_day, 0));
        let at = day.to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
        // "On Friday at 9", said on Friday at 10, is a week ahead.
        let week = at <= *now && day == now.date() && weekday(words, now).is_some();
        let at = if week { at.checked_add(Span::new().weeks(1)).ok()? } else { at };
        return Some((at, used + more));
    }
    let (time, used) = time(words)?;
    if let Some((day, _, more)) = day(&words[used..], now) {
        return Some((day.to_datetime(time).to_zoned(now.time_zone().clone()).ok()?, used + more));
    }
    let today = now.date().to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
    if today > *now {
        return Some((today, used));
    }
    let tomorrow = now.date().tomorrow().ok()?;
    Some((tomorrow.to_datetime(time).to_zoned(now.time_zone().clone()).ok()?, used))
}

/// A day, the time that it means by itself, and how many words it took.
fn day(words: &[&str], now: &Zoned) -> Option<(Date, Time, usize)> {
    let (today, morning, evening) =
        (now.date(), Time::constant(MORNING, 0, 0, 0), Time::constant(EVENING, 0, 0, 0));
    match words {
        ["today", ..] => return Some((today, evening, 1)),
        ["tonight", ..] => return Some((today, evening, 1)),
        ["tomorrow", "morning", ..] => return Some((today.tomorrow().ok()?, morning, 2)),
        ["tomorrow", "evening", ..] => return Some((today.tomorrow().ok()?, evening, 2)),
        ["tomorrow", ..] => return Some((today.tomorrow().ok()?, morning, 1)),
        ["next", "week", ..] => {
            return Some((today.checked_add(Span::new().weeks(1)).ok()?, morning, 2));
        }
        _ => {}
    }
    if let Some((day, used)) = weekday(words, now) {
        return Some((day, morning, used));
    }
    let on = usize::from(words.first() == Some(&"on"));
    let date: Date = words.get(on).filter(|word| word.len() == 10)?.parse().ok()?;
    Some((date, morning, on + 1))
}

/// `on Friday`, `next Friday`: the next one, today included.
fn weekday(words: &[&str], now: &Zoned) -> Option<(Date, usize)> {
    let before = usize::from(matches!(words.first(), Some(&"on" | &"next")));
    let day = match *words.get(before)? {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    };
    let ahead = i64::from(now.weekday().until(day));
    Some((now.date().checked_add(Span::new().days(ahead)).ok()?, before + 1))
}

/// `at 9`, `at 17:30`, `at 5 pm`, `at 5pm`, `at noon`; without "at" only where it cannot be anything else.
fn time(words: &[&str]) -> Option<(Time, usize)> {
    let at = usize::from(words.first() == Some(&"at"));
    let word = *words.get(at)?;
    match word {
        "noon" => return Some((Time::constant(12, 0, 0, 0), at + 1)),
        "midnight" => return Some((Time::midnight(), at + 1)),
        _ => {}
    }
    let half = |word: &str| matches!(word, "am" | "pm");
    let digits = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let (suffix, used) = match &word[digits.len()..] {
        "" => match words.get(at + 1) {
            Some(next) if half(next) => (*next, at + 2),
            _ => ("", at + 1),
        },
        suffix if half(suffix) || suffix == "h" => (suffix, at + 1),
        _ => return None,
    };
    let (hour, minute) = digits.split_once([':', '.']).unwrap_or((digits, "0"));
    if at == 0 && suffix.is_empty() && !digits.contains(':') {
        return None;
    }
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match (suffix, hour) {
        ("am" | "pm", 0 | 13..) => return None,
        ("am", 12) => 0,
        ("pm", 1..=11) => hour + 12,
        _ => hour,
    };
    Some((Time::new(hour, minute, 0, 0).ok()?, used))
}

/// Lower case, without punctuation at the ends.
fn plain(word: &str) -> String {
    word.trim_matches(|letter: char| letter.is_ascii_punctuation()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Friday, at three in the afternoon.
    const NOW: &str = "2026-11-20T15:00:00[Europe/Berlin]";

    fn at(text: &str, now: &str) -> Option<String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (at, used) = parse(&words, &now.parse().expect("a time"))?;
        assert_eq!(used, words.len(), "{text:?} was not read to its end");
        Some(at.strftime("%Y-%m-%d %H:%M").to_string())
    }

    #[test]
    fn times_are_read_as_people_mean_them() {
        for (text, expected) in [
            ("in 1 minute", "2026-11-20 15:01"),
            ("in 90min", "2026-11-20 16:30"),
            ("in an hour", "2026-11-20 16:00"),
            ("in half an hour", "2026-11-20 15:30"),
            ("in 2 hours and 5 minutes", "2026-11-20 17:05"),
            ("in 1h 15m", "2026-11-20 16:15"),
            ("in two weeks", "2026-12-04 15:00"),
            ("in a month", "2026-12-20 15:00"),
            ("at 17:30", "2026-11-20 17:30"),
            ("17:30", "2026-11-20 17:30"),
            ("at 5 pm", "2026-11-20 17:00"),
            ("at 5pm", "2026-11-20 17:00"),
            ("at 12am", "2026-11-21 00:00"),
            ("at noon", "2026-11-21 12:00"),
            ("at 9", "2026-11-21 09:00"),
            ("tomorrow", "2026-11-21 09:00"),
            ("tomorrow at 9", "2026-11-21 09:00"),
            ("tomorrow evening", "2026-11-21 19:00"),
            ("at 9:15 tomorrow", "2026-11-21 09:15"),
            ("today at 18:00", "2026-11-20 18:00"),
            ("tonight", "2026-11-20 19:00"),
            ("tonight at 22:00", "2026-11-20 22:00"),
            ("on Monday", "2026-11-23 09:00"),
            ("on Monday at 14:00", "2026-11-23 14:00"),
            ("on Friday at 16:00", "2026-11-20 16:00"),
            ("on Friday at 14:00", "2026-11-27 14:00"),
            ("next week", "2026-11-27 09:00"),
            ("on 2026-12-24 at 18:00", "2026-12-24 18:00"),
        ] {
            assert_eq!(at(text, NOW).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_past_too_far_or_no_time_is_refused() {
        for text in [
            "today at 9",
            "on 2026-11-19",
            "on 2030-01-01",
            "in 1000 months",
            "in 99999999999999999999 minutes",
            "in 0 minutes",
            "at 25:00",
            "at 13pm",
            "9",
            "in time",
            "soon",
            "",
        ] {
            assert_eq!(at(text, NOW), None, "{text:?}");
        }
    }

    #[test]
    fn clocks_that_change_do_not_lose_a_reminder() {
        // In the night to 29 March 2026 Berlin has no half past two, in that to 25 October two of them.
        assert_eq!(
            at("tomorrow at 2:30", "2026-03-28T12:00:00[Europe/Berlin]").as_deref(),
            Some("2026-03-29 03:30")
        );
        assert_eq!(
            at("tomorrow at 2:30", "2026-10-24T12:00:00[Europe/Berlin]").as_deref(),
            Some("2026-10-25 02:30")
        );
    }

    #[test]
    fn a_time_is_said_as_short_as_it_can_be() {
        let now: Zoned = NOW.parse().expect("a time");
        let said = |text: &str| spoken(&text.parse().expect("a time"), &now);
        assert_eq!(said("2026-11-20T17:05:00[Europe/Berlin]"), "today at 17:05");
        assert_eq!(said("2026-11-21T09:00:00[Europe/Berlin]"), "tomorrow at 09:00");
        assert_eq!(said("2026-11-27T09:00:00[Europe/Berlin]"), "on Friday 27 November at 09:00");
        assert_eq!(said("2027-01-04T09:00:00[Europe/Berlin]"), "on Monday 4 January 2027 at 09:00");
    }
}
