//! Messages: send, look at, find, cancel.

mod body;
pub mod change;
mod view;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

pub use body::{Moment, check_client_id, moment as moment_field};
pub use view::{Message, MessageList, listed};

use crate::flow::{House, pending, send};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Path, Query, Traceparent};
use crate::model::{Direction, Message as Stored, Status};
use crate::store::{Conn, account, contact, message, search};
use body::NewMessage;

/// Send a message
///
/// 202 once it is committed; the same request under the same `idempotencyId` on an account is the same
/// message, and another one under it is refused as 409 `idempotency_mismatch`. 429
/// `daily_limit` where as many as may have left the number today. A header `traceparent` is taken: the message, and
/// all that it leads to, are part of that trace.
#[utoipa::path(
    post,
    path = "/messages",
    tag = "messages",
    request_body = NewMessage,
    responses((status = 202, description = "It will be sent", body = Message))
)]
pub async fn send(
    State(house): State<Arc<House>>,
    caller: Caller,
    Traceparent(traceparent): Traceparent,
    Json(body): Json<NewMessage>,
) -> Result<(StatusCode, axum::Json<Message>), ApiError> {
    let mut request = body.into_request(&caller.team_id)?;
    request.department_id.clone_from(&caller.department_id);
    request.traceparent = traceparent;
    let message = match send::queue(&house, request).await? {
        Ok(message) => message,
        Err(refused) if refused.code == "daily_limit" => {
            let limit = house.config.limits.messages_per_day;
            return Err(ApiError::daily_limit(refused.message, limit, house.clock.now()));
        }
        Err(refused) => return Err(refused.into()),
    };
    let mut conn = house.store.read().await?;
    Ok((StatusCode::ACCEPTED, view::one(&mut conn, message).await?))
}

/// The team's message of this id, where the caller sees its account.
async fn own(conn: &mut Conn, caller: &Caller, id: &str) -> Result<Stored, ApiError> {
    let missing = || ApiError::not_found("message", id);
    let message = message::get(conn, &caller.team_id, id).await?.ok_or_else(missing)?;
    seen(conn, caller, &message.account_id).await.map_err(|_| missing())?;
    Ok(message)
}

/// That the caller sees the account that something belongs to.
pub(super) async fn seen(conn: &mut Conn, caller: &Caller, id: &str) -> Result<(), ApiError> {
    match account::get(conn, &caller.team_id, id).await? {
        Some(account) if caller.sees(&account) => Ok(()),
        _ => Err(ApiError::not_found("account", id)),
    }
}

/// Get a message
#[utoipa::path(
    get,
    path = "/messages/{id}",
    tag = "messages",
    responses((status = 200, description = "The message", body = Message))
)]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Message>, ApiError> {
    let mut conn = house.store.read().await?;
    let message = own(&mut conn, &caller, &id).await?;
    view::one(&mut conn, message).await
}

/// Which messages to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageFilter {
    /// An account's id.
    #[serde(default)]
    account: String,
    /// A chat's id.
    #[serde(default)]
    chat: String,
    /// A contact's id or phone number.
    #[serde(default)]
    contact: String,
    status: Option<Status>,
    direction: Option<Direction>,
    /// `true`: only what waits for a time to come.
    #[serde(default)]
    scheduled: bool,
    /// `pagination.next` of the page before.
    #[serde(default)]
    cursor: String,
    /// 50 where absent, 200 at most.
    limit: Option<i64>,
}

/// List messages
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/messages",
    tag = "messages",
    params(MessageFilter), responses((status = 200, description = "A page of messages", body = MessageList))
)]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(wanted): Query<MessageFilter>,
) -> Result<axum::Json<MessageList>, ApiError> {
    let mut conn = house.store.read().await?;
    let page = Page::new(wanted.cursor, wanted.limit);
    let filter = message::Filter {
        account: wanted.account,
        chat: wanted.chat,
        contact: contact_id(&mut conn, &caller.team_id, wanted.contact).await?,
        status: wanted.status,
        direction: wanted.direction,
        scheduled_after: wanted.scheduled.then(|| house.clock.now()),
        ..message::Filter::default()
    };
    listed(&mut conn, &caller, filter, &page).await
}

/// A contact may be named by its number.
async fn contact_id(conn: &mut Conn, team_id: &str, named: String) -> Result<String, ApiError> {
    if !named.starts_with(['+', ' ']) {
        return Ok(named);
    }
    // A plus in a query that is not encoded arrives as a blank.
    let phone = format!("+{}", named[1..].trim());
    let found = contact::by_phone(conn, team_id, &phone).await?;
    found.map(|contact| contact.id).ok_or_else(|| ApiError::not_found("contact", &phone))
}

/// What to look for.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageSearch {
    /// All of these words must be there, each as a word or the beginning of one; those in double
    /// quotes as whole words, one behind the other. Neither case nor accents count.
    q: String,
    /// An account's id.
    #[serde(default)]
    account: String,
    /// A chat's id.
    #[serde(default)]
    chat: String,
    /// A contact's id or phone number.
    #[serde(default)]
    contact: String,
    /// `pagination.next` of the page before.
    #[serde(default)]
    cursor: String,
    /// 50 where absent, 200 at most.
    limit: Option<i64>,
}

/// Search messages
///
/// By the words of texts, captions, file names, places and contact cards; newest first.
#[utoipa::path(
    get,
    path = "/messages/search",
    tag = "messages",
    params(MessageSearch), responses((status = 200, description = "A page of messages", body = MessageList))
)]
pub async fn search(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(wanted): Query<MessageSearch>,
) -> Result<axum::Json<MessageList>, ApiError> {
    if wanted.q.chars().count() > 500 {
        return Err(ApiError::invalid("q: at most 500 characters"));
    }
    let mut conn = house.store.read().await?;
    let page = Page::new(wanted.cursor, wanted.limit);
    let (team, typed) = (&caller.team_id, &wanted.q);
    let filter = message::Filter {
        department: caller.department_id.clone(),
        account: wanted.account,
        chat: wanted.chat,
        contact: contact_id(&mut conn, team, wanted.contact).await?,
        ..message::Filter::default()
    };
    let found = search::find(&mut conn, team, typed, &filter, page.cursor(), page.fetch()).await?;
    view::paged(&mut conn, &page, found).await
}

/// Whether to cancel a message or to forget it.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageRemoval {
    /// `true`: the stored message is forgotten, whatever became of it.
    #[serde(default)]
    forget: bool,
}

/// Cancel a message, or forget it
///
/// Without `forget`: cancels it while nobody has begun to send it. With `forget=true`: deletes what
/// is stored of a message that is not on its way; the customer keeps theirs.
#[utoipa::path(
    delete,
    path = "/messages/{id}",
    tag = "messages",
    params(MessageRemoval), responses((status = 200, description = "The message as it is, or was", body = Message))
)]
pub async fn cancel(
    State(house): State<Arc<House>>,
    caller: Caller,
    id: Path<String>,
    Query(removal): Query<MessageRemoval>,
) -> Result<axum::Json<Message>, ApiError> {
    own(&mut *house.store.read().await?, &caller, &id.0).await?;
    if removal.forget {
        let forgotten = pending::forget(&house, &caller.team_id, &id.0).await?;
        let message = forgotten.ok_or_else(|| ApiError::not_found("message", &id.0))??;
        return view::one(&mut *house.store.read().await?, message).await;
    }
    let cancelled = send::cancel(&house, &caller.team_id, &id.0).await?;
    let name = id.0.clone();
    let message = get(State(house), caller, id).await?;
    if cancelled {
        return Ok(message);
    }
    let status = message.0.status;
    let text =
        format!("message {name:?} cannot be cancelled any more: it is {status}, or being sent now");
    Err(ApiError::conflict("not_pending", text))
}
