//! Bulk sends: one content for many recipients, at a pace, with progress.

mod body;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::messages::{check_client_id, seen};
use crate::flow::bulk as work;
use crate::flow::{House, repeat};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment};
use crate::model::Status;
use crate::store::{Conn, bulk, message};
use body::NewBulkSend;

type Answer = Result<axum::Json<BulkSend>, ApiError>;

/// A bulk send and how far it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkSend {
    pub id: String,
    pub account: String,
    pub state: BulkState,
    pub content: Value,
    /// Messages a minute.
    pub pace: i64,
    pub total: i64,
    /// Recipients whose message is queued or further.
    pub queued: i64,
    /// Messages by status; those that are not queued yet are in none.
    pub counts: BulkCounts,
    pub created_at: Option<String>,
    /// When it begins, or began.
    pub begins_at: Option<String>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkState {
    Running,
    Paused,
    /// Its messages that had not begun to leave were cancelled.
    Cancelled,
    /// All its messages are queued.
    Done,
}

#[derive(Default, Serialize, ToSchema)]
pub struct BulkCounts {
    pub pending: i64,
    pub sent: i64,
    pub delivered: i64,
    pub read: i64,
    pub error: i64,
    pub cancelled: i64,
}

async fn view(conn: &mut Conn, bulk: &bulk::Bulk) -> Result<BulkSend, ApiError> {
    let mut counts = BulkCounts::default();
    for (status, count) in bulk::counts(conn, &bulk.id).await? {
        match status {
            Status::Pending => counts.pending = count,
            Status::Sent => counts.sent = count,
            Status::Delivered => counts.delivered = count,
            Status::Read => counts.read = count,
            Status::Error => counts.error = count,
            Status::Cancelled => counts.cancelled = count,
            Status::Note => {}
        }
    }
    Ok(BulkSend {
        id: bulk.id.clone(),
        account: bulk.account_id.clone(),
        state: match bulk.state.as_str() {
            work::PAUSED => BulkState::Paused,
            work::CANCELLED => BulkState::Cancelled,
            work::DONE => BulkState::Done,
            _ => BulkState::Running,
        },
        content: serde_json::from_str(&bulk.content).unwrap_or_default(),
        pace: bulk.pace,
        total: bulk.total,
        queued: bulk.next_index,
        counts,
        created_at: moment(bulk.created_at),
        begins_at: moment(bulk.due_at),
    })
}

/// Send one content to many recipients
///
/// Each gets it once, whatever happens meanwhile; answers and single messages go before it. Who opted
/// out gets nothing, and their message the error `opted_out`.
///
/// 409 `quota` where the account's quota does not reach for all recipients, those of its other bulk
/// sends that are still to come counted in: then nothing is begun. What other messages take of the
/// quota meanwhile cannot be known: a recipient for whom nothing is left then has a message with the
/// error `quota`, which counts in `counts.error` and can be sent once more by `/messages/{id}/retry`.
#[utoipa::path(
    post,
    path = "/bulk",
    tag = "bulk",
    request_body = NewBulkSend,
    responses((status = 202, description = "It will be sent", body = BulkSend))
)]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewBulkSend>,
) -> Result<(StatusCode, axum::Json<BulkSend>), ApiError> {
    check_client_id(new.idempotency_id.as_deref())?;
    let (team_id, id) = (&caller.team_id, new.idempotency_id.clone());
    let hash = if id.is_some() { repeat::hash(&new)? } else { String::new() };
    let mut conn = house.store.read().await?;
    let before = work::known(&mut conn, team_id, id.as_deref(), &hash).await??;
    drop(conn);
    let bulk = match before {
        Some(before) => before,
        None => {
            let (bulk, recipients) = body::checked(&house, &caller, new, hash).await?;
            work::begin(&house, bulk, &recipients).await??
        }
    };
    let mut conn = house.store.read().await?;
    // By its `idempotencyId` it may be one that was begun before, on any account of the team.
    let bulk = own(&mut conn, &caller, &bulk.id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(view(&mut conn, &bulk).await?)))
}

/// A page of bulk sends.
#[derive(Serialize, ToSchema)]
pub struct BulkSendList {
    pub bulk: Vec<BulkSend>,
    pub pagination: Pagination,
}

/// List bulk sends
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/bulk",
    tag = "bulk",
    params(Page), responses((status = 200, description = "A page of bulk sends", body = BulkSendList))
)]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<BulkSendList>, ApiError> {
    let mut conn = house.store.read().await?;
    let mut found =
        bulk::list(&mut conn, &caller.team_id, &caller.department_id, page.cursor(), page.fetch())
            .await?;
    let next = page.cut(&mut found, |bulk| bulk.id.clone());
    let mut views = Vec::with_capacity(found.len());
    for bulk in &found {
        views.push(view(&mut conn, bulk).await?);
    }
    Ok(axum::Json(BulkSendList { bulk: views, pagination: Pagination { next } }))
}

/// The team's bulk send of this id, where the caller sees its account.
async fn own(conn: &mut Conn, caller: &Caller, id: &str) -> Result<bulk::Bulk, ApiError> {
    let missing = || ApiError::not_found("bulk send", id);
    let bulk = bulk::get(conn, &caller.team_id, id).await?.ok_or_else(missing)?;
    seen(conn, caller, &bulk.account_id).await.map_err(|_| missing())?;
    Ok(bulk)
}

/// Get a bulk send and its progress
#[utoipa::path(
    get,
    path = "/bulk/{id}",
    tag = "bulk",
    responses((status = 200, description = "How far it is", body = BulkSend))
)]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let mut conn = house.store.read().await?;
    let bulk = own(&mut conn, &caller, &id).await?;
    Ok(axum::Json(view(&mut conn, &bulk).await?))
}

/// One recipient and what became of them.
#[derive(Serialize, ToSchema)]
pub struct BulkRecipient {
    /// Empty: the person was erased since, and gets nothing.
    pub to: String,
    /// Null until it is queued.
    pub message: Option<String>,
    /// Null until it is queued, and where the message was forgotten.
    pub status: Option<Status>,
    /// The code of an error.
    pub error: Option<String>,
}

/// A page of recipients, in the order in which they were given.
#[derive(Serialize, ToSchema)]
pub struct BulkRecipientList {
    pub recipients: Vec<BulkRecipient>,
    pub pagination: Pagination,
}

/// List the recipients of a bulk send
#[utoipa::path(
    get,
    path = "/bulk/{id}/recipients",
    tag = "bulk",
    params(Page), responses((status = 200, description = "A page of recipients", body = BulkRecipientList))
)]
pub async fn recipients(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<BulkRecipientList>, ApiError> {
    let from = match page.cursor() {
        "" => 0,
        cursor => cursor
            .parse::<u32>()
            .map(|last| i64::from(last) + 1)
            .map_err(|_| ApiError::invalid("cursor: give pagination.next of the page before"))?,
    };
    let mut conn = house.store.read().await?;
    own(&mut conn, &caller, &id).await?;
    let mut found = bulk::recipients(&mut conn, &id, from, page.fetch()).await?;
    let next = page.cut(&mut found, |one| one.number.to_string());
    let ids: Vec<String> =
        found.iter().map(|one| one.message_id.clone()).filter(|id| !id.is_empty()).collect();
    let messages: BTreeMap<String, (Status, String)> = message::by_ids(&mut conn, &ids)
        .await?
        .into_iter()
        .map(|message| (message.id, (message.status, message.error_code)))
        .collect();
    let recipients = found
        .into_iter()
        .map(|one| {
            let message = messages.get(&one.message_id);
            BulkRecipient {
                status: message.map(|(status, _)| *status),
                error: message.map(|(_, code)| code.clone()).filter(|code| !code.is_empty()),
                message: Some(one.message_id).filter(|id| !id.is_empty()),
                to: one.recipient,
            }
        })
        .collect();
    Ok(axum::Json(BulkRecipientList { recipients, pagination: Pagination { next } }))
}

/// Pause a bulk send
///
/// What it has queued still leaves: at most what its pace allows in a second.
#[utoipa::path(
    post,
    path = "/bulk/{id}/pause",
    tag = "bulk",
    responses((status = 200, description = "How far it is", body = BulkSend))
)]
pub async fn pause(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    turn(&house, &caller, &id, work::PAUSED).await
}

/// Resume a bulk send
#[utoipa::path(
    post,
    path = "/bulk/{id}/resume",
    tag = "bulk",
    responses((status = 200, description = "How far it is", body = BulkSend))
)]
pub async fn resume(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    turn(&house, &caller, &id, work::RUNNING).await
}

/// Cancel a bulk send
///
/// For good: nothing more is queued, and what has not begun to leave is cancelled.
#[utoipa::path(
    post,
    path = "/bulk/{id}/cancel",
    tag = "bulk",
    responses((status = 200, description = "How far it came", body = BulkSend))
)]
pub async fn cancel(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    turn(&house, &caller, &id, work::CANCELLED).await
}

async fn turn(house: &House, caller: &Caller, id: &str, to: &'static str) -> Answer {
    own(&mut *house.store.read().await?, caller, id).await?;
    let turned = work::turn(house, &caller.team_id, id, to).await?;
    let bulk = turned.ok_or_else(|| ApiError::not_found("bulk send", id))??;
    Ok(axum::Json(view(&mut *house.store.read().await?, &bulk).await?))
}
