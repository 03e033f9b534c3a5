//! Permissions: what a plugin asks for, what an installer agreed to, and how the two compare.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::egress::HostPattern;

/// What a plugin may do beside answering. Everything not here is denied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    pub messaging: bool,
    pub timers: bool,
    pub state: bool,
    pub contacts: Access,
    pub chats: Access,
    /// May read the team's templates; to send one it needs `messaging`.
    pub templates: bool,
    /// May read the team's files and keep new ones; to send one it needs `messaging`.
    pub media: bool,
    /// May emit events of its own.
    pub events: bool,
    /// Where its outgoing HTTP may go.
    #[schema(value_type = Vec<String>)]
    pub hosts: Vec<HostPattern>,
    /// Names of the secrets that it may see in the clear.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reveal: Vec<String>,
}

/// How far a permission goes; each step includes the one before.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    #[default]
    None,
    Read,
    Write,
}

impl Grants {
    /// Whether these grants are enough for what `asked` wants.
    ///
    /// # Errors
    /// What they lack, in plain words: what a new version asks for beyond the old one.
    pub fn covers(&self, asked: &Self) -> Result<(), Vec<String>> {
        let lacking = self.lacking(asked).in_words();
        if lacking.is_empty() { Ok(()) } else { Err(lacking) }
    }

    /// What these grants allow, one plain phrase each.
    pub fn in_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |holds: bool, phrase: &str| {
            if holds {
                words.push(phrase.to_owned());
            }
        };
        say(self.messaging, "send messages in the name of your accounts");
        say(self.timers, "set timers");
        say(self.state, "keep data of its own");
        say(self.contacts == Access::Read, "read contacts");
        say(self.contacts == Access::Write, "read and change contacts, their tags and opt-ins");
        say(self.chats == Access::Read, "read chats and their history");
        say(self.chats == Access::Write, "read chats and hand them over to people");
        say(self.templates, "read your templates");
        say(self.media, "read your files, those of customers among them, and keep new ones");
        say(self.events, "emit events to other plugins and your endpoints");
        words.extend(self.hosts.iter().map(|host| format!("call {host} over HTTP")));
        words.extend(self.reveal.iter().map(|name| format!("see the secret {name:?} itself")));
        words
    }

    /// These and those.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let more = self.lacking(other);
        Self {
            messaging: self.messaging || other.messaging,
            timers: self.timers || other.timers,
            state: self.state || other.state,
            contacts: self.contacts.max(other.contacts),
            chats: self.chats.max(other.chats),
            templates: self.templates || other.templates,
            media: self.media || other.media,
            events: self.events || other.events,
            hosts: self.hosts.iter().cloned().chain(more.hosts).collect(),
            reveal: self.reveal.iter().cloned().chain(more.reveal).collect(),
        }
    }

    /// What is asked and not among these.
    #[must_use]
    pub fn lacking(&self, asked: &Self) -> Self {
        let beyond =
            |granted: Access, asked: Access| if asked > granted { asked } else { Access::None };
        let hosts = asked
            .hosts
            .iter()
            .filter(|host| !self.hosts.iter().any(|granted| granted.covers(host)));
        let reveal = asked.reveal.iter().filter(|name| !self.reveal.contains(name));
        Self {
            messaging: asked.messaging && !self.messaging,
            timers: asked.timers && !self.timers,
            state: asked.state && !self.state,
            contacts: beyond(self.contacts, asked.contacts),
            chats: beyond(self.chats, asked.chats),
            templates: asked.templates && !self.templates,
            media: asked.media && !self.media,
            events: asked.events && !self.events,
            hosts: hosts.cloned().collect(),
            reveal: reveal.cloned().collect(),
        }
    }
}
