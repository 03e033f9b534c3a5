//! What a plugin's call (or an API call) wants to happen: collected as data, written at once.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Content, Millis, OptIn, StoredFile};

/// One wish. A call's effects commit together with the event that caused them, or not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Queue a message; its id is made by the host at the call.
    Send {
        message_id: String,
        to: Recipient,
        content: Content,
        options: SendOptions,
    },
    /// Let the team have a new file whose bytes are written already.
    KeepFile(StoredFile),
    /// Tell the customer that we read up to this message.
    MarkRead {
        message_id: String,
    },
    Typing {
        chat_id: String,
    },
    /// Cancel a message that nobody has begun to send.
    Cancel {
        message_id: String,
    },
    SetTimer(TimerSpec),
    /// Set a one-shot timer of the scope `chat` in another chat.
    SetTimerIn {
        to: Recipient,
        name: String,
        due_at: Millis,
        payload: String,
    },
    CancelTimer {
        scope: Scope,
        name: String,
    },
    /// Write (or, with no value, delete) a key.
    SetState {
        scope: Scope,
        key: String,
        value: Option<String>,
        expires_at: Option<Millis>,
    },
    /// Put (or, with no value, take away) a tag.
    Tag {
        contact_id: String,
        tag: String,
        value: Option<String>,
    },
    Rename {
        contact_id: String,
        name: String,
    },
    Consent {
        contact_id: String,
        opt_in: OptIn,
        reason: String,
    },
    /// Name who answers in a chat; empty hands it back to the plugins.
    Assign {
        chat_id: String,
        who: String,
        reason: String,
    },
    /// An event of the plugin's own.
    Emit {
        event_id: String,
        name: String,
        data: Value,
    },
}

impl Effect {
    /// Its kind, in the words of figures and traces.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Send { .. } => "send",
            Self::KeepFile(_) => "keep_file",
            Self::MarkRead { .. } => "mark_read",
            Self::Typing { .. } => "typing",
            Self::Cancel { .. } => "cancel",
            Self::SetTimer(_) => "set_timer",
            Self::SetTimerIn { .. } => "set_timer_in",
            Self::CancelTimer { .. } => "cancel_timer",
            Self::SetState { .. } => "set_state",
            Self::Tag { .. } => "tag",
            Self::Rename { .. } => "rename",
            Self::Consent { .. } => "consent",
            Self::Assign { .. } => "assign",
            Self::Emit { .. } => "emit",
        }
    }
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// A chat that exists.
    Chat(String),
    /// A phone number in E.164 on an account; the chat is made where there is none.
    Phone { account_id: String, phone: String },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SendOptions {
    /// Absent: now.
    #[serde(default)]
    pub due_at: Option<Millis>,
    /// Our id of the message that this one answers.
    #[serde(default)]
    pub reply_to: Option<String>,
    #[serde(default)]
    pub typing: bool,
    #[serde(default)]
    pub randomise: bool,
    #[serde(default)]
    pub cancel_if_replied: bool,
}

/// What a timer or a state key belongs to: an install's own space, or one account, chat or contact
/// within it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", content = "id", rename_all = "snake_case")]
pub enum Scope {
    Plugin,
    Account(String),
    Chat(String),
    Contact(String),
}

impl Scope {
    /// The word and the id, as two database columns hold them; the plugin's own has an empty id.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Plugin => ("plugin", ""),
            Self::Account(id) => ("account", id),
            Self::Chat(id) => ("chat", id),
            Self::Contact(id) => ("contact", id),
        }
    }

    /// The inverse of [`Scope::parts`].
    pub fn from_parts(word: &str, id: &str) -> Option<Self> {
        match word {
            "plugin" => Some(Self::Plugin),
            "account" => Some(Self::Account(id.to_owned())),
            "chat" => Some(Self::Chat(id.to_owned())),
            "contact" => Some(Self::Contact(id.to_owned())),
            _ => None,
        }
    }
}

/// A timer as a plugin sets it. Setting the same scope and name again replaces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimerSpec {
    pub scope: Scope,
    pub name: String,
    /// When it fires (first).
    pub due_at: Millis,
    /// Five to seven fields; empty for a one-shot timer.
    pub cron: String,
    /// IANA name; empty: UTC.
    pub time_zone: String,
    pub payload: String,
}
