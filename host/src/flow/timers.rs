//! What waits for its time: scheduled messages, timers and cron. When it is due it takes its place
//! in its chat; until then it blocks nobody, and costs a row, not memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::House;
use crate::model::{Event, EventKind, JobKind, Millis, Scope, Trace};
use crate::plugin::cron;
use crate::store::job::Job;
use crate::store::timer::Timer;
use crate::store::{Conn, event, job, team, timer};

/// How many become due in one transaction.
const SET: i64 = 256;

/// What the job of a timer carries: which timer, and which setting of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fire {
    pub scope: Scope,
    pub name: String,
    pub revision: i64,
}

/// Give a place to what has become due, until told to stop.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    loop {
        let looked = house.clock.now();
        match ripen(&house).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!(error = format!("{error:#}"), "timers: will try again"),
        }
        if house.rest(&house.wake.timers, None, looked, &stop).await {
            return;
        }
    }
}

/// One set of jobs that are due and have no place; gives how many there were.
async fn ripen(house: &House) -> anyhow::Result<usize> {
    let now = house.clock.now();
    let waiting = job::ripe(&mut *house.store.read().await?, now, SET).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    place(house, waiting).await
}

/// Place what was found ripe; gives how many were found.
pub(super) async fn place(house: &House, waiting: Vec<Job>) -> anyhow::Result<usize> {
    let mut wanted = BTreeMap::new();
    for job in &waiting {
        *wanted.entry(job.team_id.clone()).or_insert(0) += 1;
    }
    let mut tx = house.store.begin().await?;
    let mut numbers = team::draw(&mut tx, &wanted).await?;
    let count = waiting.len();
    let mut placed = waiting;
    for job in &mut placed {
        job.place = numbers.next(&job.team_id);
    }
    // Settle first: what another node placed meanwhile, or a cancel took away, fires nothing here.
    let taken = job::set_places(&mut tx, &placed).await?;
    placed.retain(|job| taken.contains(&job.id));
    let mut fired = Vec::new();
    for job in placed.iter().filter(|job| job.kind == JobKind::Event) {
        if let Some(event) = fire(house, &mut tx, job).await? {
            fired.push((job.id.clone(), event));
        }
    }
    job::set_subjects(&mut tx, fired.iter().map(|(id, event)| (id.as_str(), event.id.as_str())))
        .await?;
    let events: Vec<Event> = fired.into_iter().map(|(_, event)| event).collect();
    event::insert(&mut tx, &events).await?;
    events.iter().for_each(|event| house.spans.event(event, house.clock.now()));
    let lanes: Vec<String> = placed.into_iter().map(|job| job.lane).collect();
    job::promote(&mut tx, &lanes).await?;
    house.commit(tx).await?;
    Ok(count)
}

/// The event of a timer that fires now, and the next fire of a recurring one. A stale fire gives
/// none: its job finds no event and settles silently.
async fn fire(house: &House, conn: &mut Conn, job: &Job) -> anyhow::Result<Option<Event>> {
    let fire: Fire = serde_json::from_str(&job.payload)?;
    let Some(timer) = timer::get(conn, &job.target_id, &fire.scope, &fire.name).await? else {
        return Ok(None);
    };
    if timer.revision != fire.revision {
        return Ok(None);
    }
    if !timer.spec.cron.is_empty() {
        next_fire(house, conn, &timer).await?;
    }
    Ok(Some(Event {
        id: house.clock.id("evt"),
        team_id: timer.team_id,
        cursor: job.place,
        kind: EventKind::TIMER_FIRED.to_owned(),
        account_id: timer.account_id,
        chat_id: timer.chat_id,
        contact_id: timer.contact_id,
        message_id: String::new(),
        at: job.due_at,
        // A timer is no way round the bound on plugins that answer themselves.
        depth: timer.depth,
        data: json!({ "timer": fire, "install": job.target_id, "name": timer.spec.name, "payload": timer.spec.payload }),
        // Time began it, whoever set it.
        trace: Trace::default(),
    }))
}

/// Times that passed while nothing ran fire once, now; the next is after the present.
async fn next_fire(house: &House, conn: &mut Conn, timer: &Timer) -> anyhow::Result<()> {
    let Some(due_at) = cron::next(&timer.spec.cron, &timer.spec.time_zone, house.clock.now())?
    else {
        return Ok(());
    };
    timer::move_on(conn, timer, due_at).await?;
    job::insert(conn, &[waiting_job(house, timer, due_at)?]).await?;
    Ok(())
}

/// Set a timer in place of the one of its name. In a transaction that holds the team.
pub async fn arm(conn: &mut Conn, house: &House, timer: &Timer) -> anyhow::Result<()> {
    disarm(conn, &timer.install_id, &timer.spec.scope, &timer.spec.name).await?;
    timer::set(conn, timer).await?;
    job::insert(conn, &[waiting_job(house, timer, timer.spec.due_at)?]).await?;
    Ok(())
}

/// Take a timer away, and the job that waits to fire it.
pub async fn disarm(
    conn: &mut Conn,
    install_id: &str,
    scope: &Scope,
    name: &str,
) -> anyhow::Result<()> {
    timer::remove(conn, install_id, scope, name).await?;
    job::remove_waiting(conn, &timer::subject(install_id, scope, name)).await?;
    Ok(())
}

fn waiting_job(house: &House, timer: &Timer, due_at: Millis) -> anyhow::Result<Job> {
    let fire = Fire {
        scope: timer.spec.scope.clone(),
        name: timer.spec.name.clone(),
        revision: timer.revision,
    };
    let about = if timer.chat_id.is_empty() { &timer.install_id } else { &timer.chat_id };
    Ok(Job {
        lane: format!("/{about}"),
        account_id: timer.account_id.clone(),
        subject_id: timer::subject(&timer.install_id, &timer.spec.scope, &timer.spec.name),
        target_id: timer.install_id.clone(),
        payload: serde_json::to_string(&fire)?,
        ..Job::new(house.clock.id("job"), &timer.team_id, JobKind::Event, due_at)
    })
}

/// The number that tells one setting of a timer from the next.
pub fn new_revision() -> i64 {
    rand::random_range(1..i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fire_reads_back_from_its_job() {
        let fire = Fire { scope: Scope::Chat("chat_1".into()), name: "remind".into(), revision: 7 };
        let text = serde_json::to_string(&fire).expect("serialises");
        assert_eq!(serde_json::from_str::<Fire>(&text).expect("reads back"), fire);
    }
}
