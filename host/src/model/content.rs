//! What a message says: one shape in the API, in plugins, in the store and on its way to a channel.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::TemplateMessage;

/// The content of a message, as in `POST /api/v1/messages`: a `type`, and a field of that name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    Text {
        text: String,
    },
    Image {
        image: Media,
    },
    Audio {
        audio: Media,
    },
    Video {
        video: Media,
    },
    Document {
        document: Media,
    },
    Sticker {
        sticker: Media,
    },
    Location {
        location: Location,
    },
    /// Contact cards, as the Cloud API writes them.
    Contacts {
        contacts: Vec<Value>,
    },
    Template {
        template: TemplateMessage,
    },
    Interactive {
        interactive: Interactive,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
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

/// Buttons or a list that we offer, or the choice that a customer made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Interactive {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// The word on the button that opens the list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub button: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Button {
    pub id: String,
    pub title: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub id: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// The button or row that a customer chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub id: String,
    pub title: String,
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

/// WhatsApp's own bound for a text, in characters.
pub const MAX_TEXT: usize = 4096;

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

    /// Check what every channel would refuse: empty or over-long texts, media without a source,
    /// places off the globe, too many buttons, a NUL character anywhere.
    pub fn check(&self) -> Result<(), ContentError> {
        let refuse =
            |field, problem: &str| Err(ContentError { field, problem: problem.to_owned() });
        if serde_json::to_string(self).unwrap_or_default().contains("\\u0000") {
            return refuse("type", "a message cannot hold a NUL character");
        }
        if self.as_text().chars().count() > MAX_TEXT {
            return refuse("text", "at most 4096 characters");
        }
        match self {
            Self::Text { text } | Self::Note { text } if text.trim().is_empty() => {
                refuse("text", "is empty")
            }
            Self::Image { image: media } => media.check("image"),
            Self::Audio { audio: media } => media.check("audio"),
            Self::Video { video: media } => media.check("video"),
            Self::Document { document: media } => media.check("document"),
            Self::Sticker { sticker: media } => media.check("sticker"),
            Self::Location { location } => {
                let on_globe = (-90.0..=90.0).contains(&location.latitude)
                    && (-180.0..=180.0).contains(&location.longitude);
                if on_globe {
                    Ok(())
                } else {
                    refuse("location", "latitude -90 to 90, longitude -180 to 180")
                }
            }
            Self::Contacts { contacts } if contacts.is_empty() => {
                refuse("contacts", "at least one card")
            }
            Self::Interactive { interactive } => interactive.check(),
            Self::Template { template }
                if template.name.is_empty() || template.language.code.is_empty() =>
            {
                refuse("template", "name and language.code say which")
            }
            Self::Reaction { reaction } if reaction.message_id.is_empty() => {
                refuse("reaction", "message_id says which message")
            }
            _ => Ok(()),
        }
    }
}

impl Media {
    pub fn from_source(source: impl Into<String>) -> Self {
        let source = source.into();
        let is_url = source.starts_with("http://") || source.starts_with("https://");
        let (url, id) = if is_url { (Some(source), None) } else { (None, Some(source)) };
        Self { url, id, ..Self::default() }
    }

    fn check(&self, field: &'static str) -> Result<(), ContentError> {
        if self.url.is_some() != self.id.is_some() {
            return Ok(());
        }
        Err(ContentError {
            field,
            problem: "give either a url or the id of a stored file".to_owned(),
        })
    }
}

impl Interactive {
    fn check(&self) -> Result<(), ContentError> {
        let refuse =
            |problem: &str| Err(ContentError { field: "interactive", problem: problem.to_owned() });
        if self.reply.is_some() {
            return Ok(());
        }
        if self.text.trim().is_empty() {
            return refuse("text is empty");
        }
        match (self.buttons.len(), self.rows.len()) {
            (1..=3, 0) => Ok(()),
            (0, 1..=10) if !self.button.is_empty() => Ok(()),
            (0, 1..=10) => refuse("a list needs the word on its button"),
            _ => refuse("give 1 to 3 buttons, or 1 to 10 rows"),
        }
    }
}
