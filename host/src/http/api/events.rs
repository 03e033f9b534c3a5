//! Events: the team's stream, by pulling or as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{self, KeepAlive};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;
use utoipa::IntoParams;

use crate::flow::{House, notify};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Query, listed};
use crate::model::Event;
use crate::store::event;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// The cursor of the last event seen.
    after: Option<i64>,
    limit: Option<i64>,
}

/// Oldest first. `next` is the cursor to go on from, there also
/// where nothing more has happened yet.
#[utoipa::path(get, path = "/events", tag = "events", responses((status = 200, description = "Done", body = Value)))]
pub async fn pull(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<After>,
) -> Result<axum::Json<Value>, ApiError> {
    let after = query.after.unwrap_or(0);
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let events =
        event::after(&mut *house.store.read().await?, &caller.team_id, after, limit).await?;
    let next = events.last().map_or(after, |event| event.cursor);
    Ok(listed("events", events.iter().map(notify::body).collect(), Some(next.to_string())))
}

/// How many events are read at once, and the least time between two looks: faster is no news to
/// anyone, and a busy host commits hundreds of times a second.
const SET: i64 = 200;
const PACE: Duration = Duration::from_millis(20);

/// From now on, from `?after=`, or from where `Last-Event-ID` says.
#[utoipa::path(get, path = "/events/stream", tag = "events", responses((status = 200, description = "Done", body = Value)))]
pub async fn stream(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, ApiError> {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    // Subscribed first: what is committed after the look is heard of.
    let commits = house.wake.committed.subscribe();
    let cursor = match resumed.or(query.after) {
        Some(cursor) => cursor,
        None => event::last_cursor(&mut *house.store.read().await?, &caller.team_id).await?,
    };
    let follower =
        Follower { house, team_id: caller.team_id, commits, cursor, ready: VecDeque::new() };
    let events = futures_util::stream::unfold(follower, Follower::next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

struct Follower {
    house: Arc<House>,
    team_id: String,
    commits: watch::Receiver<u64>,
    cursor: i64,
    ready: VecDeque<Event>,
}

impl Follower {
    /// The next event; ends with the house, or when the store cannot be read (the caller comes back
    /// with its `Last-Event-ID`).
    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.cursor = event.cursor;
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
                Ok(()) if self.ready.is_empty() => {
                    self.commits.changed().await.ok()?;
                    tokio::time::sleep(PACE).await;
                }
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "an event stream ends");
                    return None;
                }
            }
        }
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let mut conn = self.house.store.read().await?;
        self.ready = event::after(&mut conn, &self.team_id, self.cursor, SET).await?.into();
        Ok(())
    }
}
