//! Chats: list, look at, their messages, who answers, what is read, where they are kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::messages::{MessageList, listed, seen};
use crate::flow::rules::window;
use crate::flow::{House, record, signal};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment, short_text};
use crate::model::{Account, Chat, Direction, Event, EventKind, Millis};
use crate::store::chat::{Filter, Shelf};
use crate::store::{Conn, account, chat, job, message, team};

/// An account's conversation with a contact.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatView {
    pub id: String,
    pub account: String,
    pub contact: String,
    pub unread: i64,
    /// Who answers; null: the plugins.
    #[schema(required)]
    pub assigned_to: Option<String>,
    pub archived: bool,
    pub pinned: bool,
    /// Whether the contact is blocked.
    pub blocked: bool,
    #[schema(required)]
    pub last_message_at: Option<String>,
    #[schema(required)]
    pub last_inbound_at: Option<String>,
    pub window: WindowState,
    /// Until when any message may be sent; null where the window is closed, or there is none.
    #[schema(required)]
    pub window_until: Option<String>,
}

/// Whether any message may be sent, or only templates.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WindowState {
    /// The customer has written in the last 24 hours.
    Open,
    /// Only templates may be sent.
    Closed,
    /// The account need not keep it.
    None,
}

#[derive(Serialize, ToSchema)]
pub struct ChatList {
    pub chats: Vec<ChatView>,
    pub pagination: Pagination,
}

type Shown = Result<axum::Json<ChatView>, ApiError>;

fn view(chat: Chat, account: Option<&Account>, now: Millis) -> ChatView {
    let until = account.map_or(Millis::MAX, |account| window::until(account, Some(&chat), now));
    let (window, window_until) = match until {
        0 => (WindowState::Closed, None),
        Millis::MAX => (WindowState::None, None),
        until => (WindowState::Open, moment(until)),
    };
    ChatView {
        id: chat.id,
        account: chat.account_id,
        contact: chat.contact_id,
        unread: chat.unread,
        assigned_to: (!chat.assigned.is_empty()).then_some(chat.assigned),
        archived: chat.archived,
        pinned: chat.pinned,
        blocked: chat.blocked,
        last_message_at: moment(chat.last_message_at),
        last_inbound_at: moment(chat.last_inbound_at),
        window,
        window_until,
    }
}

async fn own(conn: &mut Conn, caller: &Caller, id: &str) -> Result<Chat, ApiError> {
    let missing = || ApiError::not_found("chat", id);
    let chat = chat::get(conn, &caller.team_id, id).await?.ok_or_else(missing)?;
    seen(conn, caller, &chat.account_id).await.map_err(|_| missing())?;
    Ok(chat)
}

async fn shown(house: &House, caller: &Caller, id: &str) -> Shown {
    let mut conn = house.store.read().await?;
    let chat = own(&mut conn, caller, id).await?;
    let account = account::get(&mut conn, &caller.team_id, &chat.account_id).await?;
    Ok(axum::Json(view(chat, account.as_ref(), house.clock.now())))
}

/// Which chats to list; all that are given must hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ChatQuery {
    /// `pagination.next` of the page before; absent: the first page.
    #[serde(default)]
    cursor: String,
    /// At most so many: 50 where absent, 200 at most.
    limit: Option<i64>,
    /// Only chats of this department's accounts.
    #[serde(default)]
    department: String,
    /// Of this account.
    account: Option<String>,
    /// With this contact, by its id.
    contact: Option<String>,
    /// That this person answers in; empty: that the plugins do.
    assigned: Option<String>,
    unread: Option<bool>,
    archived: Option<bool>,
    pinned: Option<bool>,
}

/// List chats
#[utoipa::path(get, path = "/chats", tag = "chats",
    params(ChatQuery), responses((status = 200, description = "A page of them", body = ChatList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<ChatQuery>,
) -> Result<axum::Json<ChatList>, ApiError> {
    let page = Page::new(query.cursor, query.limit);
    let Some(department_id) = caller.within(query.department) else {
        return Ok(axum::Json(ChatList {
            chats: Vec::new(),
            pagination: Pagination { next: None },
        }));
    };
    let filter = Filter {
        department_id,
        account_id: query.account,
        contact_id: query.contact,
        assigned: query.assigned,
        unread: query.unread,
        archived: query.archived,
        pinned: query.pinned,
    };
    let mut conn = house.store.read().await?;
    let mut found =
        chat::list(&mut conn, &caller.team_id, &filter, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |chat| chat.id.clone());
    let mut ids: Vec<String> = found.iter().map(|chat| chat.account_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let accounts: HashMap<String, Account> = account::by_ids(&mut conn, &ids)
        .await?
        .into_iter()
        .map(|account| (account.id.clone(), account))
        .collect();
    let now = house.clock.now();
    let view = |chat: Chat| {
        let account = accounts.get(&chat.account_id);
        view(chat, account, now)
    };
    let chats = found.into_iter().map(view).collect();
    Ok(axum::Json(ChatList { chats, pagination: Pagination { next } }))
}

/// Get a chat
#[utoipa::path(get, path = "/chats/{id}", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn get(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Shown {
    shown(&house, &caller, &id).await
}

/// A chat's messages
///
/// Newest first.
#[utoipa::path(get, path = "/chats/{id}/messages", tag = "chats",
    params(Page), responses((status = 200, description = "A page of them", body = MessageList)))]
pub async fn messages(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<MessageList>, ApiError> {
    let mut conn = house.store.read().await?;
    let chat = own(&mut conn, &caller, &id).await?;
    listed(&mut conn, &caller, message::Filter::chat(&chat.id), &page).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The person who answers from now on.
    to: String,
    #[serde(default)]
    reason: String,
}

/// Let a person answer
///
/// The plugins stay silent in this chat.
#[utoipa::path(put, path = "/chats/{id}/assignment", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn assign(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(assignment): Json<Assignment>,
) -> Shown {
    let who = short_text(&assignment.to, "to", 100)?;
    if who.is_empty() {
        return Err(ApiError::invalid(
            "to: name who answers; DELETE hands the chat back to the plugins",
        ));
    }
    let reason = short_text(&assignment.reason, "reason", 500)?;
    hand(&house, &caller, &id, &who, &reason).await
}

/// Let the plugins answer again
#[utoipa::path(delete, path = "/chats/{id}/assignment", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn hand_back(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Shown {
    hand(&house, &caller, &id, "", "").await
}

async fn hand(house: &House, caller: &Caller, id: &str, who: &str, reason: &str) -> Shown {
    let chat = own(&mut *house.store.read().await?, caller, id).await?;
    let data = json!({ "assigned": who, "reason": reason });
    let event = event(house, &chat, EventKind::CHAT_ASSIGNED, data);
    let mut tx = house.store.begin().await?;
    let mut numbers =
        team::draw(&mut tx, &record::numbers_for(std::slice::from_ref(&event))).await?;
    if chat::assign(&mut tx, &caller.team_id, &chat.id, who).await? {
        record::events(house, &mut tx, &mut numbers, vec![event]).await?;
        house.commit(tx).await?;
    } else {
        drop(tx);
    }
    shown(house, caller, &chat.id).await
}

fn event(house: &House, chat: &Chat, kind: &str, data: Value) -> Event {
    Event {
        id: house.clock.id("evt"),
        team_id: chat.team_id.clone(),
        cursor: 0,
        kind: kind.to_owned(),
        account_id: chat.account_id.clone(),
        chat_id: chat.id.clone(),
        contact_id: chat.contact_id.clone(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        trace: Default::default(),
        data,
    }
}

/// Say that all is read
///
/// Nothing is unread, and the customer sees it.
#[utoipa::path(post, path = "/chats/{id}/read", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn mark_read(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Shown {
    let mut conn = house.store.read().await?;
    let id = own(&mut conn, &caller, &id).await?.id;
    let newest =
        message::find(&mut conn, &caller.team_id, &message::Filter::chat(&id), "", 50).await?;
    drop(conn);
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(caller.team_id.clone(), 1)])).await?;
    chat::mark_read(&mut tx, &caller.team_id, &id).await?;
    if let Some(last) = newest.iter().find(|message| message.direction == Direction::In) {
        let signal = signal::read_signal(&house, &mut tx, &caller.team_id, &last.id).await?;
        job::insert(&mut tx, signal.as_slice()).await?;
    }
    house.commit(tx).await?;
    shown(&house, &caller, &id).await
}

/// Mark a chat as unread
///
/// For the team's own people; the customer sees nothing of it.
#[utoipa::path(post, path = "/chats/{id}/unread", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn mark_unread(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Shown {
    let chat = own(&mut *house.store.read().await?, &caller, &id).await?;
    let unread = Some(chat.unread.max(1));
    shelve(&house, &caller, chat, Shelf { unread, ..Shelf::default() }, json!({ "unread": true }))
        .await
}

/// Archive a chat
///
/// A new message takes it out again.
#[utoipa::path(put, path = "/chats/{id}/archive", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn archive(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Shown {
    archived(&house, &caller, &id, true).await
}

/// Take a chat out of the archive
#[utoipa::path(delete, path = "/chats/{id}/archive", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn unarchive(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Shown {
    archived(&house, &caller, &id, false).await
}

async fn archived(house: &House, caller: &Caller, id: &str, archived: bool) -> Shown {
    let chat = own(&mut *house.store.read().await?, caller, id).await?;
    let shelf = Shelf { archived: Some(archived), ..Shelf::default() };
    shelve(house, caller, chat, shelf, json!({ "archived": archived })).await
}

/// Pin a chat
#[utoipa::path(put, path = "/chats/{id}/pin", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn pin(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Shown {
    pinned(&house, &caller, &id, true).await
}

/// Unpin a chat
#[utoipa::path(delete, path = "/chats/{id}/pin", tag = "chats",
    responses((status = 200, description = "The chat", body = ChatView)))]
pub async fn unpin(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Shown {
    pinned(&house, &caller, &id, false).await
}

async fn pinned(house: &House, caller: &Caller, id: &str, pinned: bool) -> Shown {
    let chat = own(&mut *house.store.read().await?, caller, id).await?;
    let shelf = Shelf { pinned: Some(pinned), ..Shelf::default() };
    shelve(house, caller, chat, shelf, json!({ "pinned": pinned })).await
}

async fn shelve(house: &House, caller: &Caller, chat: Chat, shelf: Shelf, data: Value) -> Shown {
    let event = event(house, &chat, EventKind::CHAT_UPDATED, data);
    let mut tx = house.store.begin().await?;
    let mut numbers =
        team::draw(&mut tx, &record::numbers_for(std::slice::from_ref(&event))).await?;
    if chat::shelve(&mut tx, &chat.team_id, &chat.id, shelf).await? {
        record::events(house, &mut tx, &mut numbers, vec![event]).await?;
        house.commit(tx).await?;
    } else {
        drop(tx);
    }
    shown(house, caller, &chat.id).await
}
