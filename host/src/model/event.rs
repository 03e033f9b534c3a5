//! Facts: what came in from a channel, and the append-only events that the house makes of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Alias, Content, Millis, Status, Trace};

/// Beyond this many plugin answers to plugin answers, a send or an emitted event is a loop.
pub const MAX_DEPTH: i64 = 8;

/// One append-only fact of a team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub team_id: String,
    /// Its place in the team's stream; 0 until it is written.
    pub cursor: i64,
    /// `message.received`, `message.status`, `timer.fired`, … or a plugin's own name.
    #[serde(rename = "type")]
    pub kind: String,
    /// Empty where it has none; so are the next three.
    pub account_id: String,
    pub chat_id: String,
    pub contact_id: String,
    pub message_id: String,
    pub at: Millis,
    pub depth: i64,
    pub data: Value,
    /// What it came of.
    #[serde(skip)]
    pub trace: Trace,
}

impl Event {
    /// The word of a message's status, where that is what it tells.
    pub fn status(&self) -> Option<&str> {
        let tells =
            [EventKind::MESSAGE_SENT, EventKind::MESSAGE_STATUS].contains(&self.kind.as_str());
        self.data["status"].as_str().filter(|_| tells)
    }

    /// Whether it has one of these names, `message.*` for all of a kind; none stand for all.
    pub fn is_named(&self, names: &[String]) -> bool {
        let named = |name: &String| match name.strip_suffix(".*") {
            Some(kind) => self.kind.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.')),
            None => *name == self.kind,
        };
        names.is_empty() || names.iter().any(named)
    }
}

/// The names of the events that the house itself writes.
pub struct EventKind;

impl EventKind {
    pub const MESSAGE_RECEIVED: &'static str = "message.received";
    pub const MESSAGE_SENT: &'static str = "message.sent";
    pub const MESSAGE_STATUS: &'static str = "message.status";
    pub const CONTACT_OPTED_IN: &'static str = "contact.opted_in";
    pub const CONTACT_OPTED_OUT: &'static str = "contact.opted_out";
    pub const CONTACT_UPDATED: &'static str = "contact.updated";
    pub const CONTACT_MERGED: &'static str = "contact.merged";
    pub const CONTACT_ERASED: &'static str = "contact.erased";
    pub const CONTACTS_IMPORTED: &'static str = "contacts.imported";
    pub const CHAT_UPDATED: &'static str = "chat.updated";
    pub const TEMPLATE_STATUS: &'static str = "template.status";
    pub const CHAT_ASSIGNED: &'static str = "chat.assigned";
    pub const ACCOUNT_STATE: &'static str = "account.state";
    pub const ACCOUNT_DELETED: &'static str = "account.deleted";
    pub const USAGE_LOW: &'static str = "usage.low";
    pub const USAGE_EXHAUSTED: &'static str = "usage.exhausted";
    pub const TIMER_FIRED: &'static str = "timer.fired";
    pub const WEBHOOK_RECEIVED: &'static str = "webhook.received";
    pub const PLUGIN_SUSPENDED: &'static str = "plugin.suspended";
    pub const ENDPOINT_DISABLED: &'static str = "endpoint.disabled";
    pub const ENDPOINT_TEST: &'static str = "endpoint.test";
    pub const USER_ADDED: &'static str = "user.added";
    pub const USER_CHANGED: &'static str = "user.changed";
    pub const USER_REMOVED: &'static str = "user.removed";
    pub const KEY_CREATED: &'static str = "key.created";
    pub const KEY_DELETED: &'static str = "key.deleted";
    pub const APP_CREATED: &'static str = "app.created";
    pub const APP_DELETED: &'static str = "app.deleted";
}

/// What a channel tells us, already parsed.
#[expect(clippy::large_enum_variant, reason = "nearly all that comes in are messages")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "inbound", rename_all = "snake_case")]
pub enum Inbound {
    Message(InboundMessage),
    Status(InboundStatus),
}

/// A message that a customer wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboundMessage {
    pub account_id: String,
    /// The channel's id: the same one twice is the same message.
    pub provider_id: String,
    /// E.164, with the plus; empty where only other names of the customer are known.
    pub from: String,
    /// Further names of the same customer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
    /// The name that the customer shows; empty where unknown.
    pub name: String,
    pub at: Millis,
    pub content: Content,
    /// The channel's id of the message that it answers; empty where none.
    pub reply_to: String,
    /// The advertisement that brought the customer, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
}

/// An advertisement or a post whose button opened the chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Referral {
    /// `ad` or `post`; a plain link is neither.
    pub source_type: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_url: String,
}

impl Referral {
    /// Whether the conversation that it opens is free: only what was placed through the network's
    /// own advertising is.
    pub fn is_free_entry(&self) -> bool {
        matches!(self.source_type.as_str(), "ad" | "post")
    }
}

/// A message from a phone's history: no news.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// The channel's id: the same one twice is the same message.
    pub provider_id: String,
    /// The customer, E.164, with the plus.
    pub phone: String,
    /// The name that the phone knows the customer by; empty where unknown.
    #[serde(default)]
    pub name: String,
    /// Whether we wrote it.
    #[serde(default)]
    pub from_me: bool,
    pub at: Millis,
    pub content: Content,
}

/// What became of a message that we sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboundStatus {
    pub account_id: String,
    /// Our message id, where the channel carries it back; else empty.
    pub message_id: String,
    /// The channel's id; empty only where ours is known.
    pub provider_id: String,
    pub status: Status,
    pub at: Millis,
    /// The channel's code and words for an error; else empty.
    pub error_code: String,
    pub error_message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_by_its_name_or_its_kind() {
        let event = Event {
            id: "evt_1".into(),
            team_id: "team_1".into(),
            cursor: 1,
            kind: "message.received".into(),
            account_id: "acc_1".into(),
            chat_id: String::new(),
            contact_id: String::new(),
            message_id: String::new(),
            at: 0,
            depth: 0,
            data: Value::Null,
            trace: Trace::default(),
        };
        let named = |names: &[&str]| {
            event.is_named(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert!(named(&[]) && named(&["message.*"]) && named(&["other", "message.received"]));
        assert!(!named(&["message.status"]) && !named(&["message"]));
        assert!(!named(&["mess.*"]), "a kind is a whole word");
    }
}
