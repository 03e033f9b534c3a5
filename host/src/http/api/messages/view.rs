//! A message as the API shows it.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Page, Pagination, moment};
use crate::model::{Content, Direction, Message as Stored, Status};
use crate::store::{Conn, account, contact, message};

/// A message, in or out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: String,
    pub account: String,
    pub chat: String,
    pub contact: String,
    pub direction: Direction,
    /// Phone numbers; empty until the channel tells ours.
    pub from: String,
    pub to: String,
    /// When it was sent, or is to be.
    pub timestamp: String,
    pub status: Status,
    pub created_at: String,
    /// Where it was given a time to be sent at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<MessageError>,
    /// Its first send was in doubt, and it was sent again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub possible_duplicate: bool,
    #[serde(flatten)]
    pub content: Content,
}

/// Why a message was not sent or not delivered.
#[derive(Serialize, ToSchema)]
pub struct MessageError {
    /// The channel's code, or one of ours.
    pub code: String,
    pub message: String,
}

/// A page of messages, newest first.
#[derive(Serialize, ToSchema)]
pub struct MessageList {
    pub messages: Vec<Message>,
    pub pagination: Pagination,
}

/// A page of the messages that pass a filter, of those that the caller sees.
pub async fn listed(
    conn: &mut Conn,
    caller: &Caller,
    mut filter: message::Filter,
    page: &Page,
) -> Result<axum::Json<MessageList>, ApiError> {
    filter.department.clone_from(&caller.department_id);
    let found = message::find(conn, &caller.team_id, &filter, page.cursor(), page.fetch()).await?;
    paged(conn, page, found).await
}

/// A page of these messages, of which one more than fit was fetched.
pub async fn paged(
    conn: &mut Conn,
    page: &Page,
    mut found: Vec<Stored>,
) -> Result<axum::Json<MessageList>, ApiError> {
    let next = page.cut(&mut found, |message| message.id.clone());
    let messages = views(conn, &found).await?;
    Ok(axum::Json(MessageList { messages, pagination: Pagination { next } }))
}

/// Messages as the API shows them, with the phone numbers of both sides.
async fn views(conn: &mut Conn, messages: &[Stored]) -> Result<Vec<Message>, ApiError> {
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
    let view = |message: &Stored| {
        let ours = accounts.get(&message.account_id).map_or("", String::as_str);
        let theirs = contacts.get(&message.contact_id).map_or("", |contact| contact.phone.as_str());
        view(message, ours, theirs)
    };
    Ok(messages.iter().map(view).collect())
}

/// One message as the API shows it.
pub async fn one(conn: &mut Conn, message: Stored) -> Result<axum::Json<Message>, ApiError> {
    let mut views = views(conn, &[message]).await?;
    views.pop().map(axum::Json).ok_or_else(ApiError::internal)
}

fn view(message: &Stored, ours: &str, theirs: &str) -> Message {
    let is_in = message.direction == Direction::In;
    let (from, to) = if is_in { (theirs, ours) } else { (ours, theirs) };
    let is_scheduled = message.due_at > message.created_at && !is_in;
    let error =
        MessageError { code: message.error_code.clone(), message: message.error_message.clone() };
    Message {
        id: message.id.clone(),
        account: message.account_id.clone(),
        chat: message.chat_id.clone(),
        contact: message.contact_id.clone(),
        direction: message.direction,
        from: from.to_owned(),
        to: to.to_owned(),
        timestamp: moment(message.sent_at.unwrap_or(message.due_at)).unwrap_or_default(),
        status: message.status,
        created_at: moment(message.created_at).unwrap_or_default(),
        schedule_at: moment(message.due_at).filter(|_| is_scheduled),
        sent_at: message.sent_at.and_then(moment),
        reply_to: Some(message.reply_to.clone()).filter(|id| !id.is_empty()),
        error: Some(error).filter(|error| !error.code.is_empty()),
        possible_duplicate: message.possible_duplicate,
        content: message.content.clone(),
    }
}
