//! What a handler is given: an event, as its kind is called.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::model::{Event, Message};
use crate::plugin::Input;
use crate::plugin::manifest::On;

/// The input that an event stands for, from what it holds itself.
///
/// # Errors
/// Where the event's data is not what its kind says.
pub fn of(event: &Event) -> serde_json::Result<Input> {
    let text = |name: &str| event.data[name].as_str().unwrap_or_default().to_owned();
    Ok(match On::of(&event.kind) {
        On::Message => {
            Input::Message(Box::new(serde_json::from_value::<Message>(event.data.clone())?))
        }
        On::Status => Input::Status,
        On::Account => Input::Account,
        On::Event => Input::Event,
        On::Timer => Input::Timer { name: text("name"), payload: text("payload") },
        On::Webhook => Input::Webhook {
            method: text("method"),
            path: text("path"),
            headers: serde_json::from_value(event.data["headers"].clone()).unwrap_or_default(),
            body: STANDARD.decode(text("body_base64")).unwrap_or_default(),
        },
    })
}
