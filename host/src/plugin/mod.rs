//! The only code that knows wasmtime: load a plugin, call it, and bring home what it wants done.
//!
//! `flow` gives a [`Call`], gets an [`Outcome`], and decides what becomes of it; nothing here
//! writes to the store. What a plugin reads, it reads through [`Host`], which `flow` implements.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use crate::model::{
    Chat, Contact, Effect, Event, FaultClass, Message, Millis, Scope, StoredFile, Template,
    TemplateStatus, TimerSpec, trace,
};

/// What a plugin's call may read. Every method is bounded to the call's team.
#[async_trait]
pub trait Host: Send + Sync {
    async fn state(
        &self,
        install_id: &str,
        scope: &Scope,
        key: &str,
    ) -> anyhow::Result<Option<StateEntry>>;
    /// Entries whose key begins with `prefix` and sorts after `after`, in order of key.
    async fn state_list(
        &self,
        install_id: &str,
        scope: &Scope,
        prefix: &str,
        after: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<StateEntry>>;
    async fn timers(&self, install_id: &str, scope: &Scope) -> anyhow::Result<Vec<TimerSpec>>;
    async fn contact(&self, team_id: &str, contact_id: &str) -> anyhow::Result<Option<Contact>>;
    async fn chat(&self, team_id: &str, chat_id: &str) -> anyhow::Result<Option<Chat>>;
    async fn message(&self, team_id: &str, message_id: &str) -> anyhow::Result<Option<Message>>;
    /// Newest first; older than message `before` where it is not empty.
    async fn history(
        &self,
        team_id: &str,
        chat_id: &str,
        before: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<Message>>;
    /// Until when any message may be sent in a chat: 0 where only templates may, [`Millis::MAX`]
    /// where its account has no window to keep.
    async fn window_until(&self, chat: &Chat) -> anyhow::Result<Millis>;
    /// Templates that messages of an account may use (empty: of the team's own alone), of this status
    /// (`None`: any), after the one with id `after`, in order of id.
    async fn templates(
        &self,
        team_id: &str,
        account_id: &str,
        status: Option<TemplateStatus>,
        after: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<Template>>;
    /// The one of them that a message with this name and language means.
    async fn template(
        &self,
        team_id: &str,
        account_id: &str,
        name: &str,
        language: &str,
    ) -> anyhow::Result<Option<Template>>;
    async fn file(&self, team_id: &str, file_id: &str) -> anyhow::Result<Option<StoredFile>>;
    /// Bytes of a file from one place up to before another, which it has; `None` where it is gone.
    async fn file_bytes(
        &self,
        team_id: &str,
        file_id: &str,
        range: std::ops::Range<u64>,
    ) -> anyhow::Result<Option<Vec<u8>>>;
    /// Write the bytes of a new file. It is there for the team once [`Effect::KeepFile`] is written.
    async fn write_file(
        &self,
        team_id: &str,
        file: NewFile,
    ) -> anyhow::Result<Result<StoredFile, Refusal>>;
    /// How much more an install may keep of one kind of thing.
    async fn room(&self, _install_id: &str, _of: Holding) -> anyhow::Result<Room> {
        Ok(Room::default())
    }
    /// The opened secret.
    async fn secret(&self, install_id: &str, name: &str) -> anyhow::Result<Option<String>>;
}

/// What an install keeps, which is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holding {
    State,
    Timers,
}

/// How much more may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Keys or timers.
    pub count: i64,
    /// Of keys and values; without bound for timers.
    pub bytes: i64,
}

impl Default for Room {
    /// Without bounds.
    fn default() -> Self {
        Self { count: i64::MAX, bytes: i64::MAX }
    }
}

/// A file that a plugin made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFile {
    /// Its id, made by the call.
    pub id: String,
    pub mime_type: String,
    pub filename: String,
    pub bytes: Bytes,
}

/// Why what a plugin asks for cannot be.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
}

/// A key as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct StateEntry {
    pub key: String,
    pub value: String,
    /// Changes with every write.
    pub version: i64,
    pub expires_at: Option<Millis>,
}

/// What an installer agreed to and set for one plugin on one team: enough to run it.
#[derive(Clone, Debug)]
pub struct Install {
    pub id: String,
    pub team_id: String,
    pub plugin: String,
    /// Content hash of the version's bytes: the name of its artefact.
    pub hash: String,
    /// Counts every change of version or configuration.
    pub generation: i64,
    /// The version's manifest.
    pub manifest: Arc<manifest::Manifest>,
    pub config: Value,
    /// What the installer granted, a subset of what the manifest asks.
    pub grants: Grants,
    /// The accounts that it serves; empty: all of the team.
    pub accounts: Vec<String>,
}

/// One call to make.
#[derive(Clone)]
pub struct Call {
    pub install: Arc<Install>,
    pub event: Arc<Event>,
    pub input: Input,
    /// 1 at the first attempt.
    pub attempt: u32,
    /// The job that it is for, by which its attempts are known apart from those of another.
    pub job: String,
    pub host: Arc<dyn Host>,
}

impl Call {
    /// The span of this call.
    pub fn span(&self) -> u64 {
        trace::job_span(&self.job, &self.install.id, self.attempt.into())
    }
}

/// Which handler is called, and with what beyond the event.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Message(Box<Message>),
    /// The word of the status is `status` in the event's data.
    Status,
    Account,
    Timer {
        name: String,
        payload: String,
    },
    Event,
    Webhook {
        method: String,
        path: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
}

/// A webhook's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What came of a call.
#[derive(Debug)]
pub struct Outcome {
    pub verdict: Verdict,
    /// In the order of the calls; empty unless the verdict is [`Verdict::Done`].
    pub effects: Vec<Effect>,
    /// The state keys that it read, with the version seen (`None`: absent), for the check at commit.
    pub reads: Vec<StateRead>,
    /// Kept whatever the verdict.
    pub logs: Vec<LogLine>,
    /// The ids of files whose bytes it wrote, whatever the verdict. (One that it was cut off at is not
    /// among them: its bytes may still be on their way.)
    pub files: Vec<String>,
    /// Its HTTP requests, whatever the verdict.
    pub requests: Vec<Exchange>,
    pub usage: Usage,
}

/// An HTTP request that a call made, without what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The span that its receiver was told.
    pub span: u64,
    pub method: String,
    pub host: String,
    /// Microseconds from the beginning of the call.
    pub after_micros: u64,
    pub micros: u64,
    /// The status of the answer; 0 where none came.
    pub status: u16,
    /// Why none came; empty where one did.
    pub code: &'static str,
}

#[derive(Debug)]
pub enum Verdict {
    /// It ended well. `stop`: the plugins after it do not see the event.
    Done { stop: bool, reply: Option<Reply> },
    /// It asked to be called again after so many milliseconds.
    RetryAfter(Millis),
    /// It gave the event up: straight to the dead letters.
    Rejected(String),
    /// It failed; try again by the rules.
    Failed(Fault),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub class: FaultClass,
    /// One plain sentence for the plugin's team.
    pub reason: String,
    /// Of a trap, with function names, or the stack that the language wrote of an error; else empty.
    pub backtrace: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StateRead {
    pub scope: Scope,
    pub key: String,
    pub version: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    pub at: Millis,
    pub level: &'static str,
    pub message: String,
}

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// When it began, by the clock of the house; 0 for a call that never did.
    pub at: Millis,
    pub wall_micros: u64,
    /// While it computed, and not while it waited.
    pub cpu_micros: u64,
    pub memory_bytes: u64,
    pub http_calls: u32,
    pub logs_dropped: u32,
}

pub use error::PluginError;
pub use imports::check_event_name;
pub use inspect::Inspection;
/// The permissions that an installer granted. Everything not here is denied.
pub use manifest::Grants;
pub use prepare::{Nobody, Prepared};
pub use runtime::Runtime;
pub use wrap::Bare;

pub mod cron;
pub mod manifest;

mod artefact;
mod bindings;
mod cache;
mod engine;
mod engine_text;
mod error;
mod fault;
mod gate;
mod imports;
mod incoming;
mod inspect;
mod invoke;
mod limiter;
mod logs;
mod prepare;
mod run;
mod runtime;
mod script;
mod slice;
mod state;
mod turns;
mod wasi;
mod wrap;

#[cfg(test)]
mod tests;
