//! End-to-end tests: the whole host on a free port, real plugins, both databases. One file a subject.
//!
//! `cargo xtask test` builds and starts what they need; a part of them: `cargo xtask test outbox`.

#[macro_use]
mod support;

mod accounts;
mod billing;
mod chain;
mod conversations;
mod crash;
mod departments;
mod effects;
mod history;
mod hostile;
mod hotswap;
mod intake;
mod nodes;
mod notify;
mod order;
mod outbox;
mod path;
mod phone;
mod quota;
mod state;
mod store;
mod surface;
mod teams;
mod tidy;
mod timers;
mod webhooks;
