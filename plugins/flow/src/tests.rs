//! Flows that run in a world of paper.

mod conversations;
mod laws;
mod mistakes;
mod schema;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::machine::{Failure, Machine};
use crate::program::{Next, Program};
use crate::run::Run;
use crate::world::{Act, Outgoing, Refusal, Request, Response, World};
use crate::yaml::Document;
use crate::{check, manifest_of};

/// Monday, 5 January 2026, 12:00 UTC.
const NOON: i64 = 1_767_614_400_000;

/// A chat that notes what is done in it.
pub struct Paper {
    now: i64,
    acts: Vec<Act>,
    kept: BTreeMap<String, Map<String, Value>>,
    config: Value,
    window_until: i64,
    opt_in: &'static str,
    denied: bool,
    answers: Vec<Result<Response, Refusal>>,
    requests: Vec<Request>,
}

impl Default for Paper {
    fn default() -> Self {
        Self {
            now: NOON,
            acts: Vec::new(),
            kept: BTreeMap::new(),
            config: json!({}),
            window_until: i64::MAX,
            opt_in: "in",
            denied: false,
            answers: Vec::new(),
            requests: Vec::new(),
        }
    }
}

impl World for Paper {
    fn now(&self) -> i64 {
        self.now
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn act(&mut self, act: Act) -> Result<(), Refusal> {
        if self.denied && matches!(act, Act::Tag(..)) {
            return Err(Refusal { code: "denied".to_owned(), message: "add a line".to_owned() });
        }
        self.acts.push(act);
        Ok(())
    }

    fn contact(&mut self) -> Result<Value, Refusal> {
        Ok(
            json!({ "id": "con_1", "name": "Ann", "phone": "+15550101", "opt_in": self.opt_in, "tags": {} }),
        )
    }

    fn chat(&mut self) -> Result<Value, Refusal> {
        Ok(
            json!({ "id": "chat_1", "account": "acc_1", "assigned": "", "window_until": self.window_until }),
        )
    }

    fn kept(&mut self, scope: &str) -> Result<Map<String, Value>, Refusal> {
        Ok(self.kept.get(scope).cloned().unwrap_or_default())
    }

    fn keep(&mut self, scope: &str, vars: &Map<String, Value>) -> Result<(), Refusal> {
        self.kept.insert(scope.to_owned(), vars.clone());
        Ok(())
    }

    fn secret(&mut self, name: &str) -> Result<String, Refusal> {
        Ok(format!("<{name}>"))
    }

    fn http(&mut self, request: Request) -> Result<Response, Refusal> {
        self.requests.push(request);
        self.answers.remove(0)
    }
}

impl Paper {
    /// The texts sent since the last look.
    fn said(&mut self) -> Vec<String> {
        let acts = std::mem::take(&mut self.acts);
        acts.into_iter()
            .filter_map(|act| match act {
                Act::Send { message, .. } => Some(match message {
                    Outgoing::Text(text)
                    | Outgoing::Buttons(text, _)
                    | Outgoing::List(text, ..) => text,
                    Outgoing::Template { name, values, .. } => {
                        let values: Vec<String> =
                            values.into_iter().map(|(_, value)| value).collect();
                        format!("<{name} {}>", values.join(" "))
                    }
                    other => format!("{other:?}"),
                }),
                _ => None,
            })
            .collect()
    }

    fn woken_at(&self) -> Option<i64> {
        self.acts.iter().rev().find_map(|act| match act {
            Act::Wake(at, _) => Some(*at),
            _ => None,
        })
    }
}

/// A flow with these steps, and what belongs beside them.
fn flow(body: &str) -> Program {
    let text = format!("flow: test\ntriggers: [{{ keyword: go }}]\n{body}");
    let document = Document::parse(&text).expect("YAML");
    let program = Program::read(&document).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
    let problems: Vec<String> =
        check::problems(&document, &program).iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    program
}

fn begin(program: &Program, world: &mut Paper) -> Result<Option<Run>, Failure> {
    begin_at(program, world, program.start)
}

fn begin_at(program: &Program, world: &mut Paper, entry: Next) -> Result<Option<Run>, Failure> {
    let run = Run { id: "evt_1".to_owned(), message: json!({ "text": "go" }), ..Run::default() };
    Machine::new(program, world, run)?.begin(entry)
}

fn says(
    program: &Program,
    world: &mut Paper,
    run: Run,
    text: &str,
) -> Result<Option<Run>, Failure> {
    // As it is kept between two calls.
    let kept = serde_json::to_string(&run).expect("JSON");
    let run = serde_json::from_str(&kept).expect("a run");
    Machine::new(program, world, run)?.answer(json!({ "text": text, "kind": "text" }))
}

fn due(program: &Program, world: &mut Paper, run: Run) -> Result<Option<Run>, Failure> {
    Machine::new(program, world, run)?.due()
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let problems = manifest_of(text).expect_err("it does not hold");
    for words in words {
        assert!(problems.contains(words), "{words:?} is not in:\n{problems}");
    }
}
