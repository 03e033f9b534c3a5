//! Dead letters: what plugins could not handle, why, and once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::flow::install;
use crate::flow::{House, notify, record};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Path, Query, iso, listed};
use crate::model::JobKind;
use crate::store::dead_letter::DeadLetter;
use crate::store::job::Job;
use crate::store::{dead_letter, event, job, plugin_log, team};

type Answer = Result<axum::Json<Value>, ApiError>;

fn view(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id,
        "plugin": letter.install_id,
        "event": letter.event_id,
        "version": letter.version_id,
        "fault": letter.fault,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "createdAt": iso(letter.created_at),
        "replayedAt": iso(letter.replayed_at.unwrap_or(0)),
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// An install's id, or a plugin's name.
    plugin: Option<String>,
    #[serde(default)]
    cursor: String,
    limit: Option<i64>,
}

/// Oldest first.
#[utoipa::path(get, path = "/dead-letters", tag = "dead letters", responses((status = 200, description = "Done", body = Value)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Answer {
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
    Ok(listed("deadLetters", letters.iter().map(view).collect(), next))
}

/// With the event, every failed attempt, and where it broke.
#[utoipa::path(get, path = "/dead-letters/{id}", tag = "dead letters", responses((status = 200, description = "Done", body = Value)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let mut conn = house.store.read().await?;
    let found = dead_letter::get(&mut conn, &caller.team_id, &id).await?;
    let letter = found.ok_or_else(|| ApiError::not_found("dead letter", &id))?;
    let event = event::get(&mut conn, &caller.team_id, &letter.event_id).await?;
    let failures =
        plugin_log::failures(&mut conn, &caller.team_id, &letter.install_id, &letter.event_id)
            .await?;
    let failure = |failure: &plugin_log::FailureRow| {
        json!({
            "attempt": failure.attempt,
            "at": iso(failure.at),
            "wallMicros": failure.wall_micros,
            "fault": failure.fault,
            "reason": failure.reason,
        })
    };
    let mut answer = view(&letter);
    answer["backtrace"] = letter.backtrace.clone().into();
    answer["input"] = event.as_ref().map_or(Value::Null, notify::body);
    answer["failures"] = failures.iter().map(failure).collect();
    Ok(axum::Json(answer))
}

/// Hand the event to the plugin once more, on the version
/// that runs now.
#[utoipa::path(post, path = "/dead-letters/{id}/replay", tag = "dead letters", responses((status = 200, description = "Done", body = Value)))]
pub async fn replay(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
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
    Ok(axum::Json(json!({ "replayed": replayed })))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replay {
    /// Dead letters after this one; empty: from the first.
    after: String,
}

/// Dead letters that one request replays.
const MOST: i64 = 500;

/// With `{"after"}`: its dead letters that were not replayed yet,
/// at most 500; `next` names where to go on where there are more.
#[utoipa::path(post, path = "/plugins/{id}/replay", tag = "dead letters", responses((status = 200, description = "Done", body = Value)))]
pub async fn replay_all(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Json(range): Json<Replay>,
) -> Answer {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let mut conn = house.store.read().await?;
    let letters =
        dead_letter::list(&mut conn, &caller.team_id, Some(&install.id), &range.after, MOST)
            .await?;
    drop(conn);
    let full = i64::try_from(letters.len()).is_ok_and(|count| count == MOST);
    let next = letters.last().filter(|_| full).map(|letter| letter.id.clone());
    let replayed = requeue(&house, &caller.team_id, &install.id, letters).await?;
    Ok(axum::Json(json!({ "replayed": replayed, "pagination": { "next": next } })))
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
