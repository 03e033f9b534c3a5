//! The outside world of messages: one trait, and its implementations.

pub mod sandbox;

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::{
    Account, AccountState, ChannelType, Content, Inbound, Millis, Past, Template, TemplateStatus,
};

/// A kind of account: how its messages leave, and how it connects.
#[async_trait]
pub trait Channel: Send + Sync {
    /// True where sending the same [`Outgoing::id`] twice delivers once. Where it is false, a send
    /// without an answer is in doubt.
    fn deduplicates(&self) -> bool;

    /// How many messages of one account may be under way at once.
    fn in_flight(&self) -> usize {
        1
    }

    /// Hand one message over and wait for the channel's answer.
    async fn send(&self, account: &Account, message: &Outgoing) -> Result<Sent, SendError>;

    /// Show the customer a sign; lost without harm.
    async fn signal(&self, account: &Account, to: &str, signal: &Signal) -> Result<(), SendError>;

    /// Hand a template in for review, or, where it has the reviewer's id, ask what came of it.
    async fn review(&self, template: &Template) -> Result<Review, SendError> {
        let message = format!("this channel reviews no templates such as {:?}", template.name);
        Err(SendError::Fail { code: "no-templates".to_owned(), message })
    }

    /// Begin to connect. What comes of it is told through [`Intake::account_changed`].
    async fn open(&self, account: &Account);

    /// Disconnect.
    async fn close(&self, account: &Account);

    /// Forget the login, as the phone does when it is told to. Who asks stores that the account is
    /// closed.
    async fn log_out(&self, account: &Account);

    /// The text of the QR code to scan now, and until when it holds; `None` when none is pending.
    fn qr(&self, account_id: &str) -> Option<(String, Millis)>;
}

/// A message as a channel gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Our id; the same one at every attempt.
    pub id: String,
    /// The customer's phone number, E.164.
    pub to: String,
    pub content: Content,
    /// The channel's id of the message that this one answers (or reacts to); empty where none.
    pub reply_to: String,
    /// Show "typing…" for a moment before.
    pub typing: bool,
    /// A resend of a message in doubt.
    pub possible_duplicate: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    Typing,
    /// The channel's id of the last message read.
    Read(String),
}

/// What a reviewer says of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Review {
    /// Not decided: it has this id there (empty: as before), and may be asked again after so many
    /// milliseconds; absent: the reviewer tells by itself.
    Pending {
        provider_id: String,
        after: Option<Millis>,
    },
    Decided {
        status: TemplateStatus,
        reason: String,
    },
}

/// The channel took the message.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The channel's id for it.
    pub provider_id: String,
}

/// Why a message did not leave, as the outbox must act on it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SendError {
    /// Not now: try again (after so many milliseconds, where the channel says).
    #[error("{code}: {message}")]
    Retry { code: String, message: String, after: Option<Millis> },
    /// Never.
    #[error("{code}: {message}")]
    Fail { code: String, message: String },
    /// The bytes went out and no answer came: it may have arrived.
    #[error("no answer: {message}")]
    Doubt { message: String },
}

/// Where a channel hands in what it hears. The flow implements it.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Store what came in. `Ok` means committed; every item that was seen before is ignored. On
    /// `Err` nothing of it may be taken as stored, and the channel offers it again.
    async fn receive(&self, items: Vec<Inbound>) -> anyhow::Result<()>;

    /// Store an account's new state, with a reason for people and its phone number where known.
    async fn account_changed(
        &self,
        account_id: &str,
        state: AccountState,
        reason: &str,
        phone: Option<&str>,
    ) -> anyhow::Result<()>;

    /// Store messages that a phone brings along at its login, newest first, a set at a time; `last`:
    /// no other follows. False where the account takes no more.
    async fn history(&self, account_id: &str, past: &[Past], last: bool) -> anyhow::Result<bool>;
}

/// The channels of this host, by type.
#[derive(Clone)]
pub struct Channels {
    pub sandbox: Arc<sandbox::Sandbox>,
}

impl Channels {
    /// `None` for a type that this host does not run yet.
    pub fn get(&self, channel: ChannelType) -> Option<&dyn Channel> {
        match channel {
            ChannelType::Sandbox => Some(self.sandbox.as_ref()),
            ChannelType::Cloud | ChannelType::Dialog360 | ChannelType::Web => None,
        }
    }
}
