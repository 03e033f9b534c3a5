//! What waits for its time: scheduled messages, timers and cron. When it is due it takes its place
//! in its chat; until then it blocks nobody, and costs a row, not memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{House, missed};
use crate::model::{Event, EventKind, InstallState, JobKind, Millis, Scope, Trace};
use crate::store::job::Job;
use crate::store::plugin_log::LogRow;
use crate::store::timer::Timer;
use crate::store::{Conn, event, job, plugin, plugin_log, team, timer};

/// How many become due in one transaction.
const SET: i64 = 256;

/// What the job of a timer carries: which timer, and which setting of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fire {
    pub scope: Scope,
    pub name: String,
    pub revision: i64,
    /// When it was due, where its install was suspended then; 0 for the job's own time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub due: Millis,
    /// How many runs were made up for before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub caught: i64,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
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
    let targets: Vec<&str> = placed.iter().map(|job| job.target_id.as_str()).collect();
    let states = plugin::states(&mut tx, &targets).await?;
    let mut fired = Vec::new();
    for job in placed.iter().filter(|job| job.kind == JobKind::Event) {
        let (state, until) =
            states.get(&job.target_id).copied().unwrap_or((InstallState::Active, 0));
        let suspended = (state == InstallState::Suspended).then_some(until);
        if let Some(event) = fire(house, &mut tx, job, suspended).await? {
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
async fn fire(
    house: &House,
    conn: &mut Conn,
    job: &Job,
    suspended: Option<Millis>,
) -> anyhow::Result<Option<Event>> {
    let fire: Fire = serde_json::from_str(&job.payload)?;
    let Some(timer) = timer::get(conn, &job.target_id, &fire.scope, &fire.name).await? else {
        return Ok(None);
    };
    if timer.revision != fire.revision {
        return Ok(None);
    }
    let mut at = Some(if fire.due > 0 { fire.due } else { job.due_at });
    if !timer.spec.cron.is_empty() {
        let until = suspended.filter(|until| *until > house.clock.now());
        if let (Some(until), Some(due)) = (until, at) {
            // Runs of the time meanwhile are missed, not stored up.
            let payload = serde_json::to_string(&Fire { due, ..fire })?;
            let stage = job.target_id.clone();
            job::wait(conn, &Job { due_at: until, payload, stage, ..job.clone() }).await?;
            return Ok(None);
        }
        at = take_turn(house, conn, &timer, &fire, at.unwrap_or(job.due_at)).await?;
    }
    let Some(at) = at else { return Ok(None) };
    Ok(Some(Event {
        id: house.clock.id("evt"),
        team_id: timer.team_id,
        cursor: job.place,
        kind: EventKind::TIMER_FIRED.to_owned(),
        account_id: timer.account_id,
        chat_id: timer.chat_id,
        contact_id: timer.contact_id,
        message_id: String::new(),
        at,
        // A timer is no way round the bound on plugins that answer themselves.
        depth: timer.depth,
        data: json!({ "timer": fire, "install": job.target_id, "name": timer.spec.name, "payload": timer.spec.payload }),
        // Time began it, whoever set it.
        trace: Trace::default(),
    }))
}

/// Arm a recurring timer anew, by what is to become of times that passed while nothing ran; gives when
/// the run was due that happens now.
async fn take_turn(
    house: &House,
    conn: &mut Conn,
    timer: &Timer,
    fire: &Fire,
    due: Millis,
) -> anyhow::Result<Option<Millis>> {
    let cron = (timer.spec.cron.as_str(), timer.spec.time_zone.as_str());
    let turn = missed::turn(timer.missed, cron, due, house.clock.now(), fire.caught)?;
    if turn.cut {
        let line = LogRow {
            id: house.clock.id("log"),
            team_id: timer.team_id.clone(),
            install_id: timer.install_id.clone(),
            event_id: String::new(),
            at: house.clock.now(),
            level: "warn".to_owned(),
            message: format!(
                "{:?} missed more than {} runs: those after them are left out",
                timer.spec.name,
                missed::MOST
            ),
            ..LogRow::default()
        };
        plugin_log::insert_logs(conn, &[line]).await?;
    }
    if let Some(next) = turn.next {
        timer::move_on(conn, timer, next).await?;
        job::insert(conn, &[waiting_job(house, timer, next, turn.caught)?]).await?;
    }
    Ok(turn.runs)
}

/// Set a timer in place of the one of its name. In a transaction that holds the team.
pub async fn arm(conn: &mut Conn, house: &House, timer: &Timer) -> anyhow::Result<()> {
    disarm(conn, &timer.install_id, &timer.spec.scope, &timer.spec.name).await?;
    timer::set(conn, timer).await?;
    job::insert(conn, &[waiting_job(house, timer, timer.spec.due_at, 0)?]).await?;
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

fn waiting_job(house: &House, timer: &Timer, due_at: Millis, caught: i64) -> anyhow::Result<Job> {
    let fire = Fire {
        scope: timer.spec.scope.clone(),
        name: timer.spec.name.clone(),
        revision: timer.revision,
        due: 0,
        caught,
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
        let scope = Scope::Chat("chat_1".into());
        let fire = Fire { scope, name: "remind".into(), revision: 7, due: 0, caught: 0 };
        let text = serde_json::to_string(&fire).expect("serialises");
        assert_eq!(serde_json::from_str::<Fire>(&text).expect("reads back"), fire);
    }
}
