//! Messages: send, look at, cancel.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::DateTime;
use serde_json::{Map, Value, json};

use crate::flow::{House, send};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Path, iso};
use crate::model::{Content, Direction, Message, Millis, SendOptions};
use crate::store::{Conn, account, contact, message};

/// With `to`, `type` and a field of that name; where wanted `account`,
/// `scheduleAt` (ISO 8601), `replyTo`, `withTyping`, `randomize`, `cancelIfReplied`, `idempotencyId`.
/// 202 once the message is committed; the same `idempotencyId` on an account is the same message.
#[utoipa::path(post, path = "/messages", tag = "messages", responses((status = 202, description = "Done", body = Value)))]
pub async fn send(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    let mut request = parse(&caller.team_id, body)?;
    request.department_id = caller.department_id;
    let message = send::queue(&house, request).await??;
    let mut conn = house.store.read().await?;
    let mut views = views(&mut conn, &[message]).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(views.pop().unwrap_or_default())))
}

/// What the body asks; every field it has must be known.
fn parse(team_id: &str, mut body: Map<String, Value>) -> Result<send::Request, ApiError> {
    let to = take_text(&mut body, "to")?
        .ok_or_else(|| ApiError::invalid("to: give a phone number or the id of a chat"))?;
    let account_id = take_text(&mut body, "account")?;
    let client_id = take_text(&mut body, "idempotencyId")?;
    if client_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 200) {
        return Err(ApiError::invalid("idempotencyId: 1 to 200 characters"));
    }
    let options = SendOptions {
        due_at: take_time(&mut body, "scheduleAt")?,
        reply_to: take_text(&mut body, "replyTo")?,
        typing: take_truth(&mut body, "withTyping")?,
        randomise: take_truth(&mut body, "randomize")?,
        cancel_if_replied: take_truth(&mut body, "cancelIfReplied")?,
    };
    let content = content(body)?;
    // Spaces and dashes in a number are forgiven.
    let to = if to.starts_with('+') {
        to.chars().filter(|c| !" -()./".contains(*c)).collect()
    } else {
        to
    };
    Ok(send::Request {
        team_id: team_id.to_owned(),
        account_id,
        to,
        content,
        options,
        client_id,
        department_id: String::new(),
    })
}

/// What is left of the body once the envelope is off: a type, and the field of its name.
fn content(body: Map<String, Value>) -> Result<Content, ApiError> {
    let kind = match body.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => return Err(ApiError::invalid("type: give one, such as \"text\"")),
    };
    let field = if kind == "note" { "text" } else { kind.as_str() };
    if let Some(unknown) = body.keys().find(|key| *key != "type" && *key != field) {
        return Err(ApiError::invalid(format!(
            "unknown field {unknown:?}: a message of type {kind:?} has to, account, type, {field}, scheduleAt, replyTo, \
             withTyping, randomize, cancelIfReplied and idempotencyId"
        )));
    }
    let field = field.to_owned();
    let content: Content = serde_json::from_value(Value::Object(body))
        .map_err(|error| ApiError::invalid(format!("{field}: {error}")))?;
    content.check()?;
    Ok(content)
}

fn take_text(body: &mut Map<String, Value>, field: &str) -> Result<Option<String>, ApiError> {
    match body.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text)),
        Some(_) => Err(ApiError::invalid(format!("{field}: must be a text without NUL"))),
    }
}

fn take_truth(body: &mut Map<String, Value>, field: &str) -> Result<bool, ApiError> {
    match body.remove(field) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(truth)) => Ok(truth),
        Some(_) => Err(ApiError::invalid(format!("{field}: must be true or false"))),
    }
}

fn take_time(body: &mut Map<String, Value>, field: &str) -> Result<Option<Millis>, ApiError> {
    let Some(text) = take_text(body, field)? else { return Ok(None) };
    let moment = DateTime::parse_from_rfc3339(&text).map_err(|_| {
        ApiError::invalid(format!(
            "{field}: give a moment with its zone, such as 2026-01-31T09:00:00Z"
        ))
    })?;
    Ok(Some(moment.timestamp_millis()))
}

/// Get messages.
#[utoipa::path(get, path = "/messages/{id}", tag = "messages", responses((status = 200, description = "Done", body = Value)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    let mut conn = house.store.read().await?;
    let found = message::get(&mut conn, &caller.team_id, &id).await?;
    let message = found.ok_or_else(|| ApiError::not_found("message", &id))?;
    seen(&mut conn, &caller, &message.account_id).await?;
    let mut views = views(&mut conn, &[message]).await?;
    Ok(axum::Json(views.pop().unwrap_or_default()))
}

/// Cancel it while nobody has begun to send it.
#[utoipa::path(delete, path = "/messages/{id}", tag = "messages", responses((status = 200, description = "Done", body = Value)))]
pub async fn cancel(
    State(house): State<Arc<House>>,
    caller: Caller,
    id: Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    let cancelled = send::cancel(&house, &caller.team_id, &id.0).await?;
    let name = id.0.clone();
    let message = get(State(house), caller, id).await?;
    if cancelled {
        return Ok(message);
    }
    let status = message.0["status"].as_str().unwrap_or_default();
    let text =
        format!("message {name:?} cannot be cancelled any more: it is {status}, or being sent now");
    Err(ApiError::conflict("not_pending", text))
}

/// That the caller sees the account that something belongs to.
pub(super) async fn seen(conn: &mut Conn, caller: &Caller, id: &str) -> Result<(), ApiError> {
    match account::get(conn, &caller.team_id, id).await? {
        Some(account) if caller.sees(&account) => Ok(()),
        _ => Err(ApiError::not_found("account", id)),
    }
}

/// Messages as the API shows them, with the phone numbers of both sides.
pub(super) async fn views(conn: &mut Conn, messages: &[Message]) -> Result<Vec<Value>, ApiError> {
    let mut ids: Vec<String> = messages.iter().map(|message| message.account_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let accounts: HashMap<String, String> = account::by_ids(conn, &ids)
        .await?
        .into_iter()
        .map(|account| (account.id, account.phone))
        .collect();
    let mut ids: Vec<String> = messages.iter().map(|message| message.contact_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let contacts = contact::by_ids(conn, &ids).await?;
    let view = |message: &Message| {
        let ours = accounts.get(&message.account_id).map_or("", String::as_str);
        let theirs = contacts.get(&message.contact_id).map_or("", |contact| contact.phone.as_str());
        view(message, ours, theirs)
    };
    Ok(messages.iter().map(view).collect())
}

fn view(message: &Message, ours: &str, theirs: &str) -> Value {
    let (from, to) =
        if message.direction == Direction::In { (theirs, ours) } else { (ours, theirs) };
    let mut view = json!({
        "id": message.id,
        "account": message.account_id,
        "chat": message.chat_id,
        "contact": message.contact_id,
        "direction": message.direction,
        "from": from,
        "to": to,
        "timestamp": iso(message.sent_at.unwrap_or(message.due_at)),
        "status": message.status,
        "createdAt": iso(message.created_at),
    });
    if let Ok(Value::Object(content)) = serde_json::to_value(&message.content) {
        for (key, value) in content {
            view[key] = value;
        }
    }
    if message.due_at > message.created_at && message.direction == Direction::Out {
        view["scheduleAt"] = iso(message.due_at);
    }
    if let Some(sent_at) = message.sent_at {
        view["sentAt"] = iso(sent_at);
    }
    if !message.reply_to.is_empty() {
        view["replyTo"] = message.reply_to.clone().into();
    }
    if !message.error_code.is_empty() {
        view["error"] = json!({ "code": message.error_code, "message": message.error_message });
    }
    if message.possible_duplicate {
        view["possibleDuplicate"] = true.into();
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: Value) -> Result<send::Request, ApiError> {
        let Value::Object(body) = body else { panic!("an object") };
        parse("team_1", body)
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
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let refusal = |body: Value| format!("{:?}", parsed(body).expect_err("does not fit"));
        assert!(
            refusal(
                json!({ "to": "+15550100123", "type": "text", "text": "hi", "sheduleAt": "x" })
            )
            .contains("sheduleAt")
        );
        assert!(refusal(json!({ "type": "text", "text": "hi" })).contains("to:"));
        assert!(refusal(json!({ "to": "+15550100123", "text": "hi" })).contains("type:"));
        assert!(refusal(json!({ "to": "+15550100123", "type": "text" })).contains("text"));
        assert!(
            refusal(json!({ "to": "+15550100123", "type": "text", "text": "  " }))
                .contains("empty")
        );
        assert!(
            refusal(
                json!({ "to": "+15550100123", "type": "text", "text": "hi", "scheduleAt": "soon" })
            )
            .contains("scheduleAt")
        );
        assert!(
            refusal(json!({ "to": "+15550100123", "type": "image", "image": { "uri": "x" } }))
                .contains("uri")
        );
    }
}
