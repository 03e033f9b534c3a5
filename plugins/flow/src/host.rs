//! The host's side of a run: one chat, by the calls of the SDK.

use std::time::Duration;

use serde_json::{Map, Value, json};
use switchboard_sdk::messaging::{self, Draft};
use switchboard_sdk::prelude::*;

use crate::program::Program;
use crate::run::Run;
use crate::world::{Act, Outgoing, Refusal, Request, Response, World};

/// The key of a chat's state that holds its run, as JSON that people can read.
const RUN: &str = "run";
/// The key of lasting variables.
const VARS: &str = "vars";
/// The timer of a run that waits.
pub const TIMER: &str = "run";

/// The chat that this event belongs to.
pub struct Chat<'a> {
    chat: &'a str,
    contact: &'a str,
    /// A run is stored.
    stored: bool,
}

impl<'a> Chat<'a> {
    pub fn new(chat: &'a str, contact: &'a str) -> Self {
        Self { chat, contact, stored: false }
    }

    /// The run that waits here.
    pub fn run(&mut self, program: &Program) -> Result<Option<Run>> {
        if !program.waits() {
            return Ok(None);
        }
        let Some(text) = state::chat().get_text(RUN)? else { return Ok(None) };
        self.stored = true;
        match serde_json::from_str(&text) {
            Ok(run) => Ok(Some(run)),
            Err(error) => {
                warn!("the run that waited here cannot be read, and ends: {error}");
                Ok(None)
            }
        }
    }

    /// Keep where the run waits, or that there is none.
    pub fn store(&mut self, run: Option<&Run>) -> Result<()> {
        match run {
            Some(run) => state::chat().set(RUN, run)?,
            None if self.stored => state::chat().delete(RUN)?,
            None => {}
        }
        Ok(())
    }

    fn do_it(&self, act: Act) -> Result<(), Error> {
        match act {
            Act::Send { message, typing } => {
                let draft = draft(message);
                let draft = if typing { draft.typing() } else { draft };
                draft.send(self.chat).map(|_| ())
            }
            Act::Note(text) => messaging::note(self.chat, &text).map(|_| ()),
            Act::Tag(tag, value) => contacts::tag(self.contact, &tag, &value),
            Act::Untag(tag) => contacts::untag(self.contact, &tag),
            Act::Name(name) => contacts::set_name(self.contact, &name),
            Act::OptIn(reason) => contacts::opt_in(self.contact, &reason),
            Act::OptOut(reason) => contacts::opt_out(self.contact, &reason),
            Act::HandOver(reason) => chats::hand_over(self.chat, &reason),
            Act::Emit(name, data) => events::emit(&name, &data).map(|_| ()),
            Act::Wake(at, payload) => {
                timers::chat().at(TIMER, u64::try_from(at).unwrap_or_default(), &payload)
            }
            Act::Sleep => timers::chat().cancel(TIMER),
            Act::Log(level, line) => {
                switchboard_sdk::log::write(level, &line);
                Ok(())
            }
        }
    }
}

impl World for Chat<'_> {
    fn now(&self) -> i64 {
        i64::try_from(delivery::now()).unwrap_or(i64::MAX)
    }

    fn config(&self) -> Value {
        config().unwrap_or_default()
    }

    fn act(&mut self, act: Act) -> Result<(), Refusal> {
        self.do_it(act).map_err(refusal)
    }

    fn contact(&mut self) -> Result<Value, Refusal> {
        let contact = contacts::get(self.contact).map_err(refusal)?;
        let tags: Map<String, Value> =
            contact.tags.into_iter().map(|(tag, value)| (tag, Value::String(value))).collect();
        Ok(json!({
            "id": contact.id, "name": contact.name, "phone": contact.phone, "opt_in": contact.opt_in, "tags": tags,
        }))
    }

    fn chat(&mut self) -> Result<Value, Refusal> {
        let chat = chats::get(self.chat).map_err(refusal)?;
        let until = i64::try_from(chat.window_until).unwrap_or(i64::MAX);
        Ok(
            json!({ "id": chat.id, "account": chat.account, "assigned": chat.assigned, "window_until": until }),
        )
    }

    fn kept(&mut self, scope: &str) -> Result<Map<String, Value>, Refusal> {
        Ok(scoped(scope).get(VARS).map_err(refusal)?.unwrap_or_default())
    }

    fn keep(&mut self, scope: &str, vars: &Map<String, Value>) -> Result<(), Refusal> {
        scoped(scope).set(VARS, vars).map_err(refusal)
    }

    fn secret(&mut self, name: &str) -> Result<String, Refusal> {
        secrets::placeholder(name).map_err(refusal)
    }

    fn http(&mut self, request: Request) -> Result<Response, Refusal> {
        let mut call = http::request(&request.method, request.url).body(request.body);
        for (name, value) in request.headers {
            call = call.header(name, value);
        }
        if let Some(timeout) = request.timeout {
            call = call.timeout(Duration::from_millis(u64::try_from(timeout).unwrap_or_default()));
        }
        let answer = call.send().map_err(refusal)?;
        Ok(Response { status: answer.status, body: answer.text() })
    }
}

fn scoped(scope: &str) -> state::State {
    if scope == "contact" { state::contact() } else { state::chat() }
}

fn draft(message: Outgoing) -> Draft {
    match message {
        Outgoing::Text(text) => messaging::text(text),
        Outgoing::Image(media, caption) => messaging::image(media, caption),
        Outgoing::Video(media, caption) => messaging::video(media, caption),
        Outgoing::Document { media, filename, caption } => {
            messaging::document(media, filename, caption)
        }
        Outgoing::Audio(media) => messaging::audio(media),
        Outgoing::Buttons(text, options) => messaging::buttons(text, options),
        Outgoing::List(text, button, rows) => messaging::list(text, button, rows),
        Outgoing::Template { name, language, values } => {
            let template = templates::template(name, language);
            values
                .into_iter()
                .fold(template, |template, (name, value)| template.value(name, value))
                .draft()
        }
    }
}

fn refusal(error: Error) -> Refusal {
    Refusal { code: error.code, message: error.message }
}
