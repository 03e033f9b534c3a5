//! Runs conversations written as data. The text of a flow stands in the plugin's file beside this
//! code; here are the handlers that bring events to it, and the host that its steps work on.

mod answer;
mod check;
mod expr;
mod format;
mod host;
mod machine;
mod manifest;
mod program;
mod run;
mod start;
mod steps;
mod times;
mod world;
mod yaml;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use switchboard_sdk::prelude::*;
use switchboard_sdk::source;

use host::Chat;
use machine::{Failure, Machine};
use program::{Next, Program};
use run::{Run, Waits};
use start::Start;
use yaml::Document;

switchboard_sdk::plugin!(
    message = on_message,
    status = on_status,
    account = on_event,
    event = on_event,
    timer = on_timer,
    webhook = on_webhook,
);

/// The engine as the host sees it: it makes a manifest of a flow's text.
#[cfg(target_family = "wasm")]
mod engine {
    wit_bindgen::generate!({ world: "engine-plugin", path: "../../wit" });

    struct Engine;

    impl exports::switchboard::plugin::engine::Guest for Engine {
        fn manifest(source: String) -> Result<String, String> {
            super::manifest_of(&source)
        }
    }

    export!(Engine);
}

/// The manifest of a flow, or all that is wrong with it, a line each.
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "exported from the component"))]
fn manifest_of(source: &str) -> Result<String, String> {
    let document = Document::parse(source).map_err(|problem| problem.to_string())?;
    let program = Program::read(&document).map_err(|problem| problem.to_string())?;
    let problems: Vec<String> =
        check::problems(&document, &program).iter().map(ToString::to_string).collect();
    if problems.is_empty() { Ok(manifest::written(&program)) } else { Err(problems.join("\n")) }
}

/// The flow that this plugin is.
fn load() -> Result<Program> {
    let text = source();
    if text.is_empty() {
        return Err("this is the engine alone: give `switchboard` a flow's file instead".into());
    }
    let document = Document::parse(&text).map_err(|problem| problem.to_string())?;
    Program::read(&document).map_err(|problem| problem.to_string().into())
}

fn on_message(event: Message) -> Result<()> {
    let program = load()?;
    let mut chat = Chat::new(&event.chat, &event.contact);
    let message = json!({
        "id": event.message_id, "text": event.text, "kind": event.kind, "time": event.time,
        "choice": event.choice(), "file": event.file(),
    });
    let run = chat.run(&program)?;
    let begins = || start::by_message(&program, &event, &message);
    let ended = match run {
        Some(run) => {
            let flow = &program.flow;
            let cancels = |words: &[String]| words::is_any(&event.text, words);
            if let Some(cancel) = flow.cancel.as_ref().filter(|cancel| cancels(&cancel.words)) {
                Machine::new(&program, &mut chat, run).and_then(|it| it.cancel(&cancel.reply))
            } else if let Some(start) = if flow.restart { begins()? } else { None } {
                begin(&program, &mut chat, Some(&run), &event.id, start, message)
            } else if run.waits == Waits::ForAnswer {
                Machine::new(&program, &mut chat, run).and_then(|it| it.answer(message))
            } else {
                return Ok(());
            }
        }
        None => match begins()? {
            Some(start) => begin(&program, &mut chat, None, &event.id, start, message),
            None => return Ok(()),
        },
    };
    settle(&mut chat, ended)?;
    if !program.flow.pass {
        delivery::stop();
    }
    Ok(())
}

fn on_status(event: Event) -> Result<()> {
    let program = load()?;
    let variables = start::of_event(&event);
    match start::matching(&program, &variables, |trigger| {
        start::has(trigger.status.as_ref(), &event.kind)
    })? {
        Some(start) => begin_here(&program, &event.chat, &event.contact, &event.id, start),
        None => Ok(()),
    }
}

/// News of accounts and contacts, and events by name.
fn on_event(event: Event) -> Result<()> {
    let program = load()?;
    let variables = start::of_event(&event);
    let named = |trigger: &format::Trigger| {
        start::has(trigger.account.as_ref(), &event.kind)
            || start::has(trigger.event.as_ref(), &event.kind)
    };
    let Some(start) = start::matching(&program, &variables, named)? else { return Ok(()) };
    let here = start.to.as_ref().is_none_or(|to| to.trim().is_empty());
    if here && !event.chat.is_empty() {
        return begin_here(&program, &event.chat, &event.contact, &event.id, start);
    }
    let to = match &start.to {
        Some(to) if !here => to.clone(),
        _ if !event.contact.is_empty() => contacts::get(&event.contact)?.phone,
        _ => String::new(),
    };
    start::far(&to, &event.id, &start).map(|_| ())
}

fn on_webhook(request: Webhook) -> Result<WebhookReply> {
    let program = load()?;
    let path = request.path.split('?').next().unwrap_or_default();
    let variables = start::of_webhook(&request);
    let here =
        |trigger: &format::Trigger| trigger.webhook.as_ref().is_some_and(|it| it.path == path);
    let Some(start) = start::matching(&program, &variables, here)? else {
        return Ok(WebhookReply::text(200, "nothing begins by this"));
    };
    let to = start.to.clone().unwrap_or_default();
    Ok(if start::far(&to, &request.id, &start)? {
        WebhookReply::text(202, "accepted")
    } else {
        WebhookReply::text(422, "it names nobody to write to")
    })
}

fn on_timer(timer: Timer) -> Result<()> {
    let program = load()?;
    if timer.chat.is_empty() {
        let variables = Map::new();
        let name = |index| timer.name == manifest::schedule_name(index);
        let index = (0..program.triggers.len()).find(|index| name(*index));
        let Some(start) =
            index.map(|index| start::of(&program, index, &variables)).transpose()?.flatten()
        else {
            return Ok(());
        };
        return start::far(start.to.as_deref().unwrap_or_default(), &timer.id, &start).map(|_| ());
    }
    if timer.name != host::TIMER {
        let start: Start = timer.payload()?;
        return begin_here(&program, &timer.chat, &timer.contact, &timer.id, start);
    }
    let mut chat = Chat::new(&timer.chat, &timer.contact);
    match chat.run(&program)? {
        Some(run) if run.ticket() == timer.payload => {
            let ended = Machine::new(&program, &mut chat, run).and_then(Machine::due);
            settle(&mut chat, ended)
        }
        // What it was set for is over.
        _ => Ok(()),
    }
}

/// Begin in the chat of this event, unless a run is there that goes on.
fn begin_here(
    program: &Program,
    chat: &str,
    contact: &str,
    event: &str,
    start: Start,
) -> Result<()> {
    let mut chat = Chat::new(chat, contact);
    let run = chat.run(program)?;
    if run.is_some() && !program.flow.restart {
        debug!("a run is under way in this chat: {event} begins none");
        return Ok(());
    }
    let ended = begin(program, &mut chat, run.as_ref(), event, start, Value::Null);
    settle(&mut chat, ended)
}

/// A new run, in the place of one that may be there.
fn begin(
    program: &Program,
    chat: &mut Chat,
    before: Option<&Run>,
    event: &str,
    start: Start,
    message: Value,
) -> Result<Option<Run>, Failure> {
    let entry = match &start.begin {
        Some(name) => program.sequences.get(name).copied().unwrap_or(Next::Return),
        None => program.start,
    };
    // A timer that the run before has set is this one's to cancel.
    let until = before.map(|run| run.until.clone()).unwrap_or_default();
    let run =
        Run { id: event.to_owned(), start: start.variables, message, until, ..Run::default() };
    Machine::new(program, chat, run)?.begin(entry)
}

/// Keep where the run waits now, or fail.
fn settle(chat: &mut Chat, ended: Result<Option<Run>, Failure>) -> Result<()> {
    match ended {
        Ok(run) => chat.store(run.as_ref()),
        Err(failure) => {
            if failure.is_final() {
                delivery::reject(&failure.to_string());
            }
            Err(failure.to_string().into())
        }
    }
}
