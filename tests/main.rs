//! End-to-end tests: the whole host on a free port, real plugins, both databases. One file a subject.
//!
//! `cargo xtask test` builds and starts what they need; a part of them: `cargo xtask test outbox`.

#[macro_use]
mod support;

mod bulk;
mod chain;
mod crash;
mod effects;
mod hostile;
mod hotswap;
mod intake;
mod media;
mod messages;
mod nodes;
mod notify;
mod order;
mod outbox;
mod path;
mod phone;
mod queue;
mod state;
mod store;
mod surface;
mod teams;
mod tidy;
mod timers;
mod webhooks;
