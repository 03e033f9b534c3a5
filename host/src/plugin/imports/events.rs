//! `events`: a plugin's own events.

use serde_json::Value;

use super::super::bindings::switchboard::plugin::events::Host;
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::run::{Halt, Run, answer};
use crate::model::Effect;

/// First words of the house's own events: nobody else may speak for it.
const RESERVED: [&str; 11] = [
    "account",
    "chat",
    "contact",
    "endpoint",
    "message",
    "plugin",
    "switchboard",
    "template",
    "timer",
    "usage",
    "webhook",
];

impl Host for Run {
    fn emit(&mut self, name: String, json: String) -> wasmtime::Result<Result<String, Error>> {
        answer(self.emit_event(name, &json))
    }
}

impl Run {
    fn emit_event(&mut self, name: String, json: &str) -> Result<String, Halt> {
        self.enter(name.len() + json.len())?;
        self.require("events = true", |grants| grants.events)?;
        self.check_depth()?;
        check_event_name(&name).map_err(Halt::invalid)?;
        if json.len() > self.settings.state_value {
            return Err(Halt::invalid(format!(
                "an event may have {} bytes",
                self.settings.state_value
            )));
        }
        let data: Value = serde_json::from_str(json)
            .map_err(|e| Halt::invalid(format!("the event's JSON: {e}")))?;
        if !data.is_object() {
            return Err(Halt::invalid("the event's JSON is an object"));
        }
        if json.contains("\\u0000") {
            return Err(Halt::invalid("an event cannot hold a NUL character"));
        }
        let event_id = self.clock.id("evt");
        self.push(Effect::Emit { event_id: event_id.clone(), name, data })?;
        Ok(event_id)
    }
}

/// Whether an event may have this name that is not one of the host's own.
///
/// # Errors
/// What it should be instead.
pub fn check_event_name(name: &str) -> Result<(), String> {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    if name.len() > 64 || !name.split('.').all(word) {
        return Err(format!(
            "{name:?} is no event's name: lower-case words joined by dots, such as order.placed"
        ));
    }
    let first = name.split('.').next().unwrap_or_default();
    if RESERVED.contains(&first) {
        return Err(format!(
            "events that begin with {first:?} are the host's own: choose another word"
        ));
    }
    Ok(())
}
