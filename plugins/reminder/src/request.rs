//! What a customer asks of the reminder.

use jiff::Zoned;

use crate::when;

#[derive(Debug, PartialEq)]
pub enum Request {
    Remind {
        at: Zoned,
        what: String,
    },
    List,
    /// One by its number, or all.
    Cancel(Option<u64>),
    /// Meant for us, but not understood.
    Unclear,
    /// Not meant for us.
    Other,
}

impl Request {
    /// Understand a text; "now" is on the clock that the customer means.
    pub fn parse(text: &str, now: &Zoned) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let words = skip(&words, &["please"]);
        let Some((first, rest)) = words.split_first() else { return Self::Other };
        match plain(first).as_str() {
            "remind" => remind(skip(rest, &["me", "us"]), now),
            "my" | "list" | "show" if is_reminders(skip(rest, &["all", "my"])) => Self::List,
            "cancel" | "delete" | "stop" => {
                cancel(skip(skip(rest, &["all", "my"]), &["all", "my"]))
            }
            _ => Self::Other,
        }
    }
}

/// `in 10 minutes to call Ann`, or the other way round: `to call Ann in 10 minutes`.
fn remind(words: &[&str], now: &Zoned) -> Request {
    if let Some((at, used)) = when::parse(words, now) {
        return request(at, &words[used..]);
    }
    for start in 1..words.len() {
        match when::parse(&words[start..], now) {
            Some((at, used)) if start + used == words.len() => return request(at, &words[..start]),
            _ => {}
        }
    }
    Request::Unclear
}

fn request(at: Zoned, words: &[&str]) -> Request {
    let what = skip(words, &["to", "that", "about", "of"]).join(" ");
    if what.is_empty() { Request::Unclear } else { Request::Remind { at, what } }
}

fn cancel(words: &[&str]) -> Request {
    let Some((first, rest)) = words.split_first() else { return Request::Other };
    if !is_reminders(&[first]) {
        return Request::Other;
    }
    match rest {
        [] => Request::Cancel(None),
        [number] => match number.trim_matches(['#', '.', '!']).parse() {
            Ok(number) => Request::Cancel(Some(number)),
            Err(_) => Request::Unclear,
        },
        _ => Request::Unclear,
    }
}

fn is_reminders(words: &[&str]) -> bool {
    matches!(words, [word] if matches!(plain(word).as_str(), "reminder" | "reminders"))
}

/// The words without the first, where that is one of these.
fn skip<'a, 'b>(words: &'b [&'a str], these: &[&str]) -> &'b [&'a str] {
    match words.split_first() {
        Some((first, rest)) if these.contains(&plain(first).as_str()) => rest,
        _ => words,
    }
}

/// Lower case, without punctuation at the ends.
fn plain(word: &str) -> String {
    word.trim_matches(|letter: char| letter.is_ascii_punctuation()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Friday, at three in the afternoon, in Berlin.
    fn now() -> Zoned {
        "2026-11-20T15:00:00[Europe/Berlin]".parse().expect("a time")
    }

    fn reminded(text: &str) -> (String, String) {
        match Request::parse(text, &now()) {
            Request::Remind { at, what } => (at.strftime("%Y-%m-%d %H:%M:%S").to_string(), what),
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn time_and_matter_come_in_either_order() {
        for text in [
            "remind me in 10 minutes to call Ann",
            "Remind me to call Ann in 10 minutes",
            "please remind me in ten minutes: call Ann",
            "Please, remind me to call Ann in 10 min",
            "REMIND ME IN 10 MINS TO call Ann",
        ] {
            assert_eq!(
                reminded(text),
                ("2026-11-20 15:10:00".to_owned(), "call Ann".to_owned()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_matter_may_hold_words_of_time() {
        let (at, what) = reminded("remind me in 2 hours to be at 12 in 5 minutes");
        assert_eq!((at.as_str(), what.as_str()), ("2026-11-20 17:00:00", "be at 12 in 5 minutes"));
        let (at, what) = reminded("remind me to be in time tomorrow at 9");
        assert_eq!((at.as_str(), what.as_str()), ("2026-11-21 09:00:00", "be in time"));
    }

    #[test]
    fn lists_and_cancellations_are_understood() {
        let parse = |text| Request::parse(text, &now());
        assert_eq!(parse("my reminders"), Request::List);
        assert_eq!(parse("List all reminders"), Request::List);
        assert_eq!(parse("cancel reminders"), Request::Cancel(None));
        assert_eq!(parse("Cancel all my reminders!"), Request::Cancel(None));
        assert_eq!(parse("delete reminder #2"), Request::Cancel(Some(2)));
        assert_eq!(parse("cancel reminder two"), Request::Unclear);
    }

    #[test]
    fn what_is_not_understood_asks_for_help_and_the_rest_is_not_ours() {
        let parse = |text| Request::parse(text, &now());
        for text in [
            "remind me",
            "remind me to call Ann",
            "remind me soon to call",
            "remind me in 10 minutes",
        ] {
            assert_eq!(parse(text), Request::Unclear, "{text:?}");
        }
        for text in ["", "hello", "cancel my order", "stop", "my order", "reminder: pay the bill"] {
            assert_eq!(parse(text), Request::Other, "{text:?}");
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        let parts = [
            "remind",
            "me",
            "in",
            "at",
            "to",
            "10",
            "99999999999999999999",
            "-1",
            "minutes",
            "25:99",
            "tomorrow",
        ];
        let more = [
            "on",
            "friday",
            "2026-13-45",
            "é⏰",
            "\u{0}",
            "12am",
            "9:",
            ":",
            "a",
            "half",
            "and",
            "years",
            "9999-12-31",
        ];
        let all: Vec<&str> = parts.into_iter().chain(more).collect();
        // Every sentence of three of these words behind "remind me".
        for a in &all {
            for b in &all {
                for c in &all {
                    Request::parse(&format!("remind me {a} {b} {c}"), &now());
                }
            }
        }
    }

    #[test]
    fn every_span_of_time_is_as_far_ahead_as_it_says() {
        let units =
            [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400), ("week", 604_800)];
        for (unit, seconds) in units {
            for count in [1i64, 2, 3, 7, 30, 52] {
                let text = format!("remind me in {count} {unit}s to look");
                let Request::Remind { at, .. } = Request::parse(&text, &now()) else {
                    panic!("{text:?}")
                };
                let ahead = at.timestamp().as_second() - now().timestamp().as_second();
                // A day is a day on the clock: an hour more or less where summer time begins or ends.
                let slack = if seconds >= 86_400 { 3600 } else { 0 };
                assert!(
                    (ahead - count * seconds).abs() <= slack,
                    "{text:?} is {ahead} seconds ahead"
                );
            }
        }
    }
}
