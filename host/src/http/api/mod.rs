//! The native API, one file per resource: `/api/v1/…`.

pub mod accounts;
pub mod apps;
pub mod billing;
pub mod bulk;
pub mod business_accounts;
pub mod chats;
pub mod contacts;
pub mod dead_letters;
pub mod departments;
pub mod endpoints;
pub mod events;
mod groups;
pub mod keys;
pub mod logs;
pub mod me;
pub mod media;
pub mod messages;
pub mod plugins;
pub mod queue;
pub mod team;
pub mod templates;
pub mod traces;
pub mod users;
