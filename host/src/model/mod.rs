//! The vocabulary: plain data that every part of the house speaks. No I/O, no clock, no SQL.

mod access;
mod account;
mod billing;
mod card;
mod content;
mod conversation;
mod effect;
mod event;
mod file;
mod interactive;
mod period;
mod person;
mod queue;
mod template;
pub mod trace;
mod words;

pub use access::{ApiScope, Role, scope_words, scopes_as_text, scopes_from_text};
pub use account::{Account, AccountSettings};
pub use billing::{Bracket, Money, graduated, marginal};
pub use card::Card;
pub use content::{Content, ContentError, Location, Media, Reaction};
pub use conversation::{Conversation, Opening, Tally, opening, pricing};
pub use effect::{Effect, Recipient, Scope, SendOptions, TimerSpec};
pub use event::{
    Event, EventKind, Inbound, InboundMessage, InboundStatus, MAX_DEPTH, Past, Referral,
};
pub use file::StoredFile;
pub use interactive::{Button, Interactive, Reply, Row, Section};
pub use period::{Period, month_of, parse_month};
pub use person::{Alias, AliasKind, Chat, Contact, is_phone};
pub use queue::{QuietHours, WarmUp, minute_of_day};
pub use template::{
    ButtonIndex, ButtonKind, Component, Example, HeaderFormat, Localised, NamedExample, Parameter,
    ParameterFormat, ParameterKind, Template, TemplateButton, TemplateCategory, TemplateFault,
    TemplateLanguage, TemplateMessage, TemplateStatus, TemplateValues, ValuesOf,
};
pub use trace::Trace;
pub use words::{
    AccountState, ChannelType, Direction, FaultClass, Health, InstallState, JobKind, LedgerKind,
    Missed, OptIn, Origin, PayloadFormat, Pricing, Removal, ResendState, Status, Tier,
};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the Unix epoch. Only [`crate::clock`] knows the present one.
pub type Millis = i64;

/// A message, in or out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    pub team_id: String,
    pub account_id: String,
    pub chat_id: String,
    pub contact_id: String,
    pub direction: Direction,
    pub content: Content,
    pub status: Status,
    /// The channel's id for it; empty until known.
    pub provider_id: String,
    /// Our id of the message that this one answers; empty where none.
    pub reply_to: String,
    /// When it was sent by the customer, or is to be sent by us.
    pub due_at: Millis,
    pub created_at: Millis,
    pub sent_at: Option<Millis>,
    pub error_code: String,
    pub error_message: String,
    /// It may have reached the customer twice: its first send was in doubt and it was sent again.
    pub possible_duplicate: bool,
    /// How many plugin answers lie between a customer's act and this message.
    pub depth: i64,
    /// What it came of.
    #[serde(skip)]
    pub trace: Trace,
}
