//! Questions, and what counts as an answer.

use regex_lite::Regex;
use serde_json::{Value, json};
use switchboard_sdk::words;

use crate::format::{Ask, Buttons, Choice, Closed, Expect, Handling, List};
use crate::times::{self, Now};

/// A question of any kind.
#[derive(Clone, Debug)]
pub struct Question {
    pub text: String,
    pub save: Option<String>,
    pub shape: Shape,
    pub expect: Expect,
    pub regex: Option<String>,
    pub check: Option<String>,
    pub handling: Handling,
    pub closed: Option<Closed>,
}

/// How it is put.
#[derive(Clone, Debug)]
pub enum Shape {
    /// With the answers that there are, if they are few.
    Text(Vec<String>),
    Buttons(Vec<Choice>),
    List {
        button: String,
        rows: Vec<Choice>,
    },
}

/// What a customer wrote, as far as answers go.
#[derive(Clone, Debug, Default)]
pub struct Given<'a> {
    pub text: &'a str,
    /// The id of a tapped button or row.
    pub choice: Option<&'a str>,
    /// The id of a file.
    pub file: Option<&'a str>,
}

impl Question {
    pub fn of_ask(ask: Ask) -> Self {
        let Ask { text, save, expect, regex, choices, check, handling, closed } = ask;
        Self { text, save, shape: Shape::Text(choices), expect, regex, check, handling, closed }
    }

    pub fn of_buttons(buttons: Buttons) -> Self {
        let Buttons { text, options, save, handling, closed } = buttons;
        let shape = Shape::Buttons(options.into_iter().map(|option| option.0).collect());
        Self { text, save, shape, expect: Expect::Text, regex: None, check: None, handling, closed }
    }

    pub fn of_list(list: List) -> Self {
        let List { text, button, options, save, handling, closed } = list;
        let rows = options.into_iter().map(|option| option.0).collect();
        let shape = Shape::List { button, rows };
        Self { text, save, shape, expect: Expect::Text, regex: None, check: None, handling, closed }
    }

    /// The word that people write it by.
    pub fn word(&self) -> &'static str {
        match self.shape {
            Shape::Text(_) => "ask",
            Shape::Buttons(_) => "buttons",
            Shape::List { .. } => "list",
        }
    }

    /// The answer as it is kept; `None` where it is none. `check` is for the caller.
    pub fn understand(&self, given: &Given<'_>, now: &Now) -> Option<Value> {
        let text = given.text.trim();
        match &self.shape {
            Shape::Buttons(options) | Shape::List { rows: options, .. } => {
                return chosen(options, given).map(Value::String);
            }
            Shape::Text(choices) if !choices.is_empty() => {
                let same = |choice: &&String| words::is_any(text, [choice.as_str()]);
                return choices.iter().find(same).cloned().map(Value::String);
            }
            Shape::Text(_) => {}
        }
        if let Some(regex) = &self.regex {
            let whole = Regex::new(&format!("^(?:{regex})$")).ok()?;
            if !whole.is_match(text) {
                return None;
            }
        }
        expected(self.expect, text, given, now)
    }
}

/// The id of a choice. An id that holds places is compared as it is sent, which is how it comes back.
fn chosen(options: &[Choice], given: &Given<'_>) -> Option<String> {
    let by_id = |id: &str| options.iter().find(|option| option.id() == id);
    let by_words = || {
        let wanted = words::fold(given.text);
        options.iter().find(|option| !wanted.is_empty() && words::fold(&option.title) == wanted)
    };
    let by_number = || options.get(given.text.trim().parse::<usize>().ok()?.checked_sub(1)?);
    let found = given.choice.and_then(by_id).or_else(by_words).or_else(by_number);
    found.map(|option| option.id().to_owned())
}

impl Choice {
    /// What is kept where it is chosen.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.title)
    }
}

fn expected(expect: Expect, text: &str, given: &Given<'_>, now: &Now) -> Option<Value> {
    if text.is_empty() && !matches!(expect, Expect::File | Expect::Any) {
        return None;
    }
    match expect {
        Expect::Text => Some(json!(text)),
        Expect::Any => {
            Some(json!(if text.is_empty() { given.file.unwrap_or_default() } else { text }))
        }
        Expect::File => given.file.map(|file| json!(file)),
        Expect::Number => number(text),
        Expect::Email => is_email(text).then(|| json!(text.to_lowercase())),
        Expect::Phone => phone(text).map(|phone| json!(phone)),
        Expect::Date => now.date(text).map(|date| json!(date.to_string())),
        Expect::Time => times::time(text).map(|time| json!(time.strftime("%H:%M").to_string())),
        Expect::Moment => now.date_and_time(text).map(|moment| json!(times::written(&moment))),
    }
}

/// With a point or a comma.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(json!(whole));
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.,".contains(&b));
    let number: f64 = plain.then(|| text.replace(',', ".").parse().ok())??;
    number.is_finite().then(|| json!(number))
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    let plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@' || c == ',')
    };
    plain(name)
        && plain(host)
        && text.len() <= 254
        && host.split('.').count() >= 2
        && host.split('.').all(|part| !part.is_empty())
}

/// A number as the world writes it: `+15550001`.
pub fn phone(text: &str) -> Option<String> {
    let kept: String =
        text.chars().filter(|c| !c.is_whitespace() && !"-().".contains(*c)).collect();
    let digits = kept.strip_prefix('+').or_else(|| kept.strip_prefix("00")).unwrap_or(&kept);
    let fits = (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Now {
        Now::new(1_767_614_400_000, "UTC").expect("a time")
    }

    fn read(expect: Expect, text: &str) -> Option<Value> {
        let question = Question::of_ask(Ask { expect, ..Ask::default() });
        question.understand(&Given { text, ..Given::default() }, &now())
    }

    #[test]
    fn answers_are_kept_in_one_form() {
        for (expect, text, kept) in [
            (Expect::Text, "  Ann ", json!("Ann")),
            (Expect::Number, "1,5", json!(1.5)),
            (Expect::Number, "-3", json!(-3)),
            (Expect::Email, "Ann@Example.com", json!("ann@example.com")),
            (Expect::Phone, "0049 (171) 123-4567", json!("+491711234567")),
            (Expect::Date, "31/1/2026", json!("2026-01-31")),
            (Expect::Time, "9:05", json!("09:05")),
            (Expect::Moment, "tomorrow at 15:00", json!("2026-01-06T15:00:00+00:00")),
        ] {
            assert_eq!(read(expect, text), Some(kept), "{text}");
        }
    }

    #[test]
    fn what_is_no_such_answer_is_none() {
        for (expect, text) in [
            (Expect::Text, "  "),
            (Expect::Number, "three"),
            (Expect::Number, "inf"),
            (Expect::Email, "ann@example"),
            (Expect::Email, "ann example@x.y"),
            (Expect::Phone, "12345"),
            (Expect::Date, "soon"),
            (Expect::Time, "25:00"),
            (Expect::Moment, "tomorrow"),
            (Expect::File, "here it is"),
        ] {
            assert_eq!(read(expect, text), None, "{text}");
        }
    }

    #[test]
    fn a_choice_is_tapped_or_written() {
        let option = |id: Option<&str>, title: &str| Choice {
            id: id.map(str::to_owned),
            title: title.to_owned(),
            description: String::new(),
        };
        let options = vec![option(Some("y"), "Yes, please"), option(None, "No")];
        let tapped = Given { text: "Yes, please", choice: Some("y"), file: None };
        assert_eq!(chosen(&options, &tapped).as_deref(), Some("y"));
        for (text, id) in [
            ("yes please!", Some("y")),
            ("NO", Some("No")),
            ("2", Some("No")),
            ("maybe", None),
            ("0", None),
            ("", None),
        ] {
            let given = Given { text, ..Given::default() };
            assert_eq!(chosen(&options, &given).as_deref(), id, "{text:?}");
        }
    }
}
