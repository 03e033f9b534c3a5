//! Events sent to an endpoint once more: one, or a range of the stream.
//!
//! A range is a row and a job that walks the stream in steps. A step queues the events it comes by
//! and notes how far it is in one transaction, so a range goes on after a restart where it was, and
//! holds nothing in memory however long it is.

use std::collections::BTreeMap;

use crate::flow::{House, record};
use crate::model::{Event, JobKind, Millis, ResendState};
use crate::store::endpoint::Endpoint;
use crate::store::job::{self, Job, Wanted};
use crate::store::resend::Resend;
use crate::store::team::Numbers;
use crate::store::{Conn, endpoint, event, resend, team};

/// Events that one step looks at.
const STEP: i64 = 500;

/// With so many notices waiting for an endpoint, a range waits too…
const FULL: i64 = 2_000;
/// …for so long.
const BREATH: Millis = 2_000;

/// Queue one event for an endpoint, whether it wants such events or not. In a transaction that drew
/// a number.
pub async fn single(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    endpoint: &Endpoint,
    event: &Event,
) -> anyhow::Result<()> {
    let job = notice(house, numbers, endpoint, event);
    job::insert(conn, std::slice::from_ref(&job)).await?;
    job::promote(conn, &[job.lane]).await?;
    Ok(())
}

/// Begin to send a range of the stream again: what happened from one moment and before another, up
/// to now. In a transaction that drew a number.
pub async fn range(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    endpoint: &Endpoint,
    from_at: Millis,
    to_at: Millis,
) -> anyhow::Result<Resend> {
    let range = Resend {
        id: house.clock.id("res"),
        team_id: endpoint.team_id.clone(),
        endpoint_id: endpoint.id.clone(),
        from_at,
        to_at,
        cursor: 0,
        last_cursor: event::last_cursor(conn, &endpoint.team_id).await?,
        queued: 0,
        state: ResendState::Running,
        created_at: house.clock.now(),
    };
    resend::put(conn, &range).await?;
    let job = Job {
        place: numbers.next(&endpoint.team_id),
        subject_id: range.id.clone(),
        target_id: endpoint.id.clone(),
        ..Job::new(house.clock.id("job"), &endpoint.team_id, JobKind::Resend, house.clock.now())
    };
    job::insert(conn, &[job]).await?;
    Ok(range)
}

/// Take each range that is due a step further; gives how many there were.
pub(super) async fn step(house: &House) -> anyhow::Result<usize> {
    let wanted = Wanted {
        kind: JobKind::Resend,
        account: None,
        limit: 16,
        now: house.clock.now(),
        lease: house.config.delivery.lease,
    };
    let jobs = job::claim(&house.store, wanted).await?;
    let mut failed = None;
    for job in &jobs {
        match advance(house, job).await {
            Ok(()) => job::release(&house.store, [job.id.as_str()]),
            Err(error) => {
                job::give_back(&house.store, [job.id.as_str()]).await;
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(jobs.len()), Err)
}

async fn advance(house: &House, job: &Job) -> anyhow::Result<()> {
    let mut conn = house.store.read().await?;
    let range = resend::get(&mut conn, &job.team_id, &job.subject_id).await?;
    let endpoint = endpoint::get(&mut conn, &job.team_id, &job.target_id).await?;
    let (Some(mut range), Some(endpoint)) = (range, endpoint.filter(|one| one.enabled)) else {
        drop(conn);
        return settle(house, job, None, Vec::new()).await;
    };
    if job::count_for(&mut conn, &job.team_id, &job.target_id, FULL).await? >= FULL {
        drop(conn);
        let later = Job { due_at: house.clock.now() + BREATH, ..job.clone() };
        return settle(house, &later, Some((range, endpoint)), Vec::new()).await;
    }
    let mut events = event::after(&mut conn, &job.team_id, range.cursor, STEP).await?;
    drop(conn);
    let more = events.len() as i64 == STEP;
    events.retain(|event| event.cursor <= range.last_cursor);
    range.cursor = events.last().map_or(range.last_cursor, |event| event.cursor);
    if !more || range.cursor >= range.last_cursor {
        range.state = ResendState::Done;
    }
    events.retain(|event| {
        (range.from_at..range.to_at).contains(&event.at)
            && event.kind != crate::model::EventKind::ENDPOINT_TEST
            && endpoint.wants(event)
    });
    range.queued += events.len() as i64;
    settle(house, job, Some((range, endpoint)), events).await
}

/// Put the range's job back, or take it off the table where the range is over; then queue the events.
async fn settle(
    house: &House,
    job: &Job,
    range: Option<(Resend, Endpoint)>,
    events: Vec<Event>,
) -> anyhow::Result<()> {
    let mut tx = house.store.begin().await?;
    let wanted = BTreeMap::from([(job.team_id.clone(), events.len() as i64 + 1)]);
    let mut numbers = team::draw(&mut tx, &wanted).await?;
    let goes_on = range.as_ref().is_some_and(|(range, _)| range.state == ResendState::Running);
    let one = std::slice::from_ref(job);
    let held = if goes_on {
        job::put_back(&mut tx, one).await?
    } else {
        job::finish(&mut tx, one).await?
    };
    if held.is_empty() {
        return Ok(());
    }
    if let Some((range, endpoint)) = range {
        let jobs: Vec<Job> =
            events.iter().map(|event| notice(house, &mut numbers, &endpoint, event)).collect();
        job::insert(&mut tx, &jobs).await?;
        let mut lanes: Vec<String> = jobs.into_iter().map(|job| job.lane).collect();
        lanes.sort_unstable();
        lanes.dedup();
        job::promote(&mut tx, &lanes).await?;
        resend::put(&mut tx, &range).await?;
    }
    house.commit(tx).await?;
    Ok(())
}

/// The job that carries an event to an endpoint again, behind what waits for it already.
fn notice(house: &House, numbers: &mut Numbers, endpoint: &Endpoint, event: &Event) -> Job {
    let job = record::carrying(house, event, JobKind::Notify);
    Job {
        lane: record::notice_lane(endpoint, event, &job.id),
        place: numbers.next(&event.team_id),
        target_id: endpoint.id.clone(),
        ..job
    }
}
