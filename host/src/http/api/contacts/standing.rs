//! How a team stands with a contact: tags, notes, block, opt-in, who it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{ContactView, own, shown, tag_name};
use crate::flow::{House, people, record};
use crate::http::api::messages::{MessageList, listed};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Path, Query, short_text};
use crate::model::{Contact, EventKind, OptIn, Status};
use crate::store::contact::Change;
use crate::store::{Conn, contact, message, team};

type Shown = Result<axum::Json<ContactView>, ApiError>;

/// Something to write about a contact, and the event that tells of it where it changed anything.
enum Turn {
    Tag(String, Option<String>),
    Block(bool),
    Consent(OptIn, String),
}

async fn turn(house: &House, caller: &Caller, key: &str, turn: Turn) -> Shown {
    let team_id = caller.team_id.as_str();
    let mut tx = house.store.begin().await?;
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let contact = own(&mut tx, team_id, key).await?;
    if let Some((kind, data)) = write(&mut tx, &contact, turn).await? {
        let told = people::event(house, team_id, kind, &contact.id, data);
        record::events(house, &mut tx, &mut numbers, vec![told]).await?;
    }
    house.commit(tx).await?;
    Ok(axum::Json(shown(house, caller, &contact.id).await?))
}

async fn write(
    conn: &mut Conn,
    contact: &Contact,
    turn: Turn,
) -> Result<Option<(&'static str, Value)>, ApiError> {
    Ok(match turn {
        Turn::Tag(tag, value) => {
            let present = contact.tags.iter().find(|(name, _)| *name == tag);
            if present.map(|(_, value)| value) == value.as_ref() {
                return Ok(None);
            }
            if value.is_some() && present.is_none() && contact.tags.len() >= 100 {
                return Err(ApiError::invalid("tag: a contact has at most 100"));
            }
            contact::set_tag(conn, &contact.id, &tag, value.as_deref()).await?;
            Some((EventKind::CONTACT_UPDATED, json!({ "tag": tag, "value": value })))
        }
        Turn::Block(blocked) if blocked == contact.blocked => None,
        Turn::Block(blocked) => {
            let change = Change { blocked: Some(blocked), ..Change::default() };
            contact::change(conn, &contact.team_id, &contact.id, &change).await?;
            Some((EventKind::CONTACT_UPDATED, json!({ "blocked": blocked })))
        }
        Turn::Consent(opt_in, reason) => {
            let kind = if opt_in == OptIn::Out {
                EventKind::CONTACT_OPTED_OUT
            } else {
                EventKind::CONTACT_OPTED_IN
            };
            contact::set_opt_in(conn, &contact.team_id, &contact.id, opt_in)
                .await?
                .then(|| (kind, json!({ "reason": reason })))
        }
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagValue {
    #[serde(default)]
    value: String,
}

/// Put a tag
///
/// With a value, which may be empty; a tag that is there takes the new one.
#[utoipa::path(put, path = "/contacts/{contact}/tags/{tag}", tag = "contacts",
    responses((status = 200, description = "The contact", body = ContactView)))]
pub async fn tag(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((key, tag)): Path<(String, String)>,
    Json(value): Json<TagValue>,
) -> Shown {
    let value = short_text(&value.value, "value", 1000)?;
    turn(&house, &caller, &key, Turn::Tag(tag_name(&tag)?, Some(value))).await
}

/// Take a tag away
#[utoipa::path(delete, path = "/contacts/{contact}/tags/{tag}", tag = "contacts",
    responses((status = 200, description = "The contact", body = ContactView)))]
pub async fn untag(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path((key, tag)): Path<(String, String)>,
) -> Shown {
    turn(&house, &caller, &key, Turn::Tag(tag_name(&tag)?, None)).await
}

/// Block a contact
///
/// What it writes is stored, but no plugin hears of it, and nothing is sent to it (`blocked`).
#[utoipa::path(put, path = "/contacts/{contact}/block", tag = "contacts",
    responses((status = 200, description = "The contact", body = ContactView)))]
pub async fn block(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Shown {
    turn(&house, &caller, &key, Turn::Block(true)).await
}

/// Unblock a contact
#[utoipa::path(delete, path = "/contacts/{contact}/block", tag = "contacts",
    responses((status = 200, description = "The contact", body = ContactView)))]
pub async fn unblock(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Shown {
    turn(&house, &caller, &key, Turn::Block(false)).await
}

/// Why somebody opted in or out.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentReason {
    #[serde(default)]
    reason: String,
}

/// Note that a contact agreed to hear from the team
#[utoipa::path(post, path = "/contacts/{contact}/opt-in", tag = "contacts",
    responses((status = 200, description = "The contact", body = ContactView)))]
pub async fn opt_in(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Json(why): Json<ConsentReason>,
) -> Shown {
    let reason = short_text(&why.reason, "reason", 500)?;
    turn(&house, &caller, &key, Turn::Consent(OptIn::In, reason)).await
}

/// Note that a contact wants to hear no more
///
/// Every send to it is refused from now on (`opted_out`), what waits to be sent as well.
#[utoipa::path(post, path = "/contacts/{contact}/opt-out", tag = "contacts",
    responses((status = 200, description = "The contact", body = ContactView)))]
pub async fn opt_out(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Json(why): Json<ConsentReason>,
) -> Shown {
    let reason = short_text(&why.reason, "reason", 500)?;
    turn(&house, &caller, &key, Turn::Consent(OptIn::Out, reason)).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    /// The other contact: its id, or a phone number.
    with: String,
}

/// Two contacts that are about to be one.
#[derive(Serialize, ToSchema)]
pub struct MergeView {
    /// The older one, which stands.
    pub contact: String,
    /// The one that becomes part of it; its id goes on to resolve.
    pub merging: String,
}

/// Say that two contacts are one person
///
/// The older one stands. They are merged as soon as nothing is under way in their chats;
/// `contact.merged` tells when.
#[utoipa::path(post, path = "/contacts/{contact}/merge", tag = "contacts",
    responses((status = 202, description = "They will be one", body = MergeView)))]
pub async fn merge(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Json(request): Json<MergeRequest>,
) -> Result<(StatusCode, axum::Json<MergeView>), ApiError> {
    let mut conn = house.store.read().await?;
    let one = own(&mut conn, &caller.team_id, &key).await?;
    let other = own(&mut conn, &caller.team_id, &request.with).await?;
    drop(conn);
    if one.id == other.id {
        return Err(ApiError::conflict("same_contact", "with: that is the same contact"));
    }
    let age = |contact: &Contact| (contact.first_seen_at, contact.id.clone());
    let (stays, goes) = if age(&one) <= age(&other) { (one, other) } else { (other, one) };
    people::merge(&house, &caller.team_id, &stays.id, &goes.id).await?;
    let view = MergeView { contact: stays.id, merging: goes.id };
    Ok((StatusCode::ACCEPTED, axum::Json(view)))
}

/// The notes about a contact
///
/// In all its chats, newest first. A note is a message of the type `note`, written by `POST
/// /messages`; it is never sent.
#[utoipa::path(get, path = "/contacts/{contact}/notes", tag = "contacts",
    params(Page), responses((status = 200, description = "A page of them", body = MessageList)))]
pub async fn notes(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<MessageList>, ApiError> {
    let mut conn = house.store.read().await?;
    let contact = own(&mut conn, &caller.team_id, &key).await?;
    let status = Some(Status::Note);
    let filter = message::Filter { contact: contact.id, status, ..message::Filter::default() };
    listed(&mut conn, &caller, filter, &page).await
}
