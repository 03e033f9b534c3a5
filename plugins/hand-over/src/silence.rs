//! When a chat goes back to the plugins.

use std::time::Duration;

use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// A message with one of these calls a human.
    pub words: Vec<String>,
    /// What the customer reads; empty: nothing.
    pub answer: String,
    /// 0: only the team hands back.
    pub silence_minutes: u32,
    /// What the customer reads when the plugins are back; empty: nothing.
    pub back: String,
}

/// What to do when the timer has fired.
#[derive(Debug, PartialEq)]
pub enum Next {
    HandBack,
    /// Look again at this time, in Unix milliseconds.
    Wait(u64),
    Never,
}

impl Settings {
    pub fn silence(&self) -> Option<Duration> {
        let minutes = u64::from(self.silence_minutes);
        (minutes > 0).then(|| Duration::from_secs(minutes * 60))
    }

    /// What follows from the newest message's time, both in Unix milliseconds.
    pub fn next(&self, newest: u64, now: u64) -> Next {
        if self.silence_minutes == 0 {
            return Next::Never;
        }
        let until = newest.saturating_add(u64::from(self.silence_minutes) * 60_000);
        if until <= now { Next::HandBack } else { Next::Wait(until) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let words = ["human", "agent", "person", "real person", "talk to someone"];
        Self {
            words: words.map(str::to_owned).to_vec(),
            answer: "A colleague will answer you here shortly.".to_owned(),
            silence_minutes: 60,
            back: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_manifest() {
        let manifest: toml::Value = toml::from_str(include_str!("../plugin.toml")).expect("TOML");
        let properties = &manifest["config"]["properties"];
        let manifest = Settings {
            words: properties["words"]["default"].clone().try_into().expect("words"),
            answer: properties["answer"]["default"].as_str().expect("a text").to_owned(),
            silence_minutes: properties["silence_minutes"]["default"]
                .clone()
                .try_into()
                .expect("a number"),
            back: properties["back"]["default"].as_str().expect("a text").to_owned(),
        };
        assert_eq!(manifest, Settings::default());
    }

    #[test]
    fn a_chat_goes_back_after_the_silence_and_not_before() {
        let settings = Settings { silence_minutes: 10, ..Settings::default() };
        assert_eq!(settings.next(1_000_000, 1_000_000), Next::Wait(1_600_000));
        assert_eq!(settings.next(1_000_000, 1_599_999), Next::Wait(1_600_000));
        assert_eq!(settings.next(1_000_000, 1_600_000), Next::HandBack);
        assert_eq!(
            settings.next(0, 1_000_000),
            Next::HandBack,
            "a chat without messages is silent"
        );
        let never = Settings { silence_minutes: 0, ..Settings::default() };
        assert_eq!((never.silence(), never.next(0, u64::MAX)), (None, Next::Never));
    }
}
