//! Which words mean what.

use serde::Deserialize;
use switchboard_sdk::words;

const STOP: [&str; 5] = ["stop", "unsubscribe", "cancel", "end", "quit"];
const START: [&str; 3] = ["start", "subscribe", "unstop"];

#[derive(Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Beside the usual ones.
    pub stop_words: Vec<String>,
    pub start_words: Vec<String>,
    pub stopped: String,
    pub started: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    Stop,
    Start,
}

impl Settings {
    /// What the customer wants; a word within a sentence is no wish. STOP wins over START.
    pub fn wish(&self, text: &str) -> Option<Wish> {
        if words::is_any(text, STOP) || words::is_any(text, &self.stop_words) {
            return Some(Wish::Stop);
        }
        let start = words::is_any(text, START) || words::is_any(text, &self.start_words);
        start.then_some(Wish::Start)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stop_words: Vec::new(),
            start_words: Vec::new(),
            stopped: "You will not hear from us again. Write START to change your mind.".to_owned(),
            started: "Welcome back! Write STOP at any time to hear no more from us.".to_owned(),
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
        let default = Settings::default();
        assert_eq!(properties["stopped"]["default"].as_str(), Some(default.stopped.as_str()));
        assert_eq!(properties["started"]["default"].as_str(), Some(default.started.as_str()));
    }

    #[test]
    fn a_word_alone_is_a_wish_and_in_a_sentence_it_is_not() {
        let settings = Settings::default();
        for text in ["STOP", "stop.", " Unsubscribe ", "Cancel!", "END", "quit"] {
            assert_eq!(settings.wish(text), Some(Wish::Stop), "{text:?}");
        }
        for text in ["Start", "SUBSCRIBE", "unstop"] {
            assert_eq!(settings.wish(text), Some(Wish::Start), "{text:?}");
        }
        for text in ["please do not stop", "cancel my order", "the end?", "", "!"] {
            assert_eq!(settings.wish(text), None, "{text:?}");
        }
    }

    #[test]
    fn configured_words_count_beside_the_usual_ones() {
        let words = |word: &str| vec![word.to_owned()];
        let settings = Settings {
            stop_words: words("arrêter"),
            start_words: words("arreter"),
            ..Settings::default()
        };
        assert_eq!(settings.wish("ARRETER"), Some(Wish::Stop), "in doubt, leave people alone");
        assert_eq!(settings.wish("stop"), Some(Wish::Stop));
    }
}
