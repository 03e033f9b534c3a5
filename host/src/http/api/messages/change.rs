//! Messages changed by hand: edit, once more, mark as read.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{Moment, moment};
use super::view::{self, Message};
use crate::flow::rules::Refused;
use crate::flow::{House, pending};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Path};
use crate::model::{Content, Millis};

type Answer = Result<axum::Json<Message>, ApiError>;

/// What to change in a message that waits: what it says, when it leaves, or both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MessageChange {
    content: Option<Content>,
    /// A moment to come, or one that has just passed: now.
    #[serde(default, deserialize_with = "moment")]
    #[schema(value_type = Option<Moment>)]
    schedule_at: Option<Millis>,
}

/// Edit a message that waits
///
/// While nobody has begun to send it; otherwise 409 `not_pending`. With another time it takes a new
/// place in its chat.
#[utoipa::path(
    patch,
    path = "/messages/{id}",
    tag = "messages",
    request_body = MessageChange,
    responses((status = 200, description = "The message as it is now", body = Message))
)]
pub async fn edit(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(change): Json<MessageChange>,
) -> Answer {
    if change.content.is_none() && change.schedule_at.is_none() {
        return Err(ApiError::invalid("give content, scheduleAt or both"));
    }
    super::own(&mut *house.store.read().await?, &caller, &id).await?;
    let edit = pending::Edit {
        content: change.content,
        due_at: change.schedule_at,
        department_id: caller.department_id.clone(),
    };
    let edited = pending::edit(&house, &caller.team_id, &id, edit).await?;
    changed(&house, &caller, &id, edited).await
}

/// Send a message that failed once more
///
/// It is refused where a new message would be, and counts in the account's quota again.
#[utoipa::path(
    post,
    path = "/messages/{id}/retry",
    tag = "messages",
    responses((status = 200, description = "The message, pending again", body = Message))
)]
pub async fn retry(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    super::own(&mut *house.store.read().await?, &caller, &id).await?;
    let retried = pending::retry(&house, &caller.team_id, &id).await?;
    changed(&house, &caller, &id, retried).await
}

/// Mark a customer's message as read
///
/// The customer sees it, and nothing in the chat is unread.
#[utoipa::path(
    post,
    path = "/messages/{id}/read",
    tag = "messages",
    responses((status = 200, description = "The message", body = Message))
)]
pub async fn mark_read(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    super::own(&mut *house.store.read().await?, &caller, &id).await?;
    let read = pending::mark_read(&house, &caller.team_id, &id).await?;
    changed(&house, &caller, &id, read).await
}

async fn changed(
    house: &House,
    caller: &Caller,
    id: &str,
    done: Option<Result<(), Refused>>,
) -> Answer {
    done.ok_or_else(|| ApiError::not_found("message", id))??;
    let mut conn = house.store.read().await?;
    let message = super::own(&mut conn, caller, id).await?;
    view::one(&mut conn, message).await
}
