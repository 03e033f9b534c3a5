//! Jobs that nobody has begun: how they become due, and how they are withdrawn.

use std::collections::HashSet;

use super::Job;
use super::claim::release;
use crate::model::{JobKind, Millis};
use crate::store::sql::{Column, Sql, rows, with_list};
use crate::store::{Backend, Conn, Store};

/// Jobs that have become due and have no place yet, oldest first.
pub async fn ripe(conn: &mut Conn, now: Millis, limit: i64) -> sqlx::Result<Vec<Job>> {
    let mut sql = Sql::new("SELECT * FROM job WHERE place = 0 AND due_at <= ");
    sql.bind(now).push(" ORDER BY due_at, turn, id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(Job::from_row).collect()
}

/// Give ripe jobs their place. Gives the ids of those that were still waiting; call [`promote`] for
/// their lanes.
pub async fn set_places(conn: &mut Conn, jobs: &[Job]) -> sqlx::Result<HashSet<String>> {
    let returned = rows(
        conn,
        "UPDATE job SET place = v.column2, held = '', turn = 0 FROM (VALUES",
        ") AS v WHERE job.id = v.column1 AND job.place = 0 RETURNING job.id",
        jobs,
        |row, job| {
            row.text(&job.id).add(job.place);
        },
    )
    .await?;
    returned.iter().map(|row| row.text("id")).collect()
}

/// Let a job that was given its place wait again, for what it says now. In the transaction that gave it.
pub async fn wait(conn: &mut Conn, job: &Job) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE job SET place = 0, head = 0, due_at = ");
    sql.bind(job.due_at).push(", stage = ").bind(job.stage.clone()).push(", payload = ");
    sql.bind(job.payload.clone()).push(" WHERE id = ").bind(job.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// Let jobs (id) carry these events (id) from now on.
pub async fn set_subjects<'a>(
    conn: &mut Conn,
    carried: impl Iterator<Item = (&'a str, &'a str)>,
) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE job SET subject_id = v.column2 FROM (VALUES",
        ") AS v WHERE job.id = v.column1",
        &carried.collect::<Vec<_>>(),
        |row, (job_id, event_id)| {
            row.text(*job_id).text(*event_id);
        },
    )
    .await?;
    Ok(())
}

/// When the next job that is not due yet will be: one of this kind that has its place, or, with
/// `None`, one that has no place yet.
pub async fn next_due(
    conn: &mut Conn,
    kind: Option<JobKind>,
    now: Millis,
) -> sqlx::Result<Option<Millis>> {
    let mut sql = Sql::new("SELECT MIN(due_at) AS due FROM job WHERE due_at > ");
    sql.bind(now);
    match kind {
        Some(kind) => sql.push(" AND head = 1 AND kind = ").bind(kind.as_str().to_owned()),
        None => sql.push(" AND place = 0"),
    };
    match sql.fetch_one(conn).await? {
        Some(row) => row.maybe_int("due"),
        None => Ok(None),
    }
}

/// Keep unclaimed sends of these messages from being claimed until the transaction has ended: only
/// those that nobody has begun. In a transaction that holds the messages' teams.
pub async fn reserve(
    store: &Store,
    conn: &mut Conn,
    messages: &[String],
    now: Millis,
) -> sqlx::Result<Reserved> {
    let found = with_list(
        conn,
        "SELECT * FROM job WHERE stage = '' AND subject_id IN",
        messages,
        if store.backend == Backend::Postgres { "FOR UPDATE" } else { "" },
    )
    .await?;
    let mut jobs = Vec::new();
    for row in &found {
        let claimed = store.backend == Backend::Postgres && row.int("lease_until")? > now;
        let job = Job::from_row(row)?;
        // Other jobs have subjects too: events, and timers by their names. (Named in the query, the
        // kind would lead SQLite to the index of all sends.)
        if !claimed && job.kind == JobKind::Send {
            jobs.push(job);
        }
    }
    // On SQLite holding them here keeps the outbox from claiming them before this commits.
    let jobs =
        if store.backend == Backend::Sqlite { store.leases.take(jobs, usize::MAX) } else { jobs };
    let held = Held { store: store.clone(), ids: jobs.iter().map(|job| job.id.clone()).collect() };
    Ok(Reserved { jobs, held })
}

/// Take unclaimed sends of these messages off the table: only those that nobody has begun. Gives the
/// messages whose send went. In a transaction that holds the messages' teams.
pub async fn withdraw(
    store: &Store,
    conn: &mut Conn,
    messages: &[String],
    now: Millis,
) -> sqlx::Result<Withdrawn> {
    let Reserved { jobs, held } = reserve(store, conn, messages, now).await?;
    let withdrawn = Withdrawn {
        subjects: jobs.iter().map(|job| job.subject_id.clone()).collect(),
        lanes: jobs.iter().map(|job| job.lane.clone()).collect(),
        held,
    };
    let ids: Vec<String> = jobs.into_iter().map(|job| job.id).collect();
    with_list(conn, "DELETE FROM job WHERE id IN", &ids, "").await?;
    Ok(withdrawn)
}

/// Take the jobs of a subject that have no place yet off the table.
pub async fn remove_waiting(conn: &mut Conn, subject: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM job WHERE place = 0 AND subject_id = ");
    sql.bind(subject.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// What [`reserve`] keeps. Keep it until the transaction has ended.
pub struct Reserved {
    pub jobs: Vec<Job>,
    held: Held,
}

/// What [`withdraw`] took. Keep it until the transaction has ended.
pub struct Withdrawn {
    pub subjects: Vec<String>,
    pub lanes: Vec<String>,
    #[expect(dead_code, reason = "held until it is dropped")]
    held: Held,
}

struct Held {
    store: Store,
    ids: Vec<String>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.store.backend == Backend::Sqlite {
            release(&self.store, self.ids.iter().map(String::as_str));
        }
    }
}
