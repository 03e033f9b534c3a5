//! What went to an endpoint, and what goes once more.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{hold, own};
use crate::flow::{House, notify};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment, parse_moment};
use crate::model::{Event, EventKind, ResendState};
use crate::store::endpoint::{Attempt, AttemptFilter, Endpoint};
use crate::store::resend::Resend;
use crate::store::{endpoint, event, resend as table};

/// One request to an endpoint, and what it brought.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView {
    id: String,
    /// The event's id.
    event: String,
    /// From 1.
    attempt: i64,
    #[schema(required, format = DateTime)]
    at: Option<String>,
    /// How long it took.
    millis: i64,
    /// The HTTP status; 0 where no answer came.
    status: i64,
    /// The beginning of the answer, or why none came.
    response: String,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: attempt.id,
            event: attempt.event_id,
            attempt: attempt.attempt,
            at: moment(attempt.at),
            millis: attempt.millis,
            status: attempt.status,
            response: attempt.response,
        }
    }
}

/// Attempts at an endpoint.
#[derive(Serialize, ToSchema)]
pub struct AttemptList {
    attempts: Vec<AttemptView>,
    pagination: Pagination,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AttemptQuery {
    /// Those of one event.
    event: Option<String>,
    /// Those with this HTTP status; 0: those that no answer came to.
    status: Option<i64>,
    /// `true`: those that a 2xx answered; `false`: all others.
    delivered: Option<bool>,
    /// `pagination.next` of the page before; absent: the first page.
    #[serde(default)]
    cursor: String,
    /// At most so many: 50 where absent, 200 at most.
    limit: Option<i64>,
}

/// List an endpoint's attempts
#[utoipa::path(get, path = "/endpoints/{id}/attempts", tag = "endpoints", params(AttemptQuery), responses((status = 200, description = "Oldest first", body = AttemptList)))]
pub async fn attempts(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<AttemptQuery>,
) -> Result<axum::Json<AttemptList>, ApiError> {
    let filter =
        AttemptFilter { event_id: query.event, status: query.status, delivered: query.delivered };
    let page = Page::new(query.cursor, query.limit);
    let mut conn = house.store.read().await?;
    own(&mut conn, &caller.team_id, &id).await?;
    let mut found =
        endpoint::attempts(&mut conn, &caller.team_id, &id, &filter, page.cursor(), page.fetch())
            .await?;
    let next = page.cut(&mut found, |attempt| attempt.id.clone());
    let attempts = found.into_iter().map(AttemptView::from).collect();
    Ok(axum::Json(AttemptList { attempts, pagination: Pagination { next } }))
}

/// An event on its way.
#[derive(Serialize, ToSchema)]
pub struct QueuedEvent {
    /// The event's id.
    event: String,
}

/// Send a test event
///
/// An event `endpoint.test` for this endpoint alone.
#[utoipa::path(post, path = "/endpoints/{id}/test", tag = "endpoints", responses((status = 202, description = "On its way", body = QueuedEvent)))]
pub async fn test(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, axum::Json<QueuedEvent>), ApiError> {
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, &caller.team_id, 2).await?;
    let endpoint = enabled(own(&mut tx, &caller.team_id, &id).await?)?;
    let event = Event {
        id: house.clock.id("evt"),
        cursor: numbers.next(&caller.team_id),
        team_id: caller.team_id,
        kind: EventKind::ENDPOINT_TEST.to_owned(),
        account_id: String::new(),
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        trace: Default::default(),
        data: json!({ "endpoint": id }),
    };
    event::insert(&mut tx, std::slice::from_ref(&event)).await?;
    notify::single(&house, &mut tx, &mut numbers, &endpoint, &event).await?;
    house.commit(tx).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(QueuedEvent { event: event.id })))
}

fn enabled(endpoint: Endpoint) -> Result<Endpoint, ApiError> {
    if endpoint.enabled {
        return Ok(endpoint);
    }
    Err(ApiError::conflict("endpoint_disabled", "enable the endpoint first"))
}

/// Either one event, or all that happened between two moments.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResendRequest {
    /// An event's id: sent whether the endpoint wants such events or not.
    event: Option<String>,
    /// From this moment…
    #[schema(format = DateTime, example = "2026-01-31T09:00:00Z")]
    from: Option<String>,
    /// …and before this one; absent: up to now. The endpoint's filters hold.
    #[schema(format = DateTime)]
    to: Option<String>,
}

/// A range of events on its way to an endpoint once more.
#[derive(Serialize, ToSchema)]
#[schema(as = Resend)]
#[serde(rename_all = "camelCase")]
pub struct ResendView {
    id: String,
    #[schema(required, format = DateTime)]
    from: Option<String>,
    #[schema(required, format = DateTime)]
    to: Option<String>,
    state: ResendState,
    /// Events queued so far.
    queued: i64,
    #[schema(required, format = DateTime)]
    created_at: Option<String>,
}

impl From<Resend> for ResendView {
    fn from(range: Resend) -> Self {
        Self {
            id: range.id,
            from: moment(range.from_at),
            to: moment(range.to_at),
            state: range.state,
            queued: range.queued,
            created_at: moment(range.created_at),
        }
    }
}

/// What is on its way: the event, or the range.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ResendAnswer {
    Event(QueuedEvent),
    Range(ResendView),
}

/// Send events to an endpoint again
///
/// One, by its id; or a range of time, which is worked through in steps, goes on after a restart, and
/// is seen at `GET /endpoints/{id}/resends`. They keep their ids, so a receiver that remembers them
/// takes each once. One range at a time for each endpoint.
#[utoipa::path(post, path = "/endpoints/{id}/resend", tag = "endpoints", responses((status = 202, description = "On its way", body = ResendAnswer)))]
pub async fn resend(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(request): Json<ResendRequest>,
) -> Result<(StatusCode, axum::Json<ResendAnswer>), ApiError> {
    let asked = asked(&house, request)?;
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, &caller.team_id, 1).await?;
    let endpoint = enabled(own(&mut tx, &caller.team_id, &id).await?)?;
    let answer = match asked {
        Asked::Event(event_id) => {
            let event = event::get(&mut tx, &caller.team_id, &event_id).await?;
            let event = event.ok_or_else(|| ApiError::not_found("event", &event_id))?;
            notify::single(&house, &mut tx, &mut numbers, &endpoint, &event).await?;
            ResendAnswer::Event(QueuedEvent { event: event_id })
        }
        Asked::Range(from, to) => {
            if table::is_running(&mut tx, &caller.team_id, &id).await? {
                let message = "a range is on its way to this endpoint: wait until it is done";
                return Err(ApiError::conflict("resend_running", message));
            }
            let range = notify::range(&house, &mut tx, &mut numbers, &endpoint, from, to).await?;
            ResendAnswer::Range(range.into())
        }
    };
    house.commit(tx).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(answer)))
}

/// What a request asks for.
enum Asked {
    Event(String),
    Range(i64, i64),
}

fn asked(house: &House, request: ResendRequest) -> Result<Asked, ApiError> {
    match request {
        ResendRequest { event: Some(event), from: None, to: None } => Ok(Asked::Event(event)),
        ResendRequest { event: None, from: Some(from), to } => {
            let from = parse_moment(&from, "from")?;
            let to = to.map_or(Ok(house.clock.now() + 1), |to| parse_moment(&to, "to"))?;
            if to <= from {
                return Err(ApiError::invalid("to: must be later than from"));
            }
            Ok(Asked::Range(from, to))
        }
        _ => Err(ApiError::invalid("give either event, or from and (where it ends) to")),
    }
}

/// Ranges of an endpoint.
#[derive(Serialize, ToSchema)]
pub struct ResendList {
    resends: Vec<ResendView>,
    pagination: Pagination,
}

/// List an endpoint's resends
#[utoipa::path(get, path = "/endpoints/{id}/resends", tag = "endpoints", params(Page), responses((status = 200, description = "Oldest first", body = ResendList)))]
pub async fn resends(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<ResendList>, ApiError> {
    let mut conn = house.store.read().await?;
    own(&mut conn, &caller.team_id, &id).await?;
    let mut found =
        table::list(&mut conn, &caller.team_id, &id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |range| range.id.clone());
    let resends = found.into_iter().map(ResendView::from).collect();
    Ok(axum::Json(ResendList { resends, pagination: Pagination { next } }))
}
