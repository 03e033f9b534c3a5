//! Reminds people of what they ask for: "remind me in 10 minutes to call Ann".

mod request;
mod when;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use request::Request;
use serde::Deserialize;
use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(message = on_message, timer = on_timer);

const HELP: &str = "I can remind you. Write for example:\n\
    • remind me in 10 minutes to call Ann\n\
    • remind me tomorrow at 9 to water the plants\n\
    • remind me at 17:30 to leave\n\
    • remind me on Friday at 14:00 to send the report\n\
    • my reminders\n\
    • cancel reminders";

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    time_zone: String,
    /// Reminders that one chat may have waiting.
    most: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), most: 20 }
    }
}

fn on_message(event: Message) -> Result<()> {
    let settings: Settings = config()?;
    let now = moment(delivery::now(), &settings)?;
    let answer = match Request::parse(&event.text, &now) {
        Request::Remind { at, what } => remind(&settings, &now, &at, &what)?,
        Request::List => list(&settings, &now)?,
        Request::Cancel(number) => cancel(number)?,
        Request::Unclear => HELP.to_owned(),
        Request::Other => return Ok(()),
    };
    reply(&event, answer)?;
    // It was meant for this plugin alone.
    delivery::stop();
    Ok(())
}

fn on_timer(timer: Timer) -> Result<()> {
    reply(&timer, format!("⏰ {}", timer.payload))?;
    Ok(())
}

fn remind(settings: &Settings, now: &Zoned, at: &Zoned, what: &str) -> Result<String> {
    let waiting = timers::chat().list()?.len();
    if waiting >= settings.most {
        return Ok(format!(
            "You have {waiting} reminders waiting. Write *cancel reminders* to make room."
        ));
    }
    // The number is the timer's name, so that people can name it.
    let number = state::chat().increment("reminders", 1)?;
    let due = u64::try_from(at.timestamp().as_millisecond())?;
    timers::chat().at(&number.to_string(), due, what)?;
    Ok(format!("I will remind you {}: {what}", when::spoken(at, now)))
}

fn list(settings: &Settings, now: &Zoned) -> Result<String> {
    let mut entries = timers::chat().list()?;
    if entries.is_empty() {
        return Ok("You have no reminders.".to_owned());
    }
    entries.sort_by_key(|entry| entry.due_at);
    let mut lines = vec!["Your reminders:".to_owned()];
    for entry in entries {
        let at = when::spoken(&moment(entry.due_at, settings)?, now);
        lines.push(format!("{}. {at}: {}", entry.name, entry.payload));
    }
    lines.push("Write *cancel reminder* and a number to drop one.".to_owned());
    Ok(lines.join("\n"))
}

/// Drop one by its number, or all.
fn cancel(number: Option<u64>) -> Result<String> {
    let mut names: Vec<String> =
        timers::chat().list()?.into_iter().map(|entry| entry.name).collect();
    if let Some(number) = number {
        names.retain(|name| *name == number.to_string());
    }
    for name in &names {
        timers::chat().cancel(name)?;
    }
    Ok(match (names.len(), number) {
        (0, Some(number)) => {
            format!("You have no reminder {number}. Write *my reminders* to see them.")
        }
        (0, None) => "You have no reminders.".to_owned(),
        (1, _) => "Cancelled 1 reminder.".to_owned(),
        (count, _) => format!("Cancelled {count} reminders."),
    })
}

/// A time in Unix milliseconds, on the clock that the customers mean.
fn moment(millis: u64, settings: &Settings) -> Result<Zoned> {
    let zone = TimeZone::get(&settings.time_zone).map_err(|_| {
        format!("time_zone: {:?} is no IANA time zone, such as Europe/Berlin", settings.time_zone)
    })?;
    Ok(Timestamp::from_millisecond(i64::try_from(millis)?)?.to_zoned(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_manifest() {
        let manifest: toml::Value = toml::from_str(include_str!("../plugin.toml")).expect("TOML");
        let properties = &manifest["config"]["properties"];
        let default = Settings::default();
        assert_eq!(properties["time_zone"]["default"].as_str(), Some(default.time_zone.as_str()));
        assert_eq!(properties["most"]["default"].as_integer(), i64::try_from(default.most).ok());
    }

    /// The host looks at the filter first: a request that it holds back never arrives.
    #[test]
    fn the_filter_of_the_manifest_lets_every_request_through() {
        let manifest: toml::Value = toml::from_str(include_str!("../plugin.toml")).expect("TOML");
        let filter = manifest["events"][0]["text_regex"].as_str().expect("a filter");
        let filter = regex::Regex::new(filter).expect("a regular expression");
        for text in [
            "remind me in 10 minutes to call Ann",
            "Please, remind me tomorrow to call",
            " REMIND me",
            "my reminders",
            "List all my reminders",
            "cancel reminders",
            "please cancel all reminders!",
            "delete reminder #2",
        ] {
            assert!(filter.is_match(text), "{text:?} would not arrive");
        }
        for text in ["hello", "stop", "cancel my order", "reminder: pay the bill"] {
            assert!(!filter.is_match(text), "{text:?} is none of ours");
        }
    }

    #[test]
    fn the_help_only_gives_examples_that_work() {
        let now: Zoned = "2026-11-20T13:00:00[UTC]".parse().expect("a time");
        let examples = HELP.lines().filter_map(|line| line.trim().strip_prefix("• "));
        let unclear: Vec<&str> = examples
            .filter(|example| {
                matches!(Request::parse(example, &now), Request::Unclear | Request::Other)
            })
            .collect();
        assert!(unclear.is_empty(), "{unclear:?}");
    }
}
