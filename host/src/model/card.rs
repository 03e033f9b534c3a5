//! Contact cards, as the WhatsApp Cloud API writes them, or short: a name and a number.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::content::{ContentError, at_most, refuse};

/// One contact card: `name` and what else is known, or just `displayName` and `phoneNumber`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Card {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<CardName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<CardPhone>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<CardEmail>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<CardUrl>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<CardAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<CardOrg>,
    /// `YYYY-MM-DD`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthday: Option<String>,
    /// The short form's name.
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The short form's number.
    #[serde(rename = "phoneNumber", skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CardName {
    pub formatted_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardPhone {
    pub phone: String,
    /// `CELL`, `HOME`, `WORK`, …
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wa_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardEmail {
    pub email: String,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardUrl {
    pub url: String,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CardAddress {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CardOrg {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Cards in one message, and numbers, addresses and the like of one card.
const MAX_CARDS: usize = 257;
const MAX_PARTS: usize = 20;
const MAX_WORD: usize = 256;

/// Check the cards of a message.
pub fn check(cards: &[Card]) -> Result<(), ContentError> {
    if cards.is_empty() || cards.len() > MAX_CARDS {
        return refuse("contacts", format!("1 to {MAX_CARDS} cards"));
    }
    cards.iter().try_for_each(Card::check)
}

impl Card {
    /// The name that it shows.
    pub fn title(&self) -> &str {
        let named = self.name.as_ref().map(|name| name.formatted_name.as_str());
        named.or(self.display_name.as_deref()).unwrap_or_default()
    }

    /// The words by which somebody may look for it.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let phones = self.phones.iter().map(|phone| phone.phone.as_str());
        std::iter::once(self.title()).chain(phones).chain(self.phone_number.as_deref())
    }

    fn check(&self) -> Result<(), ContentError> {
        if self.title().trim().is_empty() {
            return refuse("contacts", "a card needs name.formatted_name, or displayName");
        }
        let parts = [self.phones.len(), self.emails.len(), self.urls.len(), self.addresses.len()];
        if parts.into_iter().any(|count| count > MAX_PARTS) {
            return refuse(
                "contacts",
                format!("at most {MAX_PARTS} phones, emails, urls and addresses each"),
            );
        }
        if self.display_name.is_some() && self.phone_number.is_none() {
            return refuse("contacts", "a card with displayName needs phoneNumber");
        }
        let emails = self.emails.iter().map(|email| email.email.as_str());
        self.words()
            .chain(emails)
            .try_for_each(|word| at_most("contacts", "a text", word, MAX_WORD))
    }
}
