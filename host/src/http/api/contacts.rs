//! Contacts: list, look at, their messages. A contact is named by id or by phone number.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::messages::{MessageList, views};
use crate::flow::House;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Page, Pagination, Path, Query, iso, listed, phone_number};
use crate::model::{Contact, Millis};
use crate::store::{Conn, chat, contact, message};

type Answer = Result<axum::Json<Value>, ApiError>;

fn view(contact: &Contact, last_message_at: Millis) -> Value {
    let names: Vec<&str> = contact.tags.iter().map(|(tag, _)| tag.as_str()).collect();
    let values: serde_json::Map<String, Value> =
        contact.tags.iter().map(|(tag, value)| (tag.clone(), value.clone().into())).collect();
    json!({
        "id": contact.id,
        "phone": contact.phone,
        "name": contact.name,
        "profileImage": null,
        "lastMessageAt": iso(last_message_at),
        "tags": names,
        "tagValues": values,
        "optIn": contact.opt_in,
        "firstSeenAt": iso(contact.first_seen_at),
        "lastSeenAt": iso(contact.last_seen_at),
    })
}

async fn own(conn: &mut Conn, team_id: &str, key: &str) -> Result<Contact, ApiError> {
    let found = if key.starts_with('+') {
        contact::by_phone(conn, team_id, &phone_number(key, "contact")?).await?
    } else {
        contact::get(conn, team_id, key).await?
    };
    found.ok_or_else(|| ApiError::not_found("contact", key))
}

/// List contacts.
#[utoipa::path(get, path = "/contacts", tag = "contacts", responses((status = 200, description = "Done", body = Value)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Answer {
    let mut conn = house.store.read().await?;
    let mut contacts =
        contact::list(&mut conn, &caller.team_id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut contacts, |contact| contact.id.clone());
    let ids: Vec<String> = contacts.iter().map(|contact| contact.id.clone()).collect();
    let last = chat::last_message_at(&mut conn, &ids).await?;
    let views =
        contacts.iter().map(|contact| view(contact, last.get(&contact.id).copied().unwrap_or(0)));
    Ok(listed("contacts", views.collect(), next))
}

/// Get contacts.
#[utoipa::path(get, path = "/contacts/{contact}", tag = "contacts", responses((status = 200, description = "Done", body = Value)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Answer {
    let mut conn = house.store.read().await?;
    let contact = own(&mut conn, &caller.team_id, &key).await?;
    let last = chat::last_message_at(&mut conn, std::slice::from_ref(&contact.id)).await?;
    Ok(axum::Json(view(&contact, last.get(&contact.id).copied().unwrap_or(0))))
}

/// On all accounts, newest first.
#[utoipa::path(get, path = "/contacts/{contact}/messages", tag = "contacts", responses((status = 200, description = "A page of messages", body = MessageList)))]
pub async fn messages(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<MessageList>, ApiError> {
    let mut conn = house.store.read().await?;
    let contact = own(&mut conn, &caller.team_id, &key).await?;
    let mut found =
        message::list(&mut conn, &caller.team_id, &contact.id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |message| message.id.clone());
    let messages = views(&mut conn, &found).await?;
    Ok(axum::Json(MessageList { messages, pagination: Pagination { next } }))
}
