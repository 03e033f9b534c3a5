//! What a message says: one shape in the API, in plugins, in the store and on its way to a channel.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::TemplateMessage;
use super::card::{self, Card};
use super::interactive::Interactive;

/// The content of a message, as in `POST /api/v1/messages`: a `type`, and a field of that name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Content {
    Text {
        /// At most 4096 characters.
        text: String,
    },
    Image {
        image: Media,
    },
    /// Has no caption.
    Audio {
        audio: Media,
    },
    Video {
        video: Media,
    },
    Document {
        document: Media,
    },
    /// Has no caption.
    Sticker {
        sticker: Media,
    },
    Location {
        location: Location,
    },
    /// Contact cards.
    Contacts {
        contacts: Vec<Card>,
    },
    Template {
        template: TemplateMessage,
    },
    Interactive {
        interactive: Box<Interactive>,
    },
    Reaction {
        reaction: Reaction,
    },
    /// For the team's own people; never sent.
    Note {
        text: String,
    },
    /// Anything a channel knows and we do not yet.
    Other {
        other: Value,
    },
}

/// A file: an address to fetch it from, or the id of a stored one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// `https://…`, `http://…`, or a small file itself as `data:<type>;base64,…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of `POST /api/v1/media`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// At most 1024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// Our id of the message; a channel translates it.
    pub message_id: String,
    /// Empty: the reaction is taken back.
    pub emoji: String,
}

/// Why a content was refused: the field, and what it should be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct ContentError {
    pub field: &'static str,
    pub problem: String,
}

pub(super) fn refuse(field: &'static str, problem: impl Into<String>) -> Result<(), ContentError> {
    Err(ContentError { field, problem: problem.into() })
}

/// A text of at most so many characters.
pub(super) fn at_most(
    field: &'static str,
    what: &str,
    text: &str,
    most: usize,
) -> Result<(), ContentError> {
    if text.chars().count() > most {
        return refuse(field, format!("{what}: at most {most} characters"));
    }
    Ok(())
}

/// WhatsApp's own bounds, in characters.
pub const MAX_TEXT: usize = 4096;
const MAX_CAPTION: usize = 1024;
const MAX_URL: usize = 2048;
const MAX_NAME: usize = 240;
const MAX_PLACE: usize = 1000;
const MAX_EMOJI: usize = 16;

impl Content {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// The word of its type, as in `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Image { .. } => "image",
            Self::Audio { .. } => "audio",
            Self::Video { .. } => "video",
            Self::Document { .. } => "document",
            Self::Sticker { .. } => "sticker",
            Self::Location { .. } => "location",
            Self::Contacts { .. } => "contacts",
            Self::Template { .. } => "template",
            Self::Interactive { .. } => "interactive",
            Self::Reaction { .. } => "reaction",
            Self::Note { .. } => "note",
            Self::Other { .. } => "other",
        }
    }

    /// Its file, where it has one.
    pub fn media(&self) -> Option<&Media> {
        match self {
            Self::Image { image: media }
            | Self::Audio { audio: media }
            | Self::Video { video: media }
            | Self::Document { document: media }
            | Self::Sticker { sticker: media } => Some(media),
            _ => None,
        }
    }

    /// Its file, to be changed.
    pub fn media_mut(&mut self) -> Option<&mut Media> {
        match self {
            Self::Image { image: media }
            | Self::Audio { audio: media }
            | Self::Video { video: media }
            | Self::Document { document: media }
            | Self::Sticker { sticker: media } => Some(media),
            _ => None,
        }
    }

    /// What a reader would read aloud: the text, the caption, the title of a choice; else empty.
    pub fn as_text(&self) -> &str {
        match self {
            Self::Text { text } | Self::Note { text } => text,
            Self::Image { image: media }
            | Self::Video { video: media }
            | Self::Document { document: media } => media.caption.as_deref().unwrap_or_default(),
            Self::Interactive { interactive } => match &interactive.reply {
                Some(reply) => &reply.title,
                None => &interactive.text,
            },
            Self::Reaction { reaction } => &reaction.emoji,
            Self::Template { template } => template.text.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    /// All words by which somebody may look for it.
    pub fn searchable(&self) -> String {
        let mut parts = vec![self.as_text()];
        if let Some(media) = self.media() {
            parts.extend(media.filename.as_deref());
        }
        match self {
            Self::Location { location } => {
                parts.extend(
                    [&location.name, &location.address].into_iter().flatten().map(String::as_str),
                );
            }
            Self::Contacts { contacts } => parts.extend(contacts.iter().flat_map(Card::words)),
            _ => {}
        }
        parts.join(" ")
    }

    /// Check what every channel would refuse: empty or over-long texts, media without a source,
    /// places off the globe, too many buttons, a NUL character anywhere.
    pub fn check(&self) -> Result<(), ContentError> {
        if serde_json::to_string(self).unwrap_or_default().contains("\\u0000") {
            return refuse("type", "a message cannot hold a NUL character");
        }
        match self {
            Self::Text { text } | Self::Note { text } => {
                if text.trim().is_empty() {
                    return refuse("text", "is empty");
                }
                at_most("text", "it", text, MAX_TEXT)
            }
            Self::Image { image: media } => media.check("image", true),
            Self::Audio { audio: media } => media.check("audio", false),
            Self::Video { video: media } => media.check("video", true),
            Self::Document { document: media } => media.check("document", true),
            Self::Sticker { sticker: media } => media.check("sticker", false),
            Self::Location { location } => location.check(),
            Self::Contacts { contacts } => card::check(contacts),
            Self::Interactive { interactive } => interactive.check(),
            Self::Reaction { reaction } => reaction.check(),
            Self::Template { template }
                if template.name.is_empty() || template.language.code.is_empty() =>
            {
                refuse("template", "name and language.code say which")
            }
            Self::Template { .. } | Self::Other { .. } => Ok(()),
        }
    }
}

impl Media {
    pub fn from_source(source: impl Into<String>) -> Self {
        let source = source.into();
        let is_url =
            ["http://", "https://", "data:"].iter().any(|scheme| source.starts_with(scheme));
        let (url, id) = if is_url { (Some(source), None) } else { (None, Some(source)) };
        Self { url, id, ..Self::default() }
    }

    fn check(&self, field: &'static str, has_caption: bool) -> Result<(), ContentError> {
        match (&self.url, &self.id) {
            (Some(url), None) => check_url(field, url)?,
            (None, Some(id)) if !id.is_empty() => {}
            _ => return refuse(field, "give either a url or the id of a stored file"),
        }
        let caption = self.caption.as_deref().unwrap_or_default();
        if !caption.is_empty() && !has_caption {
            return refuse(field, "has no caption: send a text beside it");
        }
        at_most(field, "caption", caption, MAX_CAPTION)?;
        at_most(field, "filename", self.filename.as_deref().unwrap_or_default(), MAX_NAME)?;
        at_most(field, "mime_type", self.mime_type.as_deref().unwrap_or_default(), MAX_NAME)
    }
}

fn check_url(field: &'static str, url: &str) -> Result<(), ContentError> {
    if url.starts_with("data:") {
        return if url.contains(";base64,") {
            Ok(())
        } else {
            refuse(field, "url: give data as data:<type>;base64,…")
        };
    }
    at_most(field, "url", url, MAX_URL)?;
    let parsed = url::Url::parse(url).ok();
    let fits = parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if fits {
        Ok(())
    } else {
        refuse(field, "url: give an address that begins with https:// or http://")
    }
}

impl Location {
    fn check(&self) -> Result<(), ContentError> {
        let on_globe =
            (-90.0..=90.0).contains(&self.latitude) && (-180.0..=180.0).contains(&self.longitude);
        if !on_globe {
            return refuse("location", "latitude -90 to 90, longitude -180 to 180");
        }
        at_most("location", "name", self.name.as_deref().unwrap_or_default(), MAX_PLACE)?;
        at_most("location", "address", self.address.as_deref().unwrap_or_default(), MAX_PLACE)
    }
}

impl Reaction {
    fn check(&self) -> Result<(), ContentError> {
        if self.message_id.is_empty() {
            return refuse("reaction", "message_id says which message");
        }
        at_most("reaction", "emoji", &self.emoji, MAX_EMOJI)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(content: Value) -> Result<(), String> {
        let content: Content =
            serde_json::from_value(content).map_err(|error| error.to_string())?;
        content.check().map_err(|error| error.to_string())
    }

    #[test]
    fn what_whatsapp_takes_is_taken() {
        for good in [
            json!({ "type": "text", "text": "x".repeat(4096) }),
            json!({ "type": "image", "image": { "url": "https://example.com/a.png", "caption": "a" } }),
            json!({ "type": "audio", "audio": { "id": "med_1" } }),
            json!({ "type": "contacts", "contacts": [{ "displayName": "Ann", "phoneNumber": "+15550101" }] }),
            json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "Ann" }, "phones": [{ "phone": "+1 555 0101", "type": "CELL" }] }] }),
            json!({ "type": "interactive", "interactive": { "text": "Choose", "button": "Open", "header": "H", "footer": "F",
                "sections": [{ "title": "A", "rows": [{ "id": "1", "title": "one" }] }, { "title": "B", "rows": [{ "id": "2", "title": "two" }] }] } }),
            json!({ "type": "reaction", "reaction": { "message_id": "msg_1", "emoji": "" } }),
        ] {
            assert_eq!(checked(good.clone()), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_it_refuses_is_refused_by_name() {
        for (bad, word) in [
            (json!({ "type": "text", "text": "x".repeat(4097) }), "4096"),
            (json!({ "type": "text", "text": "a", "txt": "b" }), "txt"),
            (json!({ "type": "image", "image": {} }), "url"),
            (json!({ "type": "image", "image": { "url": "ftp://a/b" } }), "https"),
            (json!({ "type": "audio", "audio": { "id": "a", "caption": "b" } }), "caption"),
            (json!({ "type": "contacts", "contacts": [] }), "card"),
            (json!({ "type": "contacts", "contacts": [{ "phoneNumber": "+1" }] }), "name"),
            (
                json!({ "type": "contacts", "contacts": [{ "displayName": "A", "fax": "1" }] }),
                "fax",
            ),
            (
                json!({ "type": "location", "location": { "latitude": 91, "longitude": 0 } }),
                "latitude",
            ),
            (
                json!({ "type": "interactive", "interactive": { "text": "a", "buttons": [{ "id": "1", "title": "x".repeat(21) }] } }),
                "20",
            ),
            (
                json!({ "type": "interactive", "interactive": { "text": "a", "buttons": [{ "id": "1", "title": "a" }, { "id": "1", "title": "b" }] } }),
                "twice",
            ),
            (json!({ "type": "text", "text": "a\u{0}b" }), "NUL"),
        ] {
            let refused = checked(bad.clone()).expect_err("refused");
            assert!(refused.contains(word), "{bad}: {refused}");
        }
    }
}
