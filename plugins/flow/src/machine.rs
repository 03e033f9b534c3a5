//! Runs a flow: from an event to the next wait, or to the end.

use serde_json::{Map, Value, json};

use crate::answer::Given;
use crate::expr::Values;
use crate::format::Closed;
use crate::program::{Action, Branches, Next, Node, Program};
use crate::run::{Run, Waits};
use crate::times::{self, Now};
use crate::world::{Act, Outgoing, Refusal, World};

/// How many steps one call may do: what goes on longer is a loop without end.
pub const MOST_STEPS: u32 = 100;
/// How many answers a question takes where it does not say.
pub const TRIES: u32 = 3;
/// How deep sequences may call each other.
const MOST_CALLS: usize = 16;

/// Why a call failed: nothing of it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub step: String,
    pub code: String,
    pub message: String,
}

impl Failure {
    /// Whether trying again would be the same again.
    pub fn is_final(&self) -> bool {
        matches!(self.code.as_str(), "denied" | "invalid" | "not-found" | "expression" | "steps")
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "step {}: {}: {}", self.step, self.code, self.message)
    }
}

pub type Outcome<T> = Result<T, Failure>;

/// After a step.
pub(crate) enum Then {
    Go(Next),
    Wait,
    End,
}

/// One call.
pub struct Machine<'a, W> {
    pub(crate) program: &'a Program,
    pub(crate) world: &'a mut W,
    pub(crate) now: Now,
    pub(crate) run: Run,
    /// Which step is under way, for messages.
    pub(crate) at: String,
    contact: Option<Value>,
    chat: Option<Value>,
    /// Whether a timer of this run may be set.
    timed: bool,
}

impl<'a, W: World> Machine<'a, W> {
    /// # Errors
    /// Where the flow's time zone is none.
    pub fn new(program: &'a Program, world: &'a mut W, run: Run) -> Outcome<Self> {
        let now = Now::new(world.now(), &program.flow.time_zone);
        let now = now.map_err(|message| failure("", "invalid", message))?;
        let timed = !run.until.is_empty();
        Ok(Self { program, world, now, run, at: String::new(), contact: None, chat: None, timed })
    }

    /// Begin a run, and go as far as it goes; gives it where it waits.
    ///
    /// # Errors
    /// What a step failed with.
    pub fn begin(mut self, entry: Next) -> Outcome<Option<Run>> {
        self.run.version.clone_from(&self.program.flow.version);
        self.go(entry)
    }

    /// Take the customer's message as the answer that the run waits for.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn answer(mut self, message: Value) -> Outcome<Option<Run>> {
        let Some(place) = self.place(Waits::ForAnswer) else { return self.lost() };
        let Node { action: Action::Ask(question, branches), next, .. } = &self.program.nodes[place]
        else {
            return self.lost();
        };
        self.run.message = message;
        self.run.tries += 1;
        let taken = self.run.message.clone();
        let text = |name: &str| taken[name].as_str();
        let given = Given {
            text: text("text").unwrap_or_default(),
            choice: text("choice"),
            file: text("file"),
        };
        let understood = question.understand(&given, &self.now);
        let answer = match (understood, &question.check) {
            (Some(answer), Some(check)) => self.checked(answer, check)?,
            (understood, _) => understood,
        };
        match answer {
            Some(answer) => {
                self.trace("answered", &answer);
                if let Some(name) = &question.save {
                    self.run.vars.insert(name.clone(), answer);
                }
                self.go(*next)
            }
            None => self.wrong(question.handling.tries.unwrap_or(TRIES), *branches, place),
        }
    }

    /// Go on after a wait, or after a question that nobody answered in time.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn due(mut self) -> Outcome<Option<Run>> {
        self.timed = false;
        let Some(place) = self.place(self.run.waits) else { return self.lost() };
        let node = &self.program.nodes[place];
        match &node.action {
            Action::Ask(_, branches) => {
                self.trace("timed out", &Value::Null);
                match branches.timeout {
                    Some(next) => self.go(next),
                    None => self.end("nobody answered"),
                }
            }
            _ => {
                self.trace("went on", &Value::Null);
                self.go(node.next)
            }
        }
    }

    /// End the run, as the customer wants.
    ///
    /// # Errors
    /// Where the reply cannot be sent.
    pub fn cancel(mut self, reply: &str) -> Outcome<Option<Run>> {
        if !reply.is_empty() {
            let text = self.values()?.text(reply).map_err(|message| self.bad(message))?;
            self.send(Outgoing::Text(text), false)?;
        }
        self.end("cancelled by the customer")
    }

    /// The step where the run waits, if it is still there and waits so.
    fn place(&mut self, waits: Waits) -> Option<usize> {
        self.at.clone_from(&self.run.step);
        let place = self.program.find(&self.run.step)?;
        let fits = match self.program.nodes[place].action {
            Action::Ask(..) => waits == Waits::ForAnswer,
            Action::Wait(_) => waits == Waits::ForTime,
            _ => false,
        };
        (fits && self.run.waits == waits).then_some(place)
    }

    /// The flow was changed, and has not the step any more.
    fn lost(mut self) -> Outcome<Option<Run>> {
        let (step, version) = (self.run.step.clone(), self.program.flow.version.clone());
        let words = format!("the run ends: version {version} has no step {step:?} to go on from");
        self.act(Act::Log("warn", words))?;
        self.end("its step is gone")
    }

    fn checked(&mut self, answer: Value, check: &str) -> Outcome<Option<Value>> {
        let mut variables = self.variables()?;
        variables.insert("answer".to_owned(), answer.clone());
        let holds =
            Values::new(&variables, &self.now).holds(check).map_err(|message| self.bad(message))?;
        Ok(holds.then_some(answer))
    }

    fn wrong(mut self, tries: u32, branches: Branches, place: usize) -> Outcome<Option<Run>> {
        self.trace("not understood", &self.run.message["text"].clone());
        if self.run.tries >= tries {
            return match branches.failed {
                Some(next) => self.go(next),
                None => self.end("no good answer"),
            };
        }
        let Action::Ask(question, _) = &self.program.nodes[place].action else {
            return self.lost();
        };
        match &question.handling.wrong {
            Some(words) => {
                let text = self.values()?.text(words).map_err(|message| self.bad(message))?;
                self.send(Outgoing::Text(text), false)?;
            }
            None => self.put(question)?,
        }
        Ok(Some(self.run))
    }

    /// Do steps until one waits, or there are no more.
    fn go(mut self, mut next: Next) -> Outcome<Option<Run>> {
        for _ in 0..MOST_STEPS {
            let place = match next {
                Next::Step(place) => place,
                Next::Return => match self.run.calls.pop() {
                    None => return self.end("it came to its end"),
                    Some(caller) => match self.program.find(&caller) {
                        Some(place) => {
                            next = self.program.nodes[place].next;
                            continue;
                        }
                        None => {
                            self.run.step = caller;
                            return self.lost();
                        }
                    },
                },
            };
            let node = &self.program.nodes[place];
            self.at.clone_from(&node.id);
            match self.step(node)? {
                Then::Go(then) => {
                    self.trace(node.action.word(), &self.name_of(then));
                    next = then;
                }
                Then::Wait => {
                    let until = Value::String(self.run.until.clone());
                    self.trace("waits", &until);
                    return Ok(Some(self.run));
                }
                Then::End => return self.end("stopped"),
            }
        }
        let words = format!("{MOST_STEPS} steps in one call: does a loop come to no end?");
        Err(failure(&self.at, "steps", words))
    }

    fn end(mut self, why: &str) -> Outcome<Option<Run>> {
        self.trace("ended", &Value::String(why.to_owned()));
        if self.timed {
            self.act(Act::Sleep)?;
        }
        Ok(None)
    }

    /// Stand still at the step under way.
    pub(crate) fn wait(&mut self, waits: Waits, until: Option<i64>) -> Outcome<()> {
        self.run.step.clone_from(&self.at);
        self.run.version.clone_from(&self.program.flow.version);
        self.run.waits = waits;
        self.run.since = self.now.text();
        self.run.tries = 0;
        self.run.turn += 1;
        self.run.until = String::new();
        match until {
            Some(until) => {
                let moment = Now::new(until, &self.program.flow.time_zone);
                self.run.until = moment.map_err(|message| self.bad(message))?.text();
                self.timed = true;
                self.act(Act::Wake(until, self.run.ticket()))
            }
            None if std::mem::take(&mut self.timed) => self.act(Act::Sleep),
            None => Ok(()),
        }
    }

    /// Whether only templates may be sent; asked only where a step cares.
    pub(crate) fn is_closed(&mut self, closed: Option<&Closed>) -> Outcome<bool> {
        if closed.is_none() {
            return Ok(false);
        }
        let until = self.chat()?["window_until"].as_i64().unwrap_or(0);
        Ok(until <= self.now.millis())
    }

    /// The variables of texts and expressions.
    pub(crate) fn variables(&mut self) -> Outcome<Map<String, Value>> {
        let mut all = self.run.start.clone();
        all.insert("vars".to_owned(), Value::Object(self.run.vars.clone()));
        all.insert("message".to_owned(), self.run.message.clone());
        all.insert("config".to_owned(), self.world.config());
        all.insert("now".to_owned(), Value::String(self.now.text()));
        let flow = &self.program.flow;
        all.insert("flow".to_owned(), json!({ "name": flow.flow, "version": flow.version }));
        if self.program.reads_contact {
            all.insert("contact".to_owned(), self.contact()?);
        }
        if self.program.reads_chat {
            all.insert("chat".to_owned(), self.chat()?);
        }
        Ok(all)
    }

    pub(crate) fn values(&mut self) -> Outcome<Values> {
        let variables = self.variables()?;
        Ok(Values::new(&variables, &self.now))
    }

    fn contact(&mut self) -> Outcome<Value> {
        if self.contact.is_none() {
            let mut contact = self.world.contact().map_err(|refusal| self.refused(refusal))?;
            let vars = self.world.kept("contact").map_err(|refusal| self.refused(refusal))?;
            contact["vars"] = Value::Object(vars);
            self.contact = Some(contact);
        }
        Ok(self.contact.clone().unwrap_or_default())
    }

    fn chat(&mut self) -> Outcome<Value> {
        if self.chat.is_none() {
            let mut chat = self.world.chat().map_err(|refusal| self.refused(refusal))?;
            let vars = self.world.kept("chat").map_err(|refusal| self.refused(refusal))?;
            chat["vars"] = Value::Object(vars);
            chat["window_open"] =
                Value::Bool(chat["window_until"].as_i64().unwrap_or(0) > self.now.millis());
            self.chat = Some(chat);
        }
        Ok(self.chat.clone().unwrap_or_default())
    }

    /// What was read of contact and chat may have changed.
    pub(crate) fn forget(&mut self) {
        (self.contact, self.chat) = (None, None);
    }

    pub(crate) fn send(&mut self, message: Outgoing, typing: bool) -> Outcome<()> {
        self.act(Act::Send { message, typing })
    }

    pub(crate) fn act(&mut self, act: Act) -> Outcome<()> {
        self.world.act(act).map_err(|refusal| self.refused(refusal))
    }

    pub(crate) fn refused(&self, refusal: Refusal) -> Failure {
        failure(&self.at, &refusal.code, refusal.message)
    }

    /// Something in the flow's text cannot be worked out.
    pub(crate) fn bad(&self, message: String) -> Failure {
        failure(&self.at, "expression", message)
    }

    pub(crate) fn duration(&self, text: &str) -> Outcome<i64> {
        times::duration(text)
            .ok_or_else(|| self.bad(format!("{text:?} is no duration, such as `2 hours`")))
    }

    fn name_of(&self, next: Next) -> Value {
        match next {
            Next::Step(place) => Value::String(self.program.nodes[place].id.clone()),
            Next::Return => Value::Null,
        }
    }

    /// One line for whoever follows the run.
    fn trace(&mut self, did: &str, to: &Value) {
        let level = if self.program.flow.trace { "info" } else { "debug" };
        let line = json!({
            "flow": self.program.flow.flow, "run": self.run.id, "step": self.at, "did": did, "next": to,
        });
        // A line that cannot be written is no reason to fail.
        let _ = self.world.act(Act::Log(level, line.to_string()));
    }

    pub(crate) fn too_deep(&self) -> Outcome<()> {
        if self.run.calls.len() < MOST_CALLS {
            return Ok(());
        }
        Err(failure(
            &self.at,
            "steps",
            format!("sequences call each other more than {MOST_CALLS} deep"),
        ))
    }
}

pub(crate) fn failure(step: &str, code: &str, message: String) -> Failure {
    Failure { step: step.to_owned(), code: code.to_owned(), message }
}
