//! People and the conversations with them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::words::words;
use super::{Millis, OptIn};

words! {
    /// By what kind of name a channel knows a person.
    AliasKind {
        /// E.164, with the plus.
        Phone = "phone",
        /// WhatsApp's own, such as `15550100@s.whatsapp.net`.
        Jid = "jid",
        /// WhatsApp's, that hides the number.
        Lid = "lid",
        /// The Cloud API's, of one business.
        Bsuid = "bsuid",
    }
}

/// One name of a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    pub kind: AliasKind,
    pub value: String,
}

impl Alias {
    pub fn phone(phone: &str) -> Self {
        Self { kind: AliasKind::Phone, value: phone.to_owned() }
    }
}

/// One person, whatever number or alias they write from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub id: String,
    pub team_id: String,
    pub name: String,
    /// Empty where no number is known.
    pub phone: String,
    pub opt_in: OptIn,
    /// Nothing is sent to it, and no plugin hears of it.
    pub blocked: bool,
    /// Tag and value, sorted by tag.
    pub tags: Vec<(String, String)>,
    /// The team's own fields.
    pub fields: Map<String, Value>,
    /// An address; empty where there is none.
    pub profile_image: String,
    pub first_seen_at: Millis,
    pub last_seen_at: Millis,
}

impl Contact {
    /// Somebody of whom only the number is known.
    pub fn new(id: String, team_id: &str, phone: &str, now: Millis) -> Self {
        Self {
            id,
            team_id: team_id.to_owned(),
            name: String::new(),
            phone: phone.to_owned(),
            opt_in: OptIn::Unknown,
            blocked: false,
            tags: Vec::new(),
            fields: Map::new(),
            profile_image: String::new(),
            first_seen_at: now,
            last_seen_at: now,
        }
    }
}

/// One account's conversation with one contact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    pub id: String,
    pub team_id: String,
    pub account_id: String,
    pub contact_id: String,
    pub unread: i64,
    /// Empty: plugins answer. Otherwise the human who does, or `human` when nobody is named yet.
    pub assigned: String,
    pub archived: bool,
    pub pinned: bool,
    /// Whether its contact is blocked.
    pub blocked: bool,
    pub last_message_at: Millis,
    /// The last message from the customer, which opens the window of 24 hours; 0: none yet.
    pub last_inbound_at: Millis,
}

/// E.164: a plus, and 7 to 15 digits of which the first is not 0.
pub fn is_phone(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_e_164() {
        for good in ["+15550001111", "+4915112345678"] {
            assert!(is_phone(good), "{good}");
        }
        for bad in
            ["15550001111", "+0555000111", "+1555", "+1555000111122223", "+1555000a111", "", "+"]
        {
            assert!(!is_phone(bad), "{bad}");
        }
    }
}
