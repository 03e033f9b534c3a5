//! Which rule answers a text.

use serde::Deserialize;
use switchboard_sdk::words;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub rules: Vec<Rule>,
    /// The answer when no rule fits; empty: none.
    pub otherwise: String,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Rule {
    /// Any of these words or phrases, whole.
    pub words: Vec<String>,
    pub answer: String,
    /// Titles of quick replies.
    #[serde(default)]
    pub buttons: Vec<String>,
}

impl Settings {
    /// The first rule that fits.
    pub fn rule_for(&self, text: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| words::has_any(text, &rule.words))
    }
}

impl Default for Settings {
    fn default() -> Self {
        let rule = |words: &[&str], answer: &str, buttons: &[&str]| Rule {
            words: words.iter().map(ToString::to_string).collect(),
            answer: answer.to_owned(),
            buttons: buttons.iter().map(ToString::to_string).collect(),
        };
        Self {
            rules: vec![
                rule(
                    &["hello", "hi", "hey", "good morning"],
                    "Hello! How can we help?",
                    &["Hours", "Menu", "Help"],
                ),
                rule(
                    &["hours", "opening hours", "open", "opening"],
                    "We are open Monday to Friday, 9:00 to 17:00.",
                    &[],
                ),
                rule(&["menu"], "What would you like to know?", &["Hours", "Help"]),
                rule(
                    &["help", "info"],
                    "Write *hours* or *menu*, or just ask: a person reads along.",
                    &["Hours", "Menu"],
                ),
            ],
            otherwise: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer<'a>(settings: &'a Settings, text: &str) -> Option<&'a str> {
        settings.rule_for(text).map(|rule| rule.answer.as_str())
    }

    #[test]
    fn the_defaults_are_those_of_the_manifest() {
        let manifest: toml::Value = toml::from_str(include_str!("../plugin.toml")).expect("TOML");
        let properties = &manifest["config"]["properties"];
        let rules: Vec<Rule> = properties["rules"]["default"].clone().try_into().expect("rules");
        let otherwise = properties["otherwise"]["default"].as_str().expect("a text").to_owned();
        assert_eq!(Settings { rules, otherwise }, Settings::default());
    }

    #[test]
    fn every_quick_reply_has_an_answer() {
        let settings = Settings::default();
        for title in settings.rules.iter().flat_map(|rule| &rule.buttons) {
            assert!(
                settings.rule_for(title).is_some(),
                "tapping {title:?} would be met by silence"
            );
        }
    }

    #[test]
    fn the_first_rule_with_a_whole_word_answers() {
        let settings = Settings::default();
        assert!(answer(&settings, "HI there!").is_some_and(|text| text.starts_with("Hello")));
        assert!(
            answer(&settings, "Hello, when are you open?")
                .is_some_and(|text| text.starts_with("Hello"))
        );
        assert!(
            answer(&settings, "when are you open?")
                .is_some_and(|text| text.starts_with("We are open"))
        );
        assert_eq!(
            answer(&settings, "this ship is open-ended? no: reopened"),
            answer(&settings, "open")
        );
        assert_eq!(answer(&settings, "reopened ship"), None);
        assert_eq!(answer(&settings, ""), None);
    }
}
