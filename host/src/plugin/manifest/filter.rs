//! Which events a plugin receives: `[[events]]`, and the pure question whether one matches.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::ManifestError;
use crate::model::{ChannelType, EventKind};

/// A handler of a plugin, as `on` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    Message,
    Status,
    Account,
    Timer,
    Event,
    Webhook,
}

impl On {
    /// Every handler there is.
    pub const ALL: [Self; 6] =
        [Self::Message, Self::Status, Self::Account, Self::Timer, Self::Event, Self::Webhook];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Status => "status",
            Self::Account => "account",
            Self::Timer => "timer",
            Self::Event => "event",
            Self::Webhook => "webhook",
        }
    }

    /// The handler that an event of this name goes to.
    pub fn of(event_kind: &str) -> Self {
        match event_kind {
            EventKind::MESSAGE_RECEIVED => Self::Message,
            EventKind::MESSAGE_SENT | EventKind::MESSAGE_STATUS => Self::Status,
            EventKind::TIMER_FIRED => Self::Timer,
            EventKind::WEBHOOK_RECEIVED => Self::Webhook,
            EventKind::ACCOUNT_STATE
            | EventKind::ACCOUNT_DELETED
            | EventKind::USAGE_LOW
            | EventKind::USAGE_EXHAUSTED
            | EventKind::CONTACT_OPTED_IN
            | EventKind::CONTACT_OPTED_OUT
            | EventKind::TEMPLATE_STATUS => Self::Account,
            _ => Self::Event,
        }
    }
}

/// One `[[events]]` entry. Every filter that is present must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    pub on: On,
    /// Kinds of content, words of a status, or names of events or timers; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Types of accounts; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelType>,
    /// Only the first message that a contact ever wrote to the account (or, with `false`, only the
    /// others).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatType>,
    /// Upper and lower case are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_regex: Option<Pattern>,
}

/// Who is in a chat. No channel of this host has groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatType {
    /// One customer.
    Direct,
}

/// What filters look at in an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// The content's kind for a message, the word of a status, otherwise the event's (or timer's) name.
    pub name: &'a str,
    /// What the customer wrote, captions and the words of what they chose among it.
    pub text: &'a str,
    /// The contact never wrote to the account before.
    pub first: bool,
    /// Of the account; `None` where it has none, or nobody asks.
    pub channel: Option<ChannelType>,
}

impl Subscription {
    pub(super) fn matches(&self, on: On, seen: &Seen<'_>) -> bool {
        self.on == on
            && (self.types.is_empty() || self.types.iter().any(|word| word == seen.name))
            && (self.channels.is_empty()
                || seen.channel.is_some_and(|channel| self.channels.contains(&channel)))
            && self.first.is_none_or(|first| first == seen.first)
            && self.text_prefix.as_deref().is_none_or(|prefix| begins_with(seen.text, prefix))
            && self.text_regex.as_ref().is_none_or(|pattern| pattern.0.is_match(seen.text))
    }

    pub(super) fn check(&self, field: &str) -> Result<(), ManifestError> {
        let refuse = |problem: &str| Err(ManifestError::new(field, problem));
        let by_text = self.text_prefix.is_some() || self.text_regex.is_some();
        if by_text && self.on != On::Message {
            return refuse("text filters need `on = \"message\"`");
        }
        if (self.first.is_some() || self.chat.is_some()) && self.on != On::Message {
            return refuse("`first` and `chat` need `on = \"message\"`");
        }
        if !self.channels.is_empty() && matches!(self.on, On::Timer | On::Webhook) {
            return refuse(
                "timers and webhooks reach one install whatever its accounts: leave `channels` out",
            );
        }
        Ok(())
    }
}

fn begins_with(text: &str, prefix: &str) -> bool {
    let mut text = text.trim_start().chars().flat_map(char::to_lowercase);
    prefix.chars().flat_map(char::to_lowercase).all(|expected| text.next() == Some(expected))
}

/// A regular expression, compiled once; written as its text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The bound keeps one team's expression from filling the memory of all.
        let regex = RegexBuilder::new(&text).size_limit(1 << 20).build();
        regex.map(Self).map_err(|e| format!("text_regex: {e}"))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}
