//! What a guest may call: one file for each interface of `wit/imports.wit`.

mod chats;
mod config;
mod contacts;
mod delivery;
mod events;
mod http;
mod log;
mod media;
mod messaging;
mod secrets;
mod state;
mod templates;
mod timers;

pub use events::check_event_name;
pub(super) use media::Files;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::FullPlugin;
use super::bindings::switchboard::plugin::types;
use super::run::{Halt, Run};
use super::{script, wasi};
use crate::model::Scope;

/// Everything that a guest may import. All of it is linked for every plugin: what was not granted
/// answers `denied`, because most languages import the whole world whether they use it or not.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Run>> {
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker)?;
    script::add_to_linker(&mut linker)?;
    FullPlugin::add_to_linker::<Run, HasSelf<Run>>(&mut linker, |run| run)?;
    Ok(linker)
}

impl types::Host for Run {}

impl Run {
    /// The scope that a word means for this event.
    fn scope(&self, word: &str) -> Result<Scope, Halt> {
        let event = &self.call.event;
        let (id, scope): (&String, fn(String) -> Scope) = match word {
            "plugin" => return Ok(Scope::Plugin),
            "account" => (&event.account_id, Scope::Account),
            "chat" => (&event.chat_id, Scope::Chat),
            "contact" => (&event.contact_id, Scope::Contact),
            _ => {
                return Err(Halt::invalid(format!(
                    "{word:?} is no scope: plugin, account, chat or contact"
                )));
            }
        };
        if id.is_empty() {
            return Err(Halt::invalid(format!("this event has no {word}: use the scope plugin")));
        }
        Ok(scope(id.clone()))
    }
}
