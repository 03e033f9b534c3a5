//! Facts become rows: an event with its cursor, and a job for everyone who receives it.

use std::collections::BTreeMap;

use serde_json::json;

use super::House;
use crate::model::{Event, EventKind, JobKind, Message, Millis, Status};
use crate::store::endpoint::Endpoint;
use crate::store::job::Job;
use crate::store::message::Forward;
use crate::store::team::Numbers;
use crate::store::{Conn, event, job};

/// How many numbers to draw for a set of events: one each, its cursor and the place of its jobs.
pub fn numbers_for(events: &[Event]) -> BTreeMap<String, i64> {
    let mut wanted = BTreeMap::new();
    for event in events {
        *wanted.entry(event.team_id.clone()).or_insert(0) += 1;
    }
    wanted
}

/// Write events in their order, with one job for the plugin chain and one for each endpoint that
/// wants it. In a transaction that drew the numbers.
pub async fn events(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    events: Vec<Event>,
) -> anyhow::Result<()> {
    let lanes = write(house, conn, numbers, events).await?;
    job::promote(conn, &lanes).await?;
    Ok(())
}

/// The same, but the caller promotes the lanes that it gives.
pub async fn write(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    mut events: Vec<Event>,
) -> anyhow::Result<Vec<String>> {
    for event in &mut events {
        event.cursor = numbers.next(&event.team_id);
    }
    numbered(house, conn, &events).await
}

/// The same for events that have their cursor already. The caller promotes the lanes.
pub async fn numbered(
    house: &House,
    conn: &mut Conn,
    events: &[Event],
) -> anyhow::Result<Vec<String>> {
    let mut jobs = Vec::new();
    for event in events {
        jobs.extend(consumers(house, event).await?);
    }
    event::insert(conn, events).await?;
    events.iter().for_each(|event| house.spans.event(event, house.clock.now()));
    job::insert(conn, &jobs).await?;
    Ok(jobs.into_iter().filter(|job| job.lane != job.id).map(|job| job.lane).collect())
}

async fn consumers(house: &House, event: &Event) -> anyhow::Result<Vec<Job>> {
    let team = house.registry.team(&house.store, &event.team_id).await?;
    let mut jobs = Vec::new();
    if team.next(event, 0).is_some() {
        jobs.push(Job { lane: lane(event, ""), ..carrying(house, event, JobKind::Event) });
    }
    for endpoint in team.endpoints.iter().filter(|endpoint| endpoint.wants(event)) {
        let job = carrying(house, event, JobKind::Notify);
        let lane = notice_lane(endpoint, event, &job.id);
        jobs.push(Job { lane, target_id: endpoint.id.clone(), ..job });
    }
    Ok(jobs)
}

/// Where an event stands in line for an endpoint: behind those of its chat, or in a lane of its own.
pub fn notice_lane(endpoint: &Endpoint, event: &Event, job_id: &str) -> String {
    if endpoint.ordered { lane(event, &endpoint.id) } else { job_id.to_owned() }
}

/// A job that carries an event, due now, in the event's place.
pub fn carrying(house: &House, event: &Event, kind: JobKind) -> Job {
    Job {
        place: event.cursor,
        subject_id: event.id.clone(),
        account_id: event.account_id.clone(),
        ..Job::new(house.clock.id("job"), &event.team_id, kind, house.clock.now())
    }
}

/// Events of a chat stand in one line, and so do those of an account that have no chat; for each
/// consumer (an endpoint, or '' for the plugins) its own.
pub fn lane(event: &Event, consumer: &str) -> String {
    let about = if event.chat_id.is_empty() { &event.account_id } else { &event.chat_id };
    if about.is_empty() && consumer.is_empty() {
        return format!("event/{}", event.id);
    }
    format!("{consumer}/{about}")
}

/// The event of a message that moved on: `message.sent` when it left, else `message.status`.
pub fn status(house: &House, message: &Message, step: &Forward, at: Millis, cursor: i64) -> Event {
    let kind = if step.status == Status::Sent {
        EventKind::MESSAGE_SENT
    } else {
        EventKind::MESSAGE_STATUS
    };
    let provider_id =
        if step.provider_id.is_empty() { &message.provider_id } else { &step.provider_id };
    let mut data = json!({
        "message_id": message.id,
        "status": step.status,
        "provider_id": provider_id,
        "possible_duplicate": message.possible_duplicate || step.possible_duplicate,
    });
    if step.status == Status::Error {
        data["error"] = json!({ "code": step.error_code, "message": step.error_message });
    }
    Event {
        id: house.clock.id("evt"),
        team_id: message.team_id.clone(),
        cursor,
        kind: kind.to_owned(),
        account_id: message.account_id.clone(),
        chat_id: message.chat_id.clone(),
        contact_id: message.contact_id.clone(),
        message_id: message.id.clone(),
        at,
        depth: message.depth,
        data,
        trace: message.trace.onward(&message.id, 0),
    }
}
