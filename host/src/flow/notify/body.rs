//! A fact as customers read it: posted, streamed and pulled.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::{Event, Millis};

/// Something that happened: its name and time, and where it belongs.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// What happened: a name of the host's, or a plugin's own.
    #[serde(rename = "type")]
    #[schema(example = "message.received")]
    pub kind: String,
    /// When it happened.
    #[schema(format = DateTime)]
    pub timestamp: String,
    #[schema(example = "evt_01KDY0000000000000000000")]
    pub id: String,
    /// Its place in the team's stream.
    pub cursor: i64,
    /// Null where it has none, as the next three.
    #[schema(required)]
    pub account: Option<String>,
    #[schema(required)]
    pub chat: Option<String>,
    #[schema(required)]
    pub contact: Option<String>,
    #[schema(required)]
    pub message: Option<String>,
    /// What there is to know, by its name.
    pub data: Value,
}

/// What is told of an event.
pub fn body(event: &Event) -> EventView {
    let named = |id: &String| (!id.is_empty()).then(|| id.clone());
    EventView {
        kind: event.kind.clone(),
        timestamp: moment(event.at),
        id: event.id.clone(),
        cursor: event.cursor,
        account: named(&event.account_id),
        chat: named(&event.chat_id),
        contact: named(&event.contact_id),
        message: named(&event.message_id),
        data: event.data.clone(),
    }
}

/// A moment as ISO 8601 in UTC.
pub(super) fn moment(at: Millis) -> String {
    let moment: DateTime<Utc> = DateTime::from_timestamp_millis(at).unwrap_or_default();
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
