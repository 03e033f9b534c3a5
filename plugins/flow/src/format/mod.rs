//! A flow as it is written: the types that its text is read into, and that the JSON Schema is made of.

mod steps;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

#[cfg(test)]
use schemars::JsonSchema;

pub use steps::*;

/// A flow: what begins it, and what it does, step by step.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Its name, which is the plugin's id: 1 to 64 of a-z, 0-9 and -.
    pub flow: String,
    /// Three numbers, such as 1.2.0. Raise it with every change that goes live.
    #[serde(default = "first_version")]
    pub version: String,
    /// One sentence about what it is for.
    #[serde(default)]
    pub description: String,
    /// The clock of its dates and times: an IANA name such as Europe/Berlin.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What an installer may set: names, each with a JSON Schema (type, default, description). Read as `config.<name>`.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Secrets that an installer is asked for, for HTTP steps. Written there as `{{ secrets.<name> }}`.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// Hosts that its HTTP steps call, where the address itself is worked out. Others are found by themselves.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What begins a run.
    #[cfg_attr(test, schemars(with = "Vec<Trigger>"))]
    pub triggers: Vec<Value>,
    /// What a run does.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<Step>"))]
    pub steps: Vec<Value>,
    /// Named steps, for `call` and for triggers with `begin`.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, Vec<Step>>"))]
    pub sequences: BTreeMap<String, Vec<Value>>,
    /// A trigger during a run begins anew; otherwise the run goes on.
    #[serde(default)]
    pub restart: bool,
    /// Words by which a customer ends a run.
    #[serde(default)]
    pub cancel: Option<Cancel>,
    /// What to do where the 24-hour window of a chat is closed. Steps may say otherwise.
    #[serde(default)]
    pub closed: Option<Closed>,
    /// Let the plugins after this one see the messages that it takes too.
    #[serde(default)]
    pub pass: bool,
    /// Log every step (otherwise only at the level debug).
    #[serde(default)]
    pub trace: bool,
}

fn first_version() -> String {
    "0.1.0".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A secret for HTTP steps.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// What it is, for whoever installs the flow.
    #[serde(default)]
    pub description: String,
    /// Where it may go.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// How a customer ends a run.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Whole messages, whatever their case and punctuation.
    pub words: Vec<String>,
    /// What is answered then.
    #[serde(default)]
    pub reply: String,
}

/// What to do where the customer last wrote more than 24 hours ago, so that only templates may be sent.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// Send nothing, and go on with the next step.
    Skip,
    /// End the run.
    Stop,
    /// Send this template instead.
    Template(Short<Template>),
}

/// What begins a run: exactly one of message, keyword, status, account, event, schedule and webhook.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// A message of a customer; all that is written here must hold.
    pub message: Option<MessageFilter>,
    /// A message that is one of these words and nothing else, whatever its case, accents and punctuation.
    pub keyword: Option<OneOrMore>,
    /// What became of a message of ours: sent, delivered, read or error.
    pub status: Option<OneOrMore>,
    /// News of an account or contact: contact.opted_in, contact.opted_out, account.state, template.status.
    pub account: Option<OneOrMore>,
    /// An event by its name: contact.updated, chat.assigned, or one that a plugin emits, such as order.placed.
    pub event: Option<OneOrMore>,
    /// At times.
    pub schedule: Option<Schedule>,
    /// Somebody calls /x/<install>/<path>.
    pub webhook: Option<Webhook>,
    /// Only where this expression holds.
    pub when: Option<String>,
    /// Whom the run is with: a phone number or a chat's id. Needed where the trigger has no chat of its own.
    pub chat: Option<String>,
    /// Begin with this sequence instead of `steps`.
    pub begin: Option<String>,
}

/// Which messages.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MessageFilter {
    /// It has one of these words or phrases.
    pub text: Option<OneOrMore>,
    /// It begins with this; upper and lower case are the same.
    pub prefix: Option<String>,
    /// A regular expression that matches somewhere in it.
    pub regex: Option<String>,
    /// Kinds of messages: text, image, interactive, …
    pub types: Vec<String>,
    /// It is the first message that this customer ever wrote.
    pub first: bool,
}

/// Times, by cron.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Five to seven fields.
    pub cron: String,
    /// An IANA name; the flow's where it is absent.
    pub time_zone: Option<String>,
    /// Times that passed while it could not run: once, skip or all.
    pub missed: Option<Missed>,
}

/// What becomes of times that passed while nothing could run.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    Once,
    Skip,
    All,
}

/// An address of the flow.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// With a leading slash.
    pub path: String,
    /// How the sender signs: what is not signed so is refused. Without it whoever knows the address may call.
    pub verify: Option<Verify>,
}

/// A signature, by a secret of the flow.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// hmac-sha256, github, stripe, shopify or standard-webhooks.
    pub style: String,
    /// One of `secrets`.
    pub secret: String,
    /// The header that has it; for hmac-sha256.
    pub header: Option<String>,
    /// hex or base64; for hmac-sha256.
    pub encoding: Option<String>,
    /// What stands before it; for hmac-sha256.
    pub prefix: Option<String>,
    /// How many seconds its time may be off; for stripe and standard-webhooks.
    pub tolerance: Option<u64>,
}
