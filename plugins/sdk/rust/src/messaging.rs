//! Send messages. They leave when the handler has returned `Ok`; their ids are final at once.

use std::time::Duration;

use crate::bindings::base::switchboard::plugin::messaging as host;
pub use crate::bindings::base::switchboard::plugin::messaging::{Button, Options, Row};
use crate::bindings::base::switchboard::plugin::templates;
use crate::{Error, Event, Message, Timer, delivery};

/// Whom a message goes to: the chat of an event, a chat's id, or a phone number (`"+15550001"`).
pub trait Recipient {
    fn recipient(&self) -> &str;
}

impl Recipient for str {
    fn recipient(&self) -> &str {
        self
    }
}

impl Recipient for String {
    fn recipient(&self) -> &str {
        self
    }
}

impl Recipient for Message {
    fn recipient(&self) -> &str {
        &self.chat
    }
}

impl Recipient for Event {
    fn recipient(&self) -> &str {
        &self.chat
    }
}

impl Recipient for Timer {
    fn recipient(&self) -> &str {
        &self.chat
    }
}

/// Answer in the chat of an event: `reply(&event, "Hello!")?`. Gives the new message's id.
pub fn reply(to: &(impl Recipient + ?Sized), text: impl Into<String>) -> Result<String, Error> {
    self::text(text).send(to)
}

/// Write to a chat or a phone number: `send("+15550001", "Your order is ready")?`.
pub fn send(to: &(impl Recipient + ?Sized), text: impl Into<String>) -> Result<String, Error> {
    self::text(text).send(to)
}

/// Write later: `send_after(&event, Duration::from_secs(3600), "How was it?")?`.
pub fn send_after(
    to: &(impl Recipient + ?Sized),
    after: Duration,
    text: impl Into<String>,
) -> Result<String, Error> {
    self::text(text).after(after).send(to)
}

/// A text with one to three buttons, each an id and a title:
/// `buttons("Coming?", [("yes", "Yes"), ("no", "No")]).send(&event)?`.
pub fn buttons<I, T>(text: impl Into<String>, buttons: impl IntoIterator<Item = (I, T)>) -> Draft
where
    I: Into<String>,
    T: Into<String>,
{
    let buttons = buttons
        .into_iter()
        .map(|(id, title)| Button { id: id.into(), title: title.into() })
        .collect();
    Draft::new(Body::Buttons { text: text.into(), buttons })
}

/// A text with a list of one to ten rows behind a button, each an id, a title and a description:
/// `list("Our menu", "Choose", [("soup", "Soup", "of the day")]).send(&event)?`.
pub fn list<I, T, D>(
    text: impl Into<String>,
    button: impl Into<String>,
    rows: impl IntoIterator<Item = (I, T, D)>,
) -> Draft
where
    I: Into<String>,
    T: Into<String>,
    D: Into<String>,
{
    let rows = rows
        .into_iter()
        .map(|(id, title, description)| Row {
            id: id.into(),
            title: title.into(),
            description: description.into(),
        })
        .collect();
    Draft::new(Body::List { text: text.into(), button: button.into(), rows })
}

/// A text, to be given options before it is sent: `text("Hi").typing().send(&event)?`.
pub fn text(text: impl Into<String>) -> Draft {
    Draft::new(Body::Text(text.into()))
}

/// A picture, from an `https:` address or the id of a stored file: `image(url, "Our shop").send(&event)?`.
pub fn image(media: impl Into<String>, caption: impl Into<String>) -> Draft {
    Draft::new(Body::Image { media: media.into(), caption: caption.into() })
}

/// A voice or sound file: `audio(url).send(&event)?`.
pub fn audio(media: impl Into<String>) -> Draft {
    Draft::new(Body::Audio(media.into()))
}

/// A film: `video(url, "How it works").send(&event)?`.
pub fn video(media: impl Into<String>, caption: impl Into<String>) -> Draft {
    Draft::new(Body::Video { media: media.into(), caption: caption.into() })
}

/// A file: `document(url, "invoice.pdf", "Your invoice").send(&event)?`.
pub fn document(
    media: impl Into<String>,
    filename: impl Into<String>,
    caption: impl Into<String>,
) -> Draft {
    Draft::new(Body::Document {
        media: media.into(),
        filename: filename.into(),
        caption: caption.into(),
    })
}

/// A sticker (WebP): `sticker(url).send(&event)?`.
pub fn sticker(media: impl Into<String>) -> Draft {
    Draft::new(Body::Sticker(media.into()))
}

/// A place, in degrees: `location(52.52, 13.405, "Our shop", "Main Street 1").send(&event)?`.
pub fn location(
    latitude: f64,
    longitude: f64,
    name: impl Into<String>,
    address: impl Into<String>,
) -> Draft {
    Draft::new(Body::Location { latitude, longitude, name: name.into(), address: address.into() })
}

/// Any message, as the JSON body of `POST /api/v1/messages` without `to`:
/// `json(r#"{"type":"text","text":"Hi"}"#).send(&event)?`.
pub fn json(json: impl Into<String>) -> Draft {
    Draft::new(Body::Json(json.into()))
}

/// A message that is not sent yet.
#[derive(Clone, Debug)]
#[must_use = "call send"]
pub struct Draft {
    body: Body,
    options: Options,
}

#[derive(Clone, Debug)]
enum Body {
    Text(String),
    Image { media: String, caption: String },
    Audio(String),
    Video { media: String, caption: String },
    Document { media: String, filename: String, caption: String },
    Sticker(String),
    Location { latitude: f64, longitude: f64, name: String, address: String },
    Buttons { text: String, buttons: Vec<Button> },
    List { text: String, button: String, rows: Vec<Row> },
    Json(String),
    Template { name: String, language: String, parameters: Vec<(String, String)> },
}

impl Draft {
    pub(crate) fn template(
        name: String,
        language: String,
        parameters: Vec<(String, String)>,
    ) -> Self {
        Self::new(Body::Template { name, language, parameters })
    }

    fn new(body: Body) -> Self {
        let options = Options {
            due_at: None,
            reply_to: None,
            typing: false,
            randomise: false,
            cancel_if_replied: false,
        };
        Self { body, options }
    }

    /// Send at a time in Unix milliseconds.
    pub fn at(mut self, due_at: u64) -> Self {
        self.options.due_at = Some(due_at);
        self
    }

    /// Send so much later.
    pub fn after(self, after: Duration) -> Self {
        self.at(delivery::now().saturating_add(millis(after)))
    }

    /// Show it as the answer to a message: `.quoting(&event.message_id)`.
    pub fn quoting(mut self, message_id: impl Into<String>) -> Self {
        self.options.reply_to = Some(message_id.into());
        self
    }

    /// Show "typing…" for a moment before.
    pub fn typing(mut self) -> Self {
        self.options.typing = true;
        self
    }

    /// Vary spacing and punctuation a little, so that no two copies are alike.
    pub fn randomise(mut self) -> Self {
        self.options.randomise = true;
        self
    }

    /// Drop the message if the customer writes before it is due.
    pub fn cancel_if_replied(mut self) -> Self {
        self.options.cancel_if_replied = true;
        self
    }

    /// Send it. Gives the new message's id.
    pub fn send(self, to: &(impl Recipient + ?Sized)) -> Result<String, Error> {
        let to = to.recipient();
        let options = Some(&self.options);
        match &self.body {
            Body::Text(text) => host::send_text(to, text, options),
            Body::Image { media, caption } => host::send_image(to, media, caption, options),
            Body::Audio(media) => host::send_audio(to, media, options),
            Body::Video { media, caption } => host::send_video(to, media, caption, options),
            Body::Document { media, filename, caption } => {
                host::send_document(to, media, filename, caption, options)
            }
            Body::Sticker(media) => host::send_sticker(to, media, options),
            Body::Location { latitude, longitude, name, address } => {
                host::send_location(to, *latitude, *longitude, name, address, options)
            }
            Body::Buttons { text, buttons } => host::send_buttons(to, text, buttons, options),
            Body::List { text, button, rows } => host::send_list(to, text, button, rows, options),
            Body::Json(json) => host::send(to, json, options),
            Body::Template { name, language, parameters } => {
                templates::send(to, name, language, parameters, options)
            }
        }
    }
}

/// Answer a message with an emoji; an empty one takes it back: `react(&event.message_id, "👍")?`.
pub fn react(message_id: &str, emoji: &str) -> Result<String, Error> {
    host::react(message_id, emoji)
}

/// A line for the people of the team in a chat; never sent: `note(&event, "Asked for a refund")?`.
pub fn note(chat: &(impl Recipient + ?Sized), text: &str) -> Result<String, Error> {
    host::note(chat.recipient(), text)
}

/// Tell the customer that we read up to this message: `mark_read(&event.message_id)?`.
pub fn mark_read(message_id: &str) -> Result<(), Error> {
    host::mark_read(message_id)
}

/// Show "typing…" now: `typing(&event)?`.
pub fn typing(chat: &(impl Recipient + ?Sized)) -> Result<(), Error> {
    host::typing(chat.recipient())
}

/// Cancel a message that has not left: `cancel(&id)?`.
pub fn cancel(message_id: &str) -> Result<(), Error> {
    host::cancel(message_id)
}

/// A duration as the contract counts it; what is beyond its range is its end.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
