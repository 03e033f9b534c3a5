//! Slow work on people, a step at a time: merges of contacts, imports, erasures, and reviews of
//! templates. What is left of it stands in rows, and goes on after a restart.

pub mod csv;
mod erase;
pub mod identity;
pub mod import;
mod merge;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{House, templates};
use crate::model::{Event, JobKind, Millis};
use crate::store::job::{Job, Wanted};
use crate::store::{job, team};

use erase::Erasure;
pub use erase::begin as erase;
pub use merge::ask as merge;

/// Steps that are claimed at once.
const CLAIM: usize = 8;
/// How long something that failed waits.
const AFTER_FAILURE: Millis = 60_000;

/// What a job of this stage does next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Two contacts are one person.
    Merge {
        one: String,
        other: String,
    },
    Import {
        import_id: String,
    },
    /// Forget a contact.
    Erase(Erasure),
    Review {
        template_id: String,
    },
}

/// The job of a task, due now, in no line.
pub fn job(house: &House, team_id: &str, subject: &str, task: &Task) -> anyhow::Result<Job> {
    Ok(Job {
        place: 1,
        subject_id: subject.to_owned(),
        payload: serde_json::to_string(task)?,
        ..Job::new(house.clock.id("job"), team_id, JobKind::People, house.clock.now())
    })
}

/// A fact about a contact (or about none), to be written with its cursor.
pub fn event(house: &House, team_id: &str, kind: &str, contact_id: &str, data: Value) -> Event {
    Event {
        id: house.clock.id("evt"),
        team_id: team_id.to_owned(),
        cursor: 0,
        kind: kind.to_owned(),
        account_id: String::new(),
        chat_id: String::new(),
        contact_id: contact_id.to_owned(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        trace: Default::default(),
        data,
    }
}

/// Take step after step until told to stop.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    loop {
        let looked = house.clock.now();
        let jobs = match claim(&house).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "people: will try again");
                Vec::new()
            }
        };
        if jobs.is_empty() {
            if house.rest(&house.wake.people, Some(JobKind::People), looked, &stop).await {
                return;
            }
            continue;
        }
        for job in jobs {
            if stop.is_cancelled() {
                job::give_back(&house.store, [job.id.as_str()]).await;
            } else {
                carry(&house, &job).await;
            }
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

async fn claim(house: &House) -> anyhow::Result<Vec<Job>> {
    let wanted = Wanted {
        kind: JobKind::People,
        account: None,
        limit: CLAIM,
        now: house.clock.now(),
        lease: house.config.delivery.lease,
    };
    Ok(job::claim(&house.store, wanted).await?)
}

async fn carry(house: &House, job: &Job) {
    let stepped = match step(house, job).await {
        Ok(()) => Ok(()),
        Err(error) => {
            tracing::error!(
                job = job.id,
                error = format!("{error:#}"),
                "people: a step failed; it will be tried again"
            );
            postpone(house, job, AFTER_FAILURE).await
        }
    };
    match stepped {
        Ok(()) => job::release(&house.store, [job.id.as_str()]),
        Err(_) => {
            super::pause().await;
            job::give_back(&house.store, [job.id.as_str()]).await;
        }
    }
}

async fn step(house: &House, job: &Job) -> anyhow::Result<()> {
    match serde_json::from_str(&job.payload)? {
        Task::Merge { one, other } => merge::step(house, job, &one, &other).await,
        Task::Import { import_id } => import::step(house, job, &import_id).await,
        Task::Erase(erasure) => erase::step(house, job, erasure).await,
        Task::Review { template_id } => templates::review(house, job, &template_id).await,
    }
}

/// Put a step off, and nothing else.
async fn postpone(house: &House, job: &Job, wait: Millis) -> anyhow::Result<()> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(job.team_id.clone(), 1)])).await?;
    let later = Job {
        due_at: house.clock.now() + wait,
        attempts: job.attempts.saturating_add(1),
        ..job.clone()
    };
    job::put_back(&mut tx, &[later]).await?;
    house.commit(tx).await?;
    Ok(())
}

/// There is nothing to do, any more.
pub(super) async fn finish(house: &House, job: &Job) -> anyhow::Result<()> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(job.team_id.clone(), 1)])).await?;
    job::finish(&mut tx, std::slice::from_ref(job)).await?;
    house.commit(tx).await?;
    Ok(())
}
