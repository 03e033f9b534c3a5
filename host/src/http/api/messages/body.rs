//! What is asked to be sent: the options, and a content whose unknown fields are refused by name.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::flow::send;
use crate::http::error::ApiError;
use crate::model::{Content, Millis, SendOptions};

/// A message to send: `to`, `type`, and a field of that name with the content.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewMessage {
    /// A phone number (spaces and dashes are forgiven), or the id of a chat.
    #[schema(example = "+15550100123")]
    pub to: String,
    /// The account to send from; needed where the team has several and `to` is a number.
    pub account: Option<String>,
    /// When to send it.
    #[schema(value_type = Option<Moment>)]
    pub schedule_at: Option<Millis>,
    /// The id of the message that this one answers, of the same chat.
    pub reply_to: Option<String>,
    /// Show "typing…" for a moment before.
    #[schema(required = false)]
    pub with_typing: bool,
    /// Choose one wording of each `{Hi|Hello}`, and vary the spacing a little. Also written
    /// `randomize`.
    #[schema(required = false)]
    pub randomize_message: bool,
    /// Drop it if the customer writes before it has begun to be sent.
    #[schema(required = false)]
    pub cancel_if_replied: bool,
    /// Your own id, 1 to 200 characters: the same request under it again on the account is the same
    /// message.
    pub idempotency_id: Option<String>,
    #[serde(flatten)]
    pub content: Content,
}

/// A moment: ISO 8601 with its zone, or Unix time in seconds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Moment {
    #[schema(example = "2026-01-31T09:00:00Z")]
    Iso(String),
    Unix(i64),
}

impl Moment {
    /// Unix milliseconds.
    fn millis(self) -> Option<Millis> {
        match self {
            Self::Iso(text) => {
                chrono::DateTime::parse_from_rfc3339(&text).ok().map(|at| at.timestamp_millis())
            }
            Self::Unix(seconds) => seconds
                .checked_mul(1000)
                .filter(|at| chrono::DateTime::from_timestamp_millis(*at).is_some()),
        }
    }
}

/// An optional moment as a field of a body.
pub fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Millis>, D::Error> {
    let Some(value) = Option::<Value>::deserialize(from)? else { return Ok(None) };
    let known = serde_json::from_value::<Moment>(value).ok().and_then(Moment::millis);
    known.map(Some).ok_or_else(|| {
        serde::de::Error::custom(
            "scheduleAt: give a moment with its zone, such as 2026-01-31T09:00:00Z, or Unix seconds",
        )
    })
}

/// The options as they are written; what is left over is the content.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    to: String,
    account: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    schedule_at: Option<Millis>,
    reply_to: Option<String>,
    with_typing: Option<bool>,
    randomize_message: Option<bool>,
    randomize: Option<bool>,
    cancel_if_replied: Option<bool>,
    idempotency_id: Option<String>,
}

const OPTIONS: [&str; 9] = [
    "to",
    "account",
    "scheduleAt",
    "replyTo",
    "withTyping",
    "randomizeMessage",
    "randomize",
    "cancelIfReplied",
    "idempotencyId",
];

impl<'de> Deserialize<'de> for NewMessage {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut content = Map::<String, Value>::deserialize(from)?;
        let mut options = Map::new();
        for name in OPTIONS {
            options.extend(content.remove_entry(name));
        }
        Self::from_parts(options, content).map_err(serde::de::Error::custom)
    }
}

impl NewMessage {
    fn from_parts(
        options: Map<String, Value>,
        content: Map<String, Value>,
    ) -> Result<Self, String> {
        // Serde names a wrong type, but not whose it is.
        for (name, value) in &options {
            let fits = match name.as_str() {
                "withTyping" | "randomizeMessage" | "randomize" | "cancelIfReplied" => {
                    value.is_boolean()
                }
                "scheduleAt" => value.is_string() || value.is_i64(),
                _ => value.as_str().is_some_and(|text| !text.contains('\0')),
            };
            if !fits && !value.is_null() {
                return Err(format!("{name}: is of the wrong type"));
            }
        }
        if !options.get("to").is_some_and(Value::is_string) {
            return Err("to: give a phone number or the id of a chat".to_owned());
        }
        let options: Envelope =
            serde_json::from_value(Value::Object(options)).map_err(|error| error.to_string())?;
        Ok(Self {
            to: options.to,
            account: options.account,
            schedule_at: options.schedule_at,
            reply_to: options.reply_to,
            with_typing: options.with_typing.unwrap_or(false),
            randomize_message: options.randomize_message.or(options.randomize).unwrap_or(false),
            cancel_if_replied: options.cancel_if_replied.unwrap_or(false),
            idempotency_id: options.idempotency_id,
            content: content_of(content)?,
        })
    }

    /// What the queue is asked.
    pub fn into_request(self, team_id: &str) -> Result<send::Request, ApiError> {
        check_client_id(self.idempotency_id.as_deref())?;
        self.content.check()?;
        // Spaces and dashes in a number are forgiven.
        let to = if self.to.starts_with('+') {
            self.to.chars().filter(|c| !" -()./".contains(*c)).collect()
        } else {
            self.to
        };
        Ok(send::Request {
            team_id: team_id.to_owned(),
            account_id: self.account,
            to,
            content: self.content,
            options: SendOptions {
                due_at: self.schedule_at,
                reply_to: self.reply_to,
                typing: self.with_typing,
                randomise: self.randomize_message,
                cancel_if_replied: self.cancel_if_replied,
            },
            client_id: self.idempotency_id,
            department_id: String::new(),
            traceparent: String::new(),
        })
    }
}

/// What is left of the body once the options are off: a type, and the field of its name.
fn content_of(body: Map<String, Value>) -> Result<Content, String> {
    let Some(kind) = body.get("type").and_then(Value::as_str).map(str::to_owned) else {
        return Err("type: give one, such as \"text\"".to_owned());
    };
    let field = if kind == "note" { "text" } else { &kind };
    if let Some(unknown) = body.keys().find(|key| *key != "type" && *key != field) {
        return Err(format!(
            "unknown field {unknown:?}: a message of type {kind:?} has type, {field}, {}",
            OPTIONS.join(", ")
        ));
    }
    let field = field.to_owned();
    serde_json::from_value(Value::Object(body)).map_err(|error| format!("{field}: {error}"))
}

/// A caller's own id.
pub fn check_client_id(id: Option<&str>) -> Result<(), ApiError> {
    if id.is_some_and(|id| id.is_empty() || id.chars().count() > 200 || id.contains('\0')) {
        return Err(ApiError::invalid("idempotencyId: 1 to 200 characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(body: Value) -> Result<send::Request, String> {
        let new: NewMessage = serde_json::from_value(body).map_err(|error| error.to_string())?;
        new.into_request("team_1").map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_body_becomes_a_request() {
        let request = parsed(json!({
            "to": "+1 555 010-0123", "type": "text", "text": "hi", "scheduleAt": "2023-06-15T14:22:30Z",
            "withTyping": true, "idempotencyId": "a1"
        }))
        .expect("fits");
        assert_eq!(request.to, "+15550100123");
        assert_eq!(request.content, Content::text("hi"));
        assert_eq!(request.options.due_at, Some(1_686_838_950_000));
        assert!(request.options.typing && !request.options.randomise);
        assert_eq!(request.client_id.as_deref(), Some("a1"));
        let unix = json!({ "to": "+15550100123", "type": "text", "text": "hi", "scheduleAt": 1_686_838_950, "randomize": true });
        let request = parsed(unix).expect("fits");
        assert_eq!(request.options.due_at, Some(1_686_838_950_000));
        assert!(request.options.randomise);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (body, name) in [
            (
                json!({ "to": "+15550100123", "type": "text", "text": "hi", "sheduleAt": "x" }),
                "sheduleAt",
            ),
            (json!({ "type": "text", "text": "hi" }), "to:"),
            (json!({ "to": 5, "type": "text", "text": "hi" }), "to:"),
            (json!({ "to": "+15550100123", "text": "hi" }), "type:"),
            (json!({ "to": "+15550100123", "type": "text" }), "text"),
            (json!({ "to": "+15550100123", "type": "text", "text": "  " }), "empty"),
            (
                json!({ "to": "+15550100123", "type": "text", "text": "hi", "scheduleAt": "soon" }),
                "scheduleAt",
            ),
            (
                json!({ "to": "+15550100123", "type": "text", "text": "hi", "scheduleAt": i64::MAX }),
                "scheduleAt",
            ),
            (
                json!({ "to": "+15550100123", "type": "text", "text": "hi", "withTyping": "yes" }),
                "withTyping",
            ),
            (
                json!({ "to": "+15550100123", "type": "text", "text": "hi", "idempotencyId": "" }),
                "idempotencyId",
            ),
            (json!({ "to": "+15550100123", "type": "image", "image": { "uri": "x" } }), "uri"),
            (json!({ "to": "+15550100123", "type": "gif", "gif": {} }), "gif"),
        ] {
            let refusal = parsed(body.clone()).expect_err("does not fit");
            assert!(refusal.contains(name), "{body}: {refusal}");
        }
    }
}
