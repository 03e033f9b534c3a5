//! A flow, ready to run: its steps in one row, each knowing the one that follows.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::answer::Question;
use crate::expr;
use crate::format::{
    Closed, Emit, Flow, Http, Loop, OneOrMore, Reply, Step, Stop, Tags, Template, Trigger, Wait,
};
use crate::yaml::{Document, Problem};

/// Where a run goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// The step of this number.
    Step(usize),
    /// The end of a sequence: behind the `call`, or the end of the run.
    Return,
}

/// One step.
#[derive(Debug)]
pub struct Node {
    /// As it was named, or the place that it is written in.
    pub id: String,
    /// The place that it is written in, such as `steps[2].then[0]`.
    pub path: String,
    pub action: Action,
    pub next: Next,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    Reply(Box<Reply>),
    Ask(Box<Question>, Branches),
    If { condition: String, then: Next, otherwise: Next },
    Switch { on: String, cases: BTreeMap<String, Next>, default: Next },
    Set(Map<String, Value>),
    Tag(Vec<(String, Value)>),
    Untag(Vec<String>),
    Name(String),
    Template(Template),
    Http(Box<Http>, Option<Next>),
    Wait(Wait),
    Loop { of: Box<Loop>, body: Next },
    Call(String),
    HandOver(String),
    Note(String),
    Emit(Emit),
    Log(String),
    Stop(String),
    OptIn(String),
    OptOut(String),
}

impl Action {
    /// The word that people write it by.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Reply(_) => "reply",
            Self::Ask(question, _) => question.word(),
            Self::If { .. } => "if",
            Self::Switch { .. } => "switch",
            Self::Set(_) => "set",
            Self::Tag(_) => "tag",
            Self::Untag(_) => "untag",
            Self::Name(_) => "name",
            Self::Template(_) => "template",
            Self::Http(..) => "http",
            Self::Wait(_) => "wait",
            Self::Loop { .. } => "loop",
            Self::Call(_) => "call",
            Self::HandOver(_) => "hand_over",
            Self::Note(_) => "note",
            Self::Emit(_) => "emit",
            Self::Log(_) => "log",
            Self::Stop(_) => "stop",
            Self::OptIn(_) => "opt_in",
            Self::OptOut(_) => "opt_out",
        }
    }
}

/// Where a question goes on that gets no good answer; the run ends where there is no such branch.
#[derive(Clone, Copy, Debug)]
pub struct Branches {
    pub failed: Option<Next>,
    pub timeout: Option<Next>,
}

/// A flow, read and put in order.
pub struct Program {
    pub flow: Flow,
    pub triggers: Vec<Trigger>,
    pub nodes: Vec<Node>,
    pub start: Next,
    pub sequences: BTreeMap<String, Next>,
    /// Its texts speak of `contact` and of `chat`.
    pub reads_contact: bool,
    pub reads_chat: bool,
}

impl Program {
    /// Read a flow. What a person may have got wrong in its values is for [`crate::check`].
    ///
    /// # Errors
    /// The first thing that is not understood, with its line and path.
    pub fn read(document: &Document) -> Result<Self, Problem> {
        Self::of(&document.root).map_err(|problem| locate(document, problem))
    }

    fn of(root: &Value) -> Result<Self, Problem> {
        if !root.is_object() {
            return Err(Problem::at(
                "",
                "a flow begins with `flow: NAME`, `triggers:` and `steps:`",
            ));
        }
        for (key, example) in [("flow", "lead-capture"), ("version", "1.2.0 (three numbers)")] {
            if root.get(key).is_some_and(|value| !value.is_string()) {
                return Err(Problem::at(key, format!("is a text, such as {example}")));
            }
        }
        let flow: Flow = typed(root, "")?;
        let triggers = flow.triggers.iter().enumerate();
        let triggers = triggers.map(|(index, raw)| typed(raw, &format!("triggers[{index}]")));
        let triggers = triggers.collect::<Result<Vec<Trigger>, _>>()?;
        let mut builder = Builder { nodes: Vec::new(), closed: flow.closed.clone() };
        let start = builder.sequence(&flow.steps, "steps", Next::Return)?;
        let mut sequences = BTreeMap::new();
        for (name, steps) in &flow.sequences {
            let path = format!("sequences.{name}");
            sequences.insert(name.clone(), builder.sequence(steps, &path, Next::Return)?);
        }
        let nodes = builder.finish()?;
        let reads = |name: &str| speaks_of(root, name);
        let (reads_contact, reads_chat) = (reads("contact"), reads("chat"));
        Ok(Self { flow, triggers, nodes, start, sequences, reads_contact, reads_chat })
    }

    /// The step of a name.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    /// Whether a run can be waiting for a customer's answer.
    pub fn asks(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.action, Action::Ask(..)))
    }

    /// Whether a run can be waiting at all.
    pub fn waits(&self) -> bool {
        self.asks() || self.nodes.iter().any(|node| matches!(node.action, Action::Wait(_)))
    }
}

/// The line, and for an unknown key its own place.
fn locate(document: &Document, mut problem: Problem) -> Problem {
    let unknown =
        problem.message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    if let Some(key) = unknown.filter(|key| !key.is_empty()) {
        let part = |path: &str| {
            path.split(['.', '[', ']'])
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let around =
            part(&problem.path).iter().try_fold(&document.root, |value, part| match value {
                Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                other => other.get(part),
            });
        if let Some(path) = around.and_then(|value| path_of(value, &problem.path, key)) {
            problem.path = path;
        }
    }
    problem.line = document.line(&problem.path);
    problem
}

fn path_of(value: &Value, path: &str, key: &str) -> Option<String> {
    let fields = value.as_object()?;
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if fields.contains_key(key) {
        return Some(below(key));
    }
    fields.iter().find_map(|(name, field)| path_of(field, &below(name), key))
}

/// Read a value as a type; the path is what a problem is named by.
fn typed<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, Problem> {
    T::deserialize(value).map_err(|error| Problem::at(path, error.to_string()))
}

/// Whether any text below speaks of a variable.
fn speaks_of(value: &Value, name: &str) -> bool {
    const CODE: [&str; 6] = ["if", "while", "check", "when", "switch", "each"];
    match value {
        Value::String(text) => expr::mentions(text, name, false),
        Value::Array(items) => items.iter().any(|item| speaks_of(item, name)),
        Value::Object(fields) => fields.iter().any(|(key, field)| match field {
            Value::String(text) if CODE.contains(&key.as_str()) => expr::mentions(text, name, true),
            other => key.starts_with(&format!("{name}.vars.")) || speaks_of(other, name),
        }),
        _ => false,
    }
}

/// Puts steps in a row. Those of a sequence are built from the last to the first, so that each knows
/// what follows.
struct Builder {
    nodes: Vec<Option<Node>>,
    closed: Option<Closed>,
}

impl Builder {
    fn finish(self) -> Result<Vec<Node>, Problem> {
        let nodes: Vec<Node> = self.nodes.into_iter().flatten().collect();
        let mut seen = std::collections::BTreeSet::new();
        match nodes.iter().find(|node| !seen.insert(node.id.as_str())) {
            Some(twice) => Err(Problem::at(
                "",
                format!("two steps have the id {:?}: give each its own", twice.id),
            )),
            None => Ok(nodes),
        }
    }

    fn sequence(&mut self, steps: &[Value], path: &str, after: Next) -> Result<Next, Problem> {
        let mut next = after;
        for (index, raw) in steps.iter().enumerate().rev() {
            next = self.step(raw, &format!("{path}[{index}]"), next)?;
        }
        Ok(next)
    }

    fn branch(
        &mut self,
        steps: Option<&Vec<Value>>,
        path: &str,
        key: &str,
        after: Next,
    ) -> Result<Option<Next>, Problem> {
        steps.map(|steps| self.sequence(steps, &format!("{path}.{key}"), after)).transpose()
    }

    fn step(&mut self, raw: &Value, path: &str, next: Next) -> Result<Next, Problem> {
        let step: Step = typed(raw, path)?;
        let id = step.id.clone().unwrap_or_else(|| path.to_owned());
        let place = self.nodes.len();
        self.nodes.push(None);
        let action = self.action(step, path, place, next)?;
        self.nodes[place] = Some(Node { id, path: path.to_owned(), action, next });
        Ok(Next::Step(place))
    }

    fn action(
        &mut self,
        step: Step,
        path: &str,
        place: usize,
        next: Next,
    ) -> Result<Action, Problem> {
        one_verb(&step, path)?;
        let strings = |it: OneOrMore| it.all();
        if let Some(reply) = step.reply {
            let mut reply = reply.0;
            reply.closed = reply.closed.or_else(|| self.closed.clone());
            return Ok(Action::Reply(Box::new(reply)));
        }
        if let Some(ask) = step.ask {
            return self.ask(Question::of_ask(ask.0), path, "ask", next);
        }
        if let Some(buttons) = step.buttons {
            return self.ask(Question::of_buttons(buttons), path, "buttons", next);
        }
        if let Some(list) = step.list {
            return self.ask(Question::of_list(list), path, "list", next);
        }
        if let Some(condition) = step.r#if {
            let then = self.branch(step.then.as_ref(), path, "then", next)?.unwrap_or(next);
            let otherwise = self.branch(step.r#else.as_ref(), path, "else", next)?.unwrap_or(next);
            return Ok(Action::If { condition: condition.text().to_owned(), then, otherwise });
        }
        if let Some(on) = step.switch {
            let mut cases = BTreeMap::new();
            for (case, steps) in step.cases.iter().flatten() {
                cases.insert(
                    case.clone(),
                    self.sequence(steps, &format!("{path}.cases.{case}"), next)?,
                );
            }
            let default =
                self.branch(step.default.as_ref(), path, "default", next)?.unwrap_or(next);
            return Ok(Action::Switch { on: on.text().to_owned(), cases, default });
        }
        if let Some(of) = step.r#loop {
            let body = self.sequence(&of.r#do, &format!("{path}.loop.do"), Next::Step(place))?;
            return Ok(Action::Loop { of: Box::new(of), body });
        }
        if let Some(http) = step.http {
            let error =
                self.branch(http.on_error.as_ref(), &format!("{path}.http"), "on_error", next)?;
            return Ok(Action::Http(Box::new(http), error));
        }
        let simple = [
            step.set.map(Action::Set),
            step.tag.map(|tags| Action::Tag(pairs(tags))),
            step.untag.map(|tags| Action::Untag(strings(tags))),
            step.name.map(Action::Name),
            step.template.map(|template| Action::Template(template.0)),
            step.wait.map(|wait| Action::Wait(wait.0)),
            step.call.map(Action::Call),
            step.hand_over.map(Action::HandOver),
            step.note.map(Action::Note),
            step.emit.map(|emit| Action::Emit(emit.0)),
            step.log.map(Action::Log),
            step.stop.map(|stop| Action::Stop(reason(stop))),
            step.opt_in.map(Action::OptIn),
            step.opt_out.map(Action::OptOut),
        ];
        simple.into_iter().flatten().next().ok_or_else(|| Problem::at(path, NO_VERB))
    }

    fn ask(
        &mut self,
        mut question: Question,
        path: &str,
        word: &str,
        next: Next,
    ) -> Result<Action, Problem> {
        question.closed = question.closed.or_else(|| self.closed.clone());
        let path = format!("{path}.{word}");
        let handling = question.handling.clone();
        let failed = self.branch(handling.failed.as_ref(), &path, "failed", next)?;
        let timeout = self.branch(handling.on_timeout.as_ref(), &path, "on_timeout", next)?;
        Ok(Action::Ask(Box::new(question), Branches { failed, timeout }))
    }
}

const NO_VERB: &str = "a step does one thing: reply, ask, buttons, list, if, switch, set, tag, untag, name, template, http, wait, loop, call, hand_over, note, emit, log, stop, opt_in or opt_out";

/// Exactly one key says what a step does, and the others belong to it.
fn one_verb(step: &Step, path: &str) -> Result<(), Problem> {
    let verbs = [
        step.reply.is_some(),
        step.ask.is_some(),
        step.buttons.is_some(),
        step.list.is_some(),
        step.r#if.is_some(),
        step.switch.is_some(),
        step.set.is_some(),
        step.tag.is_some(),
        step.untag.is_some(),
        step.name.is_some(),
        step.template.is_some(),
        step.http.is_some(),
        step.wait.is_some(),
        step.r#loop.is_some(),
        step.call.is_some(),
        step.hand_over.is_some(),
        step.note.is_some(),
        step.emit.is_some(),
        step.log.is_some(),
        step.stop.is_some(),
        step.opt_in.is_some(),
        step.opt_out.is_some(),
    ];
    if verbs.into_iter().filter(|there| *there).count() != 1 {
        return Err(Problem::at(path, NO_VERB));
    }
    if step.r#if.is_none() && (step.then.is_some() || step.r#else.is_some()) {
        return Err(Problem::at(path, "`then` and `else` belong to `if`"));
    }
    if step.switch.is_none() && (step.cases.is_some() || step.default.is_some()) {
        return Err(Problem::at(path, "`cases` and `default` belong to `switch`"));
    }
    Ok(())
}

fn pairs(tags: Tags) -> Vec<(String, Value)> {
    match tags {
        Tags::Names(names) => {
            names.all().into_iter().map(|name| (name, Value::String(String::new()))).collect()
        }
        Tags::Values(values) => values.into_iter().collect(),
    }
}

fn reason(stop: Stop) -> String {
    match stop {
        Stop::Plain(_) => String::new(),
        Stop::Because(reason) => reason,
    }
}
