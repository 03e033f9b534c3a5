//! Write Switchboard plugins in Rust.
//!
//! ```
//! use switchboard_sdk::prelude::*;
//!
//! switchboard_sdk::plugin!(message = on_message);
//!
//! fn on_message(event: Message) -> Result<()> {
//!     reply(&event, format!("You said: {}", event.text))?;
//!     Ok(())
//! }
//! ```
//!
//! Whatever a handler does (send, schedule, set a timer, write state) happens when it has returned
//! `Ok`, all together; after an error or a panic nothing of it happened, and the event is tried again.
//! A plugin may call what its `plugin.toml` asks for under `[permissions]`; anything else answers an
//! [`Error`] whose message names the line to add.

#[doc(hidden)]
pub mod bindings;
pub mod chats;
pub mod config;
pub mod contacts;
pub mod delivery;
mod event;
pub mod events;
mod handler;
pub mod http;
pub mod log;
pub mod media;
pub mod messaging;
pub mod secrets;
pub mod state;
pub mod templates;
pub mod timers;
pub mod words;

pub use bindings::base::switchboard::plugin::types::{
    Error, Event, Message, Timer, Webhook, WebhookReply,
};
pub use config::{config, source};
#[doc(hidden)]
pub use handler::run;
pub use messaging::{buttons, list, reply, send, send_after, text, typing};
pub use serde;
pub use serde_json;

/// What a handler fails with: a refusal of the host ([`Error`]), any other error, or a plain text.
///
/// `?` makes one of any of them; `Err("no order number")?` too.
pub type Failure = Box<dyn std::error::Error>;

/// The result of a handler: `Result<()>`.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// All that a plugin usually needs: `use switchboard_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Error, Event, Failure, Message, Result, Timer, Webhook, WebhookReply, buttons, chats,
        config, contacts, debug, delivery, error, events, http, info, list, media, messaging,
        reply, secrets, send, send_after, state, templates, text, timers, typing, warn, words,
    };
    pub use std::time::Duration;
}
