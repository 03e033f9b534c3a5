//! End-to-end tests: the whole host on a free port, real plugins, both databases. One file a subject.
//!
//! `cargo xtask test` builds and starts what they need; a part of them: `cargo xtask test outbox`.

#[macro_use]
mod support;

mod bad_input;
mod bulk;
mod chain;
mod commands;
mod crash;
mod effects;
mod endpoints;
mod errors;
mod fuzz;
mod hostile;
mod hotswap;
mod identity;
mod intake;
mod media;
mod members;
mod messages;
mod nodes;
mod notify;
mod openapi;
mod order;
mod outbox;
mod path;
mod phone;
mod queue;
mod scopes;
mod state;
mod store;
mod stream;
mod surface;
mod teams;
mod tidy;
mod timers;
mod webhooks;
