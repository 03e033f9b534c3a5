//! What an event's JSON says beyond its fields.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Event, Message, Timer, Webhook, WebhookReply};

impl Message {
    /// The whole event, or any part of it, as a type of your own.
    pub fn details<T: DeserializeOwned>(&self) -> Result<T, Error> {
        decode(&self.json)
    }

    /// The id of the button or row that the customer tapped; `None` for any other message.
    ///
    /// `match event.choice().as_deref() { Some("yes") => …, _ => … }`
    pub fn choice(&self) -> Option<String> {
        if self.kind != "interactive" {
            return None;
        }
        let event: Value = serde_json::from_str(&self.json).ok()?;
        Some(find(&event, "interactive")?.pointer("/reply/id")?.as_str()?.to_owned())
    }
}

impl Event {
    /// The whole event, or any part of it, as a type of your own.
    pub fn details<T: DeserializeOwned>(&self) -> Result<T, Error> {
        decode(&self.json)
    }
}

impl Timer {
    /// The payload, read as JSON.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Error> {
        decode(&self.payload)
    }
}

impl Webhook {
    /// The body, read as UTF-8; what is not is replaced by `�`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| invalid(&error))
    }

    /// A header's first value, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl WebhookReply {
    /// An answer in plain text: `Ok(WebhookReply::text(200, "done"))`.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        Self { status, headers, body: text.into().into_bytes() }
    }

    /// An answer in JSON: `Ok(WebhookReply::json(200, &order)?)`.
    pub fn json(status: u16, value: &impl serde::Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(|error| invalid(&error))?;
        Ok(Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body,
        })
    }

    /// An answer in bytes of any type: `Ok(WebhookReply::bytes(200, "image/png", png))`.
    pub fn bytes(status: u16, mime_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), mime_type.into())];
        Self { status, headers, body: body.into() }
    }

    /// Add a header: `.header("cache-control", "no-store")`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Read JSON, with the same kind of error that the host gives.
pub(crate) fn decode<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| invalid(&error))
}

/// Write JSON.
pub(crate) fn encode(value: &(impl serde::Serialize + ?Sized)) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| invalid(&error))
}

pub(crate) fn invalid(error: &dyn std::error::Error) -> Error {
    Error { code: "invalid".to_owned(), message: error.to_string(), retry_after_ms: None }
}

/// The first object of this name, at any depth.
pub(crate) fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields
            .get(name)
            .filter(|field| field.is_object())
            .or_else(|| fields.values().find_map(|v| find(v, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, json: &str) -> Message {
        Message {
            id: String::new(),
            message_id: String::new(),
            account: String::new(),
            chat: String::new(),
            contact: String::new(),
            time: 0,
            kind: kind.to_owned(),
            text: String::new(),
            attempt: 1,
            json: json.to_owned(),
        }
    }

    #[test]
    fn a_tapped_button_is_a_choice_and_a_text_is_none() {
        let json = r#"{"data":{"content":{"type":"interactive","interactive":{"reply":{"id":"yes","title":"Yes"}}}}}"#;
        assert_eq!(message("interactive", json).choice().as_deref(), Some("yes"));
        assert_eq!(message("text", json).choice(), None);
        assert_eq!(message("interactive", "not json").choice(), None);
    }

    #[test]
    fn what_is_not_json_is_an_invalid_error_not_a_panic() {
        let error = message("text", "{").details::<Value>().expect_err("cut short");
        assert_eq!(error.code, "invalid");
    }
}
