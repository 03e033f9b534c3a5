//! The text of a flow as JSON values, and the line that each of them stands in.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// A text nested deeper than this is no flow.
const MAX_DEPTH: usize = 64;

/// What is wrong with a flow, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Such as `steps[2].ask.expect`; empty where it is the text as a whole.
    pub path: String,
    /// Counted from 1; 0 where it is not known.
    pub line: usize,
    /// What it should be instead.
    pub message: String,
}

impl Problem {
    /// One whose line is looked up later.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: 0, message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// A text, read.
#[derive(Debug, Default)]
pub struct Document {
    pub root: Value,
    lines: HashMap<String, usize>,
}

impl Document {
    /// Read YAML (JSON is YAML too).
    ///
    /// # Errors
    /// Names the line, and says what is not understood.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut reader = Reader::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| Problem {
                path: String::new(),
                line: error.marker().line(),
                message: error.info().to_owned(),
            })?;
            reader.line = span.start.line();
            reader.take(event)?;
        }
        Ok(Self { root: reader.root.unwrap_or_default(), lines: reader.lines })
    }

    /// The line of a path, or of the nearest that is around it.
    pub fn line(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return *line;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return 0,
            }
        }
    }
}

/// What is open while the text is read.
enum Open {
    List(Vec<Value>),
    /// With the key that waits for its value.
    Map(Map<String, Value>, Option<String>),
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    root: Option<Value>,
    lines: HashMap<String, usize>,
    line: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), Problem> {
        match event {
            Event::Alias(_) => {
                Err(self.problem("anchors and aliases are not understood here: write it out"))
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.problem("one file is one flow: take the second `---` away"))
            }
            Event::Scalar(text, style, _, tag) => {
                let as_text = tag.is_some_and(|tag| tag.suffix == "str");
                let plain = style == ScalarStyle::Plain && !as_text;
                self.scalar(&text, plain)
            }
            Event::SequenceStart(..) => self.begin(Open::List(Vec::new())),
            Event::MappingStart(..) => self.begin(Open::Map(Map::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(items)) => self.put(Value::Array(items)),
                Some(Open::Map(fields, _)) => self.put(Value::Object(fields)),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.problem("this is nested too deeply"));
        }
        if let Some(Open::Map(_, None)) = self.open.last() {
            return Err(self.problem("a key must be a plain text"));
        }
        self.note_line();
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, text: &str, plain: bool) -> Result<(), Problem> {
        if let Some(Open::Map(fields, key @ None)) = self.open.last_mut() {
            let known = fields.contains_key(text);
            *key = Some(text.to_owned());
            self.note_line();
            return if known { Err(self.problem("this key is there twice")) } else { Ok(()) };
        }
        self.note_line();
        self.put(if plain { resolve(text) } else { Value::String(text.to_owned()) })
    }

    fn put(&mut self, value: Value) -> Result<(), Problem> {
        match self.open.last_mut() {
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(fields, key)) => {
                if let Some(key) = key.take() {
                    fields.insert(key, value);
                }
            }
            None => self.root = Some(value),
        }
        Ok(())
    }

    /// Where the value that begins now will be found.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match open {
                Open::List(items) => path.push_str(&format!("[{}]", items.len())),
                Open::Map(_, Some(key)) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
                Open::Map(_, None) => {}
            }
        }
        path
    }

    /// The line of a key stays that of its value.
    fn note_line(&mut self) {
        let path = self.path();
        self.lines.entry(path).or_insert(self.line);
    }

    fn problem(&self, message: &str) -> Problem {
        Problem { path: self.path(), line: self.line, message: message.to_owned() }
    }
}

/// A word without quotes, by YAML's core schema; but what looks like a phone number stays a text.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let numeric = digits.starts_with(|first: char| first.is_ascii_digit());
    let written_out = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if numeric && !written_out {
        if let Ok(number) = text.parse::<i64>() {
            return number.into();
        }
        if let Some(number) = text.parse().ok().and_then(serde_json::Number::from_f64) {
            return Value::Number(number);
        }
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_with_their_lines() {
        let text = "flow: a\nsteps:\n  - reply: Hi\n  - ask:\n      text: Name?\n      tries: 3\n";
        let document = Document::parse(text).expect("YAML");
        assert_eq!(document.root["steps"][1]["ask"], json!({ "text": "Name?", "tries": 3 }));
        assert_eq!(document.line("steps[0].reply"), 3);
        assert_eq!(document.line("steps[1].ask.tries"), 6);
        assert_eq!(document.line("steps[1].ask.nothing.there"), 4);
        assert_eq!(document.line("nothing"), 0);
    }

    #[test]
    fn words_become_what_people_mean() {
        let text = "a: 1\nb: -2.5\nc: true\nd: ~\ne: +15550001\nf: 007\ng: '1'\nh: 09:30\ni: 1.2.3\nj: 0.5\nk: |\n  two\n  lines\n";
        let document = Document::parse(text).expect("YAML");
        assert_eq!(
            document.root,
            json!({ "a": 1, "b": -2.5, "c": true, "d": null, "e": "+15550001", "f": "007", "g": "1",
                    "h": "09:30", "i": "1.2.3", "j": 0.5, "k": "two\nlines\n" })
        );
        assert_eq!(
            Document::parse("{\"a\": [1, \"x\"]}").expect("JSON").root,
            json!({ "a": [1, "x"] })
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, words) in [
            ("a: 1\na: 2\n", 2, "twice"),
            ("a: &x 1\nb: *x\n", 2, "write it out"),
            ("a: 1\n---\nb: 2\n", 2, "one file"),
            ("a: [1\nb: 2\n", 2, ""),
            ("? [a]\n: 1\n", 1, "plain text"),
        ] {
            let problem = Document::parse(text).expect_err(text);
            assert!(problem.line >= line && problem.message.contains(words), "{text:?}: {problem}");
        }
        assert!(Document::parse(&"[".repeat(100)).is_err());
    }
}
