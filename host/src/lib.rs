//! Switchboard: a messaging host that runs WhatsApp accounts and WebAssembly plugins.
//!
//! The folders are the path of a message. A provider's bytes arrive in [`http`], `flow::inbound`
//! stores them with their event and job, `flow::dispatch` claims the job and calls [`plugin`],
//! `flow::effect` turns what the plugin wants into rows, `flow::outbox` hands messages to a
//! [`channel`], and `flow::notify` tells the customer's own endpoints. The stages talk through
//! committed rows only; all SQL is in [`store`].
//!
//! Direction of use: `model <- clock, config, egress <- { store | channel | plugin } <- flow <- http <- cli`.

mod app;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod config;
pub mod egress;
pub mod flow;
pub mod http;
pub mod model;
pub mod plugin;
pub mod seal;
pub mod store;

pub use app::{App, Running};
