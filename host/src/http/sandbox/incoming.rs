//! A customer writes to an account.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use serde_json::{Map, Value, json};

use crate::channel::sandbox::Incoming;
use crate::model::{Alias, Content};

use super::{Refusal, Shared, account, phone_number};

/// `POST /sandbox/accounts/{account}/incoming` with `{"from", "type", <type>}` and, where wanted,
/// `name`, `aliases` (`[{"kind":"lid","value":"…"}]`), `reply_to` (the network's id), `referral`
/// (`source_type`) and `id` (the same one twice is the same message).
/// Answers `{"id"}` once the message is committed.
pub(super) async fn write(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(body) = body.map_err(|rejection| Refusal::invalid(rejection.body_text()))?;
    let incoming = parse(body)?;
    account(&house, &account_id).await?;
    let id = house.sandbox().incoming(&account_id, incoming).await?;
    Ok(Json(json!({ "id": id })))
}

/// What the body says; every field it has must be one that its type knows.
pub(super) fn parse(body: Value) -> Result<Incoming, Refusal> {
    let Value::Object(mut body) = body else {
        return Err(Refusal::invalid(
            "give an object such as {\"from\":\"+15550100123\",\"type\":\"text\",\"text\":\"hi\"}",
        ));
    };
    let aliases: Vec<Alias> = match body.remove("aliases") {
        None | Some(Value::Null) => Vec::new(),
        Some(aliases) => serde_json::from_value(aliases)
            .map_err(|error| Refusal::invalid(format!("aliases: {error}")))?,
    };
    if aliases.len() > 8 || aliases.iter().any(|alias| alias.value.len() > 128) {
        return Err(Refusal::invalid("aliases: at most 8, of at most 128 bytes each"));
    }
    let from = match take(&mut body, "from")? {
        // A network may tell only other names of a customer.
        None if !aliases.is_empty() => String::new(),
        from => phone_number(&from.unwrap_or_default(), "from")?,
    };
    let name = take(&mut body, "name")?.unwrap_or_default();
    let reply_to = take(&mut body, "reply_to")?.unwrap_or_default();
    let provider_id = take(&mut body, "id")?.filter(|id| !id.is_empty());
    let referral = match body.remove("referral") {
        None | Some(Value::Null) => None,
        Some(referral) => Some(
            serde_json::from_value(referral)
                .map_err(|error| Refusal::invalid(format!("referral: {error}")))?,
        ),
    };
    if [Some(&name), Some(&reply_to), provider_id.as_ref()]
        .into_iter()
        .flatten()
        .any(|text| text.len() > 256)
    {
        return Err(Refusal::invalid("name, reply_to and id: at most 256 bytes each"));
    }
    let content = content(body)?;
    Ok(Incoming { from, aliases, name, content, reply_to, referral, provider_id })
}

fn content(body: Map<String, Value>) -> Result<Content, Refusal> {
    let kind = match body.get("type") {
        Some(Value::String(kind)) if matches!(kind.as_str(), "note" | "template") => {
            return Err(Refusal::invalid(format!("type: a customer cannot send a {kind}")));
        }
        Some(Value::String(kind)) => kind.clone(),
        _ => return Err(Refusal::invalid("type: give one, such as \"text\"")),
    };
    if let Some(unknown) = body.keys().find(|key| *key != "type" && **key != kind) {
        return Err(Refusal::invalid(format!(
            "{unknown}: unknown for a message of type {kind:?}; it has from, aliases, name, reply_to, id, type and {kind}"
        )));
    }
    let content: Content = serde_json::from_value(Value::Object(body))
        .map_err(|error| Refusal::invalid(format!("{kind}: {error}")))?;
    content.check().map_err(|error| Refusal::invalid(error.to_string()))?;
    Ok(content)
}

/// Take an optional text out of the body.
fn take(body: &mut Map<String, Value>, field: &str) -> Result<Option<String>, Refusal> {
    match body.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(format!("{field}: must be a text without NUL"))),
    }
}
