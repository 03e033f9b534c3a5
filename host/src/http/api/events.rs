//! Events: the team's stream, by pulling or as server-sent events, at one address.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{self, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::flow::{House, notify};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Pagination, Query};
use crate::http::openapi::Refusal;
use crate::model::Event;
use crate::store::department;
use crate::store::event::{self, Interest};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// The cursor of the last event seen; 0: from the oldest that is kept. Absent: the same when
    /// pulling, and from now on when following.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// When pulling at most so many: 100 where absent, 1000 at most.
    limit: Option<i64>,
    /// Names of events with commas between them, `message.*` for all of a kind; absent: all.
    #[serde(default, rename = "type")]
    kind: String,
    /// An account's id: its events only.
    #[serde(default)]
    account: String,
}

impl After {
    fn interest(&self, caller: &Caller) -> Result<Interest, ApiError> {
        let names = self.kind.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(str::to_owned).collect();
        if names.len() > 100 {
            return Err(ApiError::invalid("type: at most 100 names"));
        }
        let department_id = caller.department_id.clone();
        Ok(Interest { names, account_id: self.account.clone(), department_id })
    }
}

/// Events in their order.
#[derive(Serialize, ToSchema)]
pub struct EventList {
    events: Vec<notify::EventView>,
    pagination: Pagination,
}

/// Read the event stream
///
/// Pull it (JSON): what came after a cursor, oldest first; `pagination.next` is the cursor to go on
/// from, there also where nothing more has happened yet.
///
/// Or follow it: with `Accept: text/event-stream` events are sent as they are committed (server-sent
/// events, `id:` is the cursor), from now on, from `?after=`, or from where `Last-Event-ID` says, so
/// that a client that reconnects misses nothing. A comment comes every 15 seconds.
///
/// A key of one department reads the events of its accounts; what has no account is the team's.
///
/// Events are kept for `limits.event_days`. A cursor from before is refused with `cursor_expired` and
/// the oldest one to go on from.
#[utoipa::path(
    get, path = "/events", tag = "events", params(
        After,
        ("Last-Event-ID" = Option<String>, Header, description = "When following: the last id seen"),
    ),
    responses(
        (status = 200, description = "What happened", content(
            (EventList = "application/json"),
            (String = "text/event-stream", example = "id: 42\nevent: message.received\ndata: {\"type\":\"message.received\"}\n\n"),
        )),
        (status = 410, description = "The events after this cursor are no longer kept", body = Refusal),
    ),
)]
pub async fn read(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let streams =
        |value: &HeaderValue| value.to_str().is_ok_and(|it| it.contains("text/event-stream"));
    if headers.get_all(header::ACCEPT).iter().any(streams) {
        return follow(house, caller, &query, &headers).await;
    }
    Ok(axum::Json(pull(&house, &caller, &query).await?).into_response())
}

async fn pull(house: &House, caller: &Caller, query: &After) -> Result<EventList, ApiError> {
    let team_id = caller.team_id.as_str();
    let (after, interest) = (query.after.unwrap_or(0), query.interest(caller)?);
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let mut conn = house.store.read().await?;
    refuse_forgotten(event::forgotten(&mut conn, team_id).await?, after)?;
    // Read first: what is not of interest up to here need not be looked at again.
    let last = event::last_cursor(&mut conn, team_id).await?;
    let events = event::matching(&mut conn, team_id, after, &interest, limit).await?;
    let full = i64::try_from(events.len()).is_ok_and(|count| count == limit);
    let seen = events.last().map_or(after, |event| event.cursor);
    let next = if full { seen } else { seen.max(last) };
    let events = events.iter().map(notify::body).collect();
    Ok(EventList { events, pagination: Pagination { next: Some(next.to_string()) } })
}

/// 0 stands for the oldest there is; any other cursor must still have what follows it.
fn refuse_forgotten(forgotten: i64, after: i64) -> Result<(), ApiError> {
    if after != 0 && after < forgotten { Err(ApiError::cursor_expired(forgotten)) } else { Ok(()) }
}

/// How many events are read at once, and the least time between two looks: faster is no news to
/// anyone, and a busy host commits hundreds of times a second.
const SET: i64 = 200;
const PACE: Duration = Duration::from_millis(20);

async fn follow(
    house: Arc<House>,
    caller: Caller,
    query: &After,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let interest = query.interest(&caller)?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    // Subscribed first: what is committed after the look is heard of.
    let commits = house.wake.committed.subscribe();
    let mut conn = house.store.read().await?;
    let cursor = match resumed.or(query.after) {
        Some(cursor) => {
            refuse_forgotten(event::forgotten(&mut conn, &caller.team_id).await?, cursor)?;
            cursor
        }
        None => event::last_cursor(&mut conn, &caller.team_id).await?,
    };
    drop(conn);
    let team_id = caller.team_id;
    let follower = Follower { house, team_id, interest, commits, cursor, ready: VecDeque::new() };
    let events = futures_util::stream::unfold(follower, Follower::next);
    let every = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(events).keep_alive(every).into_response())
}

struct Follower {
    house: Arc<House>,
    team_id: String,
    interest: Interest,
    commits: watch::Receiver<u64>,
    /// Of the last event that was looked at.
    cursor: i64,
    ready: VecDeque<Event>,
}

impl Follower {
    /// The next event; ends with the house, or when the store cannot be read (the caller comes back
    /// with its `Last-Event-ID`).
    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                let told = sse::Event::default().id(event.cursor.to_string()).event(&event.kind);
                match told.json_data(notify::body(&event)) {
                    Ok(told) => return Some((Ok(told), self)),
                    Err(error) => {
                        tracing::warn!(event = event.id, %error, "an event cannot be streamed")
                    }
                }
                continue;
            }
            self.commits.mark_unchanged();
            match self.look().await {
                Ok(false) => {
                    self.commits.changed().await.ok()?;
                    tokio::time::sleep(PACE).await;
                }
                Ok(true) => {}
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "an event stream ends");
                    return None;
                }
            }
        }
    }

    /// Read on; false where nothing more has happened yet.
    async fn look(&mut self) -> anyhow::Result<bool> {
        let mut conn = self.house.store.read().await?;
        let events = event::after(&mut conn, &self.team_id, self.cursor, SET).await?;
        let Some(last) = events.last() else { return Ok(false) };
        self.cursor = last.cursor;
        let Interest { names, account_id, department_id } = &self.interest;
        // Looked up each time: an account may change its department.
        let seen = match department_id.as_str() {
            "" => None,
            id => Some(department::accounts(&mut conn, &self.team_id, id).await?),
        };
        let wanted = |event: &Event| {
            event.is_named(names)
                && (account_id.is_empty() || event.account_id == *account_id)
                && seen.as_ref().is_none_or(|seen| seen.contains(&event.account_id))
        };
        self.ready = events.into_iter().filter(wanted).collect();
        Ok(true)
    }
}
