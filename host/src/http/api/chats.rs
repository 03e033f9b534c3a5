//! Chats: list, look at, their messages, who answers, what is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::messages::{MessageList, seen, views};
use crate::flow::{House, record, send};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, iso, listed, short_text};
use crate::model::{Chat, Direction, Event, EventKind};
use crate::store::{Conn, chat, job, message, team};

type Answer = Result<axum::Json<Value>, ApiError>;

fn view(chat: &Chat) -> Value {
    let assigned =
        if chat.assigned.is_empty() { Value::Null } else { chat.assigned.clone().into() };
    json!({
        "id": chat.id,
        "account": chat.account_id,
        "contact": chat.contact_id,
        "unread": chat.unread,
        "assignedTo": assigned,
        "lastMessageAt": iso(chat.last_message_at),
        "lastInboundAt": iso(chat.last_inbound_at),
    })
}

async fn own(conn: &mut Conn, caller: &Caller, id: &str) -> Result<Chat, ApiError> {
    let missing = || ApiError::not_found("chat", id);
    let chat = chat::get(conn, &caller.team_id, id).await?.ok_or_else(missing)?;
    seen(conn, caller, &chat.account_id).await.map_err(|_| missing())?;
    Ok(chat)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChatQuery {
    /// Only chats of this department's accounts.
    #[serde(default)]
    department: String,
    #[serde(default)]
    cursor: String,
    limit: Option<i64>,
}

/// List chats.
#[utoipa::path(get, path = "/chats", tag = "chats", responses((status = 200, description = "Done", body = Value)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<ChatQuery>,
) -> Answer {
    let page = Page::new(query.cursor, query.limit);
    let Some(department) = caller.within(query.department) else {
        return Ok(listed("chats", Vec::new(), None));
    };
    let mut conn = house.store.read().await?;
    let after = page.cursor();
    let mut chats =
        chat::list(&mut conn, &caller.team_id, &department, after, page.fetch()).await?;
    let next = page.cut(&mut chats, |chat| chat.id.clone());
    Ok(listed("chats", chats.iter().map(view).collect(), next))
}

/// Get chats.
#[utoipa::path(get, path = "/chats/{id}", tag = "chats", responses((status = 200, description = "Done", body = Value)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    Ok(axum::Json(view(&own(&mut *house.store.read().await?, &caller, &id).await?)))
}

/// Newest first.
#[utoipa::path(get, path = "/chats/{id}/messages", tag = "chats", responses((status = 200, description = "A page of messages", body = MessageList)))]
pub async fn messages(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<MessageList>, ApiError> {
    let mut conn = house.store.read().await?;
    own(&mut conn, &caller, &id).await?;
    let mut found =
        message::history(&mut conn, &caller.team_id, &id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |message| message.id.clone());
    let messages = views(&mut conn, &found).await?;
    Ok(axum::Json(MessageList { messages, pagination: Pagination { next } }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The person who answers from now on.
    to: String,
    #[serde(default)]
    reason: String,
}

/// A person answers; the plugins stay silent.
#[utoipa::path(put, path = "/chats/{id}/assignment", tag = "chats", responses((status = 200, description = "Done", body = Value)))]
pub async fn assign(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(assignment): Json<Assignment>,
) -> Answer {
    let who = short_text(&assignment.to, "to", 100)?;
    if who.is_empty() {
        return Err(ApiError::invalid(
            "to: name who answers; DELETE hands the chat back to the plugins",
        ));
    }
    let reason = short_text(&assignment.reason, "reason", 500)?;
    hand(&house, &caller, &id, &who, &reason).await
}

/// The plugins answer again.
#[utoipa::path(delete, path = "/chats/{id}/assignment", tag = "chats", responses((status = 200, description = "Done", body = Value)))]
pub async fn hand_back(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    hand(&house, &caller, &id, "", "").await
}

async fn hand(house: &House, caller: &Caller, id: &str, who: &str, reason: &str) -> Answer {
    let team_id = &caller.team_id;
    let chat = own(&mut *house.store.read().await?, caller, id).await?;
    let event = Event {
        id: house.clock.id("evt"),
        team_id: team_id.to_owned(),
        cursor: 0,
        kind: EventKind::CHAT_ASSIGNED.to_owned(),
        account_id: chat.account_id,
        chat_id: chat.id,
        contact_id: chat.contact_id,
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        data: json!({ "assigned": who, "reason": reason }),
    };
    let mut tx = house.store.begin().await?;
    let mut numbers =
        team::draw(&mut tx, &record::numbers_for(std::slice::from_ref(&event))).await?;
    if chat::assign(&mut tx, team_id, id, who).await? {
        record::events(house, &mut tx, &mut numbers, vec![event]).await?;
        house.commit(tx).await?;
    } else {
        drop(tx);
    }
    Ok(axum::Json(view(&own(&mut *house.store.read().await?, caller, id).await?)))
}

/// Nothing is unread, and the customer sees it.
#[utoipa::path(post, path = "/chats/{id}/read", tag = "chats", responses((status = 200, description = "Done", body = Value)))]
pub async fn mark_read(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let mut conn = house.store.read().await?;
    own(&mut conn, &caller, &id).await?;
    let newest = message::history(&mut conn, &caller.team_id, &id, "", 50).await?;
    drop(conn);
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(caller.team_id.clone(), 1)])).await?;
    chat::mark_read(&mut tx, &caller.team_id, &id).await?;
    if let Some(last) = newest.iter().find(|message| message.direction == Direction::In) {
        let signal = send::read_signal(&house, &mut tx, &caller.team_id, &last.id).await?;
        job::insert(&mut tx, signal.as_slice()).await?;
    }
    house.commit(tx).await?;
    Ok(axum::Json(view(&own(&mut *house.store.read().await?, &caller, &id).await?)))
}
