//! How transcripts came out, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::checks::Wrong;
use crate::cli::paint::Paint;

/// One transcript, played.
#[derive(Debug)]
pub struct Played {
    /// As the folder names it, such as `tests/greeting.chat`.
    pub file: String,
    pub millis: u128,
    pub failure: Option<Failure>,
}

/// Where it went wrong, and what was to be seen there.
#[derive(Debug)]
pub struct Failure {
    /// From 1.
    pub line: usize,
    pub wrong: Wrong,
    /// What the plugin logged since the last thing happened, and how its call failed.
    pub logs: Vec<String>,
    pub faults: Vec<String>,
}

/// Lines of the transcript shown before the one that does not hold.
const BEFORE: usize = 3;

impl Played {
    pub fn json(&self) -> Value {
        let mut value =
            json!({ "file": self.file, "passed": self.failure.is_none(), "millis": self.millis });
        if let Some(failure) = &self.failure {
            value["line"] = failure.line.into();
            value["logs"] = json!(failure.logs);
            value["faults"] = json!(failure.faults);
            match &failure.wrong {
                Wrong::Differs { wanted, instead } => {
                    value["wanted"] = wanted.as_str().into();
                    value["instead"] = instead.as_str().into();
                }
                Wrong::Says(problem) => value["problem"] = problem.as_str().into(),
            }
        }
        value
    }

    /// One line where it holds; else where it does not, and what came instead.
    pub fn show(&self, transcript: &str) -> String {
        let paint = Paint::of_stdout();
        let Some(failure) = &self.failure else {
            return format!(
                "{} {} {}\n",
                paint.green("✓"),
                self.file,
                paint.dim(&format!("{} ms", self.millis))
            );
        };
        let mut text = format!("{} {}:{}\n\n", paint.red("✗"), self.file, failure.line);
        let first = failure.line.saturating_sub(BEFORE + 1);
        for (place, line) in transcript.lines().enumerate().take(failure.line).skip(first) {
            let mark = if place + 1 == failure.line { paint.red(">") } else { " ".to_owned() };
            let _ = writeln!(text, "  {mark} {:>3} | {line}", place + 1);
        }
        text.push('\n');
        match &failure.wrong {
            Wrong::Differs { wanted, instead } => {
                text.push_str(&difference(paint, wanted, instead))
            }
            Wrong::Says(problem) => {
                for line in problem.lines() {
                    let _ = writeln!(text, "    {line}");
                }
            }
        }
        for (name, lines) in [("log", &failure.logs), ("fault", &failure.faults)] {
            for line in lines {
                let _ = writeln!(text, "    {}", paint.dim(&format!("{name}  {line}")));
            }
        }
        text.push('\n');
        text
    }
}

/// What was wanted and what came, line by line; below a line that differs, from where on.
fn difference(paint: Paint, wanted: &str, instead: &str) -> String {
    let (wanted, instead): (Vec<&str>, Vec<&str>) =
        (wanted.lines().collect(), instead.lines().collect());
    let same_before = wanted.iter().zip(&instead).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    for line in &wanted[..same_before] {
        let _ = writeln!(text, "      {line}");
    }
    let rest = (&wanted[same_before..], &instead[same_before..]);
    let same_after =
        rest.0.iter().rev().zip(rest.1.iter().rev()).take_while(|(a, b)| a == b).count();
    let (lost, after) = rest.0.split_at(rest.0.len() - same_after);
    let (came, _) = rest.1.split_at(rest.1.len() - same_after);
    for line in lost {
        let _ = writeln!(text, "    {}", paint.red(&format!("- {line}")));
    }
    for line in came {
        let _ = writeln!(text, "    {}", paint.green(&format!("+ {line}")));
    }
    if let ([wanted], [instead]) = (lost, came) {
        let same = wanted.chars().zip(instead.chars()).take_while(|(a, b)| a == b).count();
        let _ = writeln!(text, "      {}{}", " ".repeat(same), paint.dim("^"));
    }
    for line in after {
        let _ = writeln!(text, "      {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_was_lost_what_came_and_from_where_on() {
        let shown =
            difference(Paint::none(), "bot: Hello\n  [Yes] [No]", "bot: Help\n  [Yes] [No]");
        assert_eq!(
            shown,
            "    - bot: Hello\n    + bot: Help\n              ^\n        [Yes] [No]\n"
        );
    }

    #[test]
    fn a_failure_shows_its_place_in_the_transcript() {
        let wrong = Wrong::Differs { wanted: "bot: a".into(), instead: "bot says nothing".into() };
        let failure = Failure { line: 2, wrong, logs: vec!["info hm".into()], faults: Vec::new() };
        let played = Played { file: "tests/a.chat".into(), millis: 3, failure: Some(failure) };
        let shown = played.show("customer: hi\nbot: a\n");
        assert!(
            shown.contains("✗ tests/a.chat:2") && shown.contains("    1 | customer: hi"),
            "{shown}"
        );
        assert!(shown.contains("- bot: a") && shown.contains("+ bot says nothing"), "{shown}");
        assert!(shown.contains("log  info hm"), "{shown}");
    }
}
