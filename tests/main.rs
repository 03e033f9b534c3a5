//! End-to-end tests: the whole host on a free port, real plugins, both databases. One file a subject.
//!
//! `cargo xtask test` builds and starts what they need; a part of them: `cargo xtask test outbox`.

#[macro_use]
mod support;

mod accounts;
mod bad_input;
mod billing;
mod bucket;
mod builds;
mod bulk;
mod chain;
mod commands;
mod contract;
mod conversations;
mod crash;
mod departments;
mod devloop;
mod effects;
mod endpoints;
mod errors;
mod exchange;
mod files;
mod fire;
mod flows;
mod forgetting;
mod fuzz;
mod history;
mod hostile;
mod hotswap;
mod identity;
mod intake;
mod keys;
mod languages;
mod media;
mod members;
mod merges;
mod messages;
mod nodes;
mod notify;
mod openapi;
mod order;
mod outbox;
mod path;
mod people;
mod phone;
mod queue;
mod quota;
mod reference;
mod refusals;
mod scopes;
mod scripts;
mod standard;
mod state;
mod store;
mod stream;
mod surface;
mod teams;
mod templates;
mod tidy;
mod timers;
mod triggers;
mod verified;
mod versions;
mod webhooks;
