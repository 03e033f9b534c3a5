//! The vocabulary: plain data that every part of the house speaks. No I/O, no clock, no SQL.

mod access;
mod account;
mod card;
mod content;
mod effect;
mod event;
mod interactive;
mod queue;
mod words;

pub use access::{ApiScope, Role, scope_words, scopes_as_text, scopes_from_text};
pub use account::{Account, AccountSettings};
pub use card::Card;
pub use content::{Content, ContentError, Location, Media, Reaction};
pub use effect::{Effect, Recipient, Scope, SendOptions, TimerSpec};
pub use event::{Event, EventKind, Inbound, InboundMessage, InboundStatus, MAX_DEPTH};
pub use interactive::{Button, Interactive, Reply, Row, Section};
pub use queue::{QuietHours, WarmUp, minute_of_day};
pub use words::{
    AccountState, ChannelType, Direction, FaultClass, InstallState, JobKind, OptIn, PayloadFormat,
    ResendState, Status,
};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the Unix epoch. Only [`crate::clock`] knows the present one.
pub type Millis = i64;

/// One person, whatever number or alias they write from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub id: String,
    pub team_id: String,
    pub name: String,
    pub phone: String,
    pub opt_in: OptIn,
    /// Tag and value, sorted by tag.
    pub tags: Vec<(String, String)>,
    pub first_seen_at: Millis,
    pub last_seen_at: Millis,
}

/// One account's conversation with one contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    pub id: String,
    pub team_id: String,
    pub account_id: String,
    pub contact_id: String,
    pub unread: i64,
    /// Empty: plugins answer. Otherwise the human who does, or `human` when nobody is named yet.
    pub assigned: String,
    pub last_message_at: Millis,
    /// The last message from the customer, which opens the window of 24 hours; 0: none yet.
    pub last_inbound_at: Millis,
}

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
}
