//! Dead letters: what plugins could not handle, why, and once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::install;
use crate::flow::{House, notify, record};
use crate::http::api::logs::PluginLog;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment};
use crate::model::JobKind;
use crate::store::dead_letter::DeadLetter;
use crate::store::job::Job;
use crate::store::plugin_log::FailureRow;
use crate::store::{dead_letter, event, job, plugin_log, team};

/// An event that a plugin could not handle.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterView {
    #[schema(example = "dead_01KDY0000000000000000000")]
    id: String,
    /// The install's id.
    plugin: String,
    /// The event's id.
    event: String,
    /// The id of the version that failed.
    version: String,
    /// The class of the failure, or `crash` where the whole process died of it.
    #[schema(example = "exception")]
    fault: String,
    reason: String,
    attempts: i64,
    #[schema(required, format = DateTime)]
    created_at: Option<String>,
    #[schema(required, format = DateTime)]
    replayed_at: Option<String>,
}

impl From<&DeadLetter> for DeadLetterView {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id.clone(),
            plugin: letter.install_id.clone(),
            event: letter.event_id.clone(),
            version: letter.version_id.clone(),
            fault: letter.fault.clone(),
            reason: letter.reason.clone(),
            attempts: letter.attempts,
            created_at: moment(letter.created_at),
            replayed_at: moment(letter.replayed_at.unwrap_or(0)),
        }
    }
}

/// A failed attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = Failure)]
#[serde(rename_all = "camelCase")]
pub struct FailureView {
    /// From 1.
    attempt: i64,
    #[schema(required, format = DateTime)]
    at: Option<String>,
    wall_micros: i64,
    fault: String,
    reason: String,
}

impl From<FailureRow> for FailureView {
    fn from(failure: FailureRow) -> Self {
        Self {
            attempt: failure.attempt,
            at: moment(failure.at),
            wall_micros: failure.wall_micros,
            fault: failure.fault,
            reason: failure.reason,
        }
    }
}

/// A dead letter with all that is known of it.
#[derive(Serialize, ToSchema)]
pub struct DeadLetterDetails {
    #[serde(flatten)]
    letter: DeadLetterView,
    backtrace: String,
    /// The event itself; null where it is no longer kept.
    #[schema(required)]
    input: Option<notify::EventView>,
    failures: Vec<FailureView>,
    /// What the plugin logged about the event, in all attempts; the first two hundred lines.
    logs: Vec<PluginLog>,
}

/// Dead letters of a team.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterList {
    dead_letters: Vec<DeadLetterView>,
    pagination: Pagination,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeadLetterQuery {
    /// An install's id, or a plugin's name.
    plugin: Option<String>,
    /// `pagination.next` of the page before; absent: the first page.
    #[serde(default)]
    cursor: String,
    /// At most so many: 50 where absent, 200 at most.
    limit: Option<i64>,
}

/// List dead letters
#[utoipa::path(get, path = "/dead-letters", tag = "dead letters", params(DeadLetterQuery), responses((status = 200, description = "Oldest first", body = DeadLetterList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(filter): Query<DeadLetterQuery>,
) -> Result<axum::Json<DeadLetterList>, ApiError> {
    let install_id = match &filter.plugin {
        // A removed install is still named by its id.
        Some(key) => Some(
            install::find(&house, &caller.team_id, key).await.map_or(key.clone(), |found| found.id),
        ),
        None => None,
    };
    let page = Page::new(filter.cursor, filter.limit);
    let mut conn = house.store.read().await?;
    let mut letters = dead_letter::list(
        &mut conn,
        &caller.team_id,
        install_id.as_deref(),
        page.cursor(),
        page.fetch(),
    )
    .await?;
    let next = page.cut(&mut letters, |letter| letter.id.clone());
    let dead_letters = letters.iter().map(DeadLetterView::from).collect();
    Ok(axum::Json(DeadLetterList { dead_letters, pagination: Pagination { next } }))
}

/// Lines of the log in one answer.
const LINES: i64 = 200;

/// Get a dead letter
///
/// With the event, every failed attempt, where it broke, and what was logged.
#[utoipa::path(get, path = "/dead-letters/{id}", tag = "dead letters", responses((status = 200, description = "The dead letter", body = DeadLetterDetails)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<DeadLetterDetails>, ApiError> {
    let mut conn = house.store.read().await?;
    let found = dead_letter::get(&mut conn, &caller.team_id, &id).await?;
    let letter = found.ok_or_else(|| ApiError::not_found("dead letter", &id))?;
    let event = event::get(&mut conn, &caller.team_id, &letter.event_id).await?;
    let failures =
        plugin_log::failures(&mut conn, &caller.team_id, &letter.install_id, &letter.event_id)
            .await?;
    let logs = plugin_log::of_events(
        &mut conn,
        &caller.team_id,
        Some(&letter.install_id),
        std::slice::from_ref(&letter.event_id),
        LINES,
    )
    .await?;
    let answer = DeadLetterDetails {
        letter: DeadLetterView::from(&letter),
        backtrace: letter.backtrace,
        input: event.as_ref().map(notify::body),
        failures: failures.into_iter().map(FailureView::from).collect(),
        logs: logs.into_iter().map(PluginLog::from).collect(),
    };
    Ok(axum::Json(answer))
}

/// What was queued once more.
#[derive(Serialize, ToSchema)]
pub struct Replayed {
    /// How many events.
    replayed: usize,
}

/// What was queued once more, and where to go on.
#[derive(Serialize, ToSchema)]
pub struct ReplayedPage {
    /// How many events.
    replayed: usize,
    pagination: Pagination,
}

/// Replay a dead letter
///
/// Hand the event to the plugin once more, on the version that runs now.
#[utoipa::path(post, path = "/dead-letters/{id}/replay", tag = "dead letters", responses((status = 200, description = "Queued", body = Replayed)))]
pub async fn replay(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Replayed>, ApiError> {
    let found = dead_letter::get(&mut *house.store.read().await?, &caller.team_id, &id).await?;
    let letter = found.ok_or_else(|| ApiError::not_found("dead letter", &id))?;
    let replayed =
        requeue(&house, &caller.team_id, &letter.install_id, vec![letter.clone()]).await?;
    if replayed == 0 {
        return Err(ApiError::conflict(
            "replayed",
            format!("dead letter {id:?} was replayed before, or its event is gone"),
        ));
    }
    Ok(axum::Json(Replayed { replayed }))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replay {
    /// Dead letters after this one; empty: from the first.
    after: String,
}

/// Dead letters that one request replays.
const MOST: i64 = 500;

/// Replay a plugin's dead letters
///
/// Those that were not replayed yet, at most 500; `pagination.next` names where to go on (as `after`)
/// where there are more.
#[utoipa::path(post, path = "/plugins/{id}/replay", tag = "dead letters", responses((status = 200, description = "Queued", body = ReplayedPage)))]
pub async fn replay_all(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Json(range): Json<Replay>,
) -> Result<axum::Json<ReplayedPage>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let mut conn = house.store.read().await?;
    let letters =
        dead_letter::list(&mut conn, &caller.team_id, Some(&install.id), &range.after, MOST)
            .await?;
    drop(conn);
    let full = i64::try_from(letters.len()).is_ok_and(|count| count == MOST);
    let next = letters.last().filter(|_| full).map(|letter| letter.id.clone());
    let replayed = requeue(&house, &caller.team_id, &install.id, letters).await?;
    Ok(axum::Json(ReplayedPage { replayed, pagination: Pagination { next } }))
}

/// Queue the events of these letters for their install, in order; gives how many there were to queue.
async fn requeue(
    house: &House,
    team_id: &str,
    install_id: &str,
    letters: Vec<DeadLetter>,
) -> Result<usize, ApiError> {
    // A removed install can run nothing.
    install::find(house, team_id, install_id).await?;
    let now = house.clock.now();
    let mut tx = house.store.begin().await?;
    let count = i64::try_from(letters.len()).unwrap_or(0);
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), count)])).await?;
    let ids: Vec<String> = letters.iter().map(|letter| letter.event_id.clone()).collect();
    let events = event::by_ids(&mut tx, &ids).await?;
    let mut jobs = Vec::new();
    for letter in letters {
        let Some(event) = events.get(&letter.event_id).filter(|event| event.team_id == team_id)
        else {
            continue;
        };
        if !dead_letter::mark_replayed(&mut tx, team_id, &letter.id, now).await? {
            continue;
        }
        jobs.push(Job {
            lane: record::lane(event, ""),
            place: numbers.next(team_id),
            target_id: install_id.to_owned(),
            stage: job::REPLAY.to_owned(),
            payload: letter.payload,
            ..record::carrying(house, event, JobKind::Event)
        });
    }
    job::insert(&mut tx, &jobs).await?;
    let lanes: Vec<String> = jobs.iter().map(|job| job.lane.clone()).collect();
    job::promote(&mut tx, &lanes).await?;
    house.commit(tx).await?;
    Ok(jobs.len())
}
