//! Work to do: insert, claim, settle. A lane's jobs run one at a time, in order of place; only the
//! head of a lane may be claimed.
//!
//! Every transaction that adds or settles jobs holds the rows of their teams ([`super::team::draw`]),
//! so nobody else changes those lanes meanwhile.

mod claim;
mod queue;
mod waiting;

use std::collections::{BTreeMap, HashSet};

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows, with_list};
use crate::model::{JobKind, Millis};

pub use claim::{Leases, Wanted, claim, give_back, recover, release, renew};
#[cfg(test)]
pub(super) use claim::{keep, look};
pub use queue::{Waiting, of_account, of_subjects, remove_others, retime, waiting};
pub use waiting::{
    Reserved, Withdrawn, next_due, remove_waiting, reserve, ripe, set_places, set_subjects, wait,
    withdraw,
};

/// A job as it stands in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: String,
    pub team_id: String,
    pub kind: JobKind,
    /// Those of one lane run one after the other.
    pub lane: String,
    /// 0 until it is due.
    pub place: i64,
    pub due_at: Millis,
    /// Attempts that failed.
    pub attempts: i64,
    pub lease: i64,
    pub account_id: String,
    /// The event that it carries, or the message that it sends.
    pub subject_id: String,
    /// An endpoint, or the one install that it is for; empty: the chain.
    pub target_id: String,
    pub step: i64,
    pub stage: String,
    /// JSON.
    pub payload: String,
    /// Of two sends of an account the lower leaves first.
    pub priority: i64,
    /// Why a send that was due waits again; empty where it does not.
    pub held: String,
}

/// The priorities of sends: an answer or a single message goes before one of many.
pub const SINGLE: i64 = 0;
pub const BULK: i64 = 1;

/// The stage of a job that runs a dead letter again.
pub const REPLAY: &str = "replay";

impl Job {
    /// A job that is due now and stands in no lane but its own.
    pub fn new(id: String, team_id: &str, kind: JobKind, due_at: Millis) -> Self {
        Self {
            lane: id.clone(),
            id,
            team_id: team_id.to_owned(),
            kind,
            place: 0,
            due_at,
            attempts: 0,
            lease: 0,
            account_id: String::new(),
            subject_id: String::new(),
            target_id: String::new(),
            step: 0,
            stage: String::new(),
            payload: "{}".to_owned(),
            priority: SINGLE,
            held: String::new(),
        }
    }

    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            team_id: row.text("team_id")?,
            kind: row.word("kind")?,
            lane: row.text("lane")?,
            place: row.int("place")?,
            due_at: row.int("due_at")?,
            attempts: row.int("attempts")?,
            lease: row.int("lease")?,
            account_id: row.text("account_id")?,
            subject_id: row.text("subject_id")?,
            target_id: row.text("target_id")?,
            step: row.int("step")?,
            stage: row.text("stage")?,
            payload: row.text("payload")?,
            priority: row.int("priority")?,
            held: row.text("held")?,
        })
    }
}

/// Add jobs. A job with `place` 0 waits until it is due; call [`promote`] for the lanes of the others.
pub async fn insert(conn: &mut Conn, jobs: &[Job]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO job (id, team_id, kind, lane, place, head, due_at, attempts, lease, lease_until, \
         account_id, subject_id, target_id, step, stage, payload, priority) VALUES",
        "",
        jobs,
        |row, job| {
            row.text(&job.id).text(&job.team_id).text(job.kind.as_str()).text(&job.lane);
            // Alone in its lane by its name: no need to look who else is there.
            row.add(job.place).truth(job.place > 0 && job.lane == job.id).add(job.due_at);
            row.add(job.attempts).add(0_i64).add(0_i64).text(&job.account_id).text(&job.subject_id);
            row.text(&job.target_id).add(job.step).text(&job.stage).text(&job.payload).add(job.priority);
        },
    )
    .await?;
    Ok(())
}

/// Make the first job of each of these lanes its head.
pub async fn promote(conn: &mut Conn, lanes: &[String]) -> sqlx::Result<()> {
    // One look per lane at its first place: a lane may be long.
    rows(
        conn,
        "UPDATE job SET head = 1 WHERE head = 0 AND id IN (SELECT (SELECT first.id FROM job AS first \
         WHERE first.lane = v.column1 AND first.place > 0 ORDER BY first.place LIMIT 1) FROM (VALUES",
        ") AS v)",
        lanes,
        |row, lane| {
            row.text(lane);
        },
    )
    .await?;
    Ok(())
}

/// Settle first: take these claimed jobs off the table. Gives the ids of those whose claim still
/// held; write effects only for them.
pub async fn finish(conn: &mut Conn, jobs: &[Job]) -> sqlx::Result<HashSet<String>> {
    let mut settled = HashSet::new();
    for (lease, ids) in by_lease(jobs) {
        for part in ids.chunks(512) {
            let mut sql = Sql::new("DELETE FROM job WHERE lease = ");
            sql.bind(lease).push(" AND id IN ").bind_list(part).push(" RETURNING id");
            for row in sql.fetch(conn).await? {
                settled.insert(row.text("id")?);
            }
        }
    }
    Ok(settled)
}

fn by_lease(jobs: &[Job]) -> BTreeMap<i64, Vec<&str>> {
    let mut groups: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for job in jobs {
        groups.entry(job.lease).or_default().push(&job.id);
    }
    groups
}

/// Settle first, the other way: put claimed jobs back as given (due time, attempts, step, stage,
/// lane, payload), unclaimed. Gives the ids of those whose claim still held.
pub async fn put_back(conn: &mut Conn, jobs: &[Job]) -> sqlx::Result<HashSet<String>> {
    let returned = rows(
        conn,
        "UPDATE job SET due_at = v.column3, attempts = v.column4, step = v.column5, stage = v.column6, \
         lane = v.column7, payload = v.column8, lease = 0, lease_until = 0 FROM (VALUES",
        ") AS v WHERE job.id = v.column1 AND job.lease = v.column2 RETURNING job.id",
        jobs,
        |row, job| {
            row.text(&job.id).add(job.lease).add(job.due_at).add(job.attempts).add(job.step);
            row.text(&job.stage).text(&job.lane).text(&job.payload);
        },
    )
    .await?;
    returned.iter().map(|row| row.text("id")).collect()
}

/// Settle first, a third way: claimed sends wait until their `due_at` for the reason in `held`, out of
/// their lane. They come back in the order of the places that they had. Gives the ids of those whose
/// claim still held; call [`promote`] for their lanes.
pub async fn hold(conn: &mut Conn, jobs: &[Job]) -> sqlx::Result<HashSet<String>> {
    // Far below 0, so that they come before what becomes due at that moment for the first time.
    let returned = rows(
        conn,
        "UPDATE job SET turn = job.place - 4611686018427387904, place = 0, head = 0, due_at = v.column3, \
         held = v.column4, lease = 0, lease_until = 0 FROM (VALUES",
        ") AS v WHERE job.id = v.column1 AND job.lease = v.column2 RETURNING job.id",
        jobs,
        |row, job| {
            row.text(&job.id).add(job.lease).add(job.due_at).text(&job.held);
        },
    )
    .await?;
    returned.iter().map(|row| row.text("id")).collect()
}

/// Mark claimed jobs, still held, with a stage: a send whose bytes may leave from now on.
pub async fn set_stage(
    conn: &mut Conn,
    jobs: &[Job],
    stage: &str,
) -> sqlx::Result<HashSet<String>> {
    let mut marked = HashSet::new();
    for (lease, ids) in by_lease(jobs) {
        for part in ids.chunks(512) {
            let mut sql = Sql::new("UPDATE job SET stage = ");
            sql.bind(stage.to_owned()).push(" WHERE lease = ").bind(lease);
            sql.push(" AND id IN ").bind_list(part).push(" RETURNING id");
            for row in sql.fetch(conn).await? {
                marked.insert(row.text("id")?);
            }
        }
    }
    Ok(marked)
}

/// Take the sends of these messages off the table whose outcome nobody knew: a status vouches for
/// them. Gives their lanes.
pub async fn settle_doubt(conn: &mut Conn, message_ids: &[String]) -> sqlx::Result<Vec<String>> {
    // Messages have no jobs but sends. (Named here, the kind would lead SQLite to the index of all
    // sends.)
    let head = "DELETE FROM job WHERE stage <> '' AND subject_id IN";
    let gone = with_list(conn, head, message_ids, "RETURNING lane").await?;
    gone.iter().map(|row| row.text("lane")).collect()
}

/// Whether jobs for other subjects than this one stand in a lane.
pub async fn others_in_lane(conn: &mut Conn, lane: &str, subject_id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT 1 AS found FROM job WHERE place > 0 AND lane = ");
    sql.bind(lane.to_owned())
        .push(" AND subject_id <> ")
        .bind(subject_id.to_owned())
        .push(" LIMIT 1");
    Ok(sql.fetch_one(conn).await?.is_some())
}

/// How many jobs could go on by now: zero when the house is at rest. Those behind a head that waits
/// are not among them, nor are the sends of an account that is paused.
pub async fn due(conn: &mut Conn, now: Millis) -> sqlx::Result<i64> {
    let mut sql =
        Sql::new("SELECT COUNT(*) AS jobs FROM job WHERE (head = 1 OR place = 0) AND due_at <= ");
    sql.bind(now).push(
        " AND NOT (kind = 'send' AND place > 0 AND account_id IN (SELECT id FROM account WHERE paused = 1))",
    );
    sql.fetch_one(conn).await?.map_or(Ok(0), |row| row.int("jobs"))
}

/// How many jobs there are.
pub async fn count(conn: &mut Conn) -> sqlx::Result<i64> {
    let row = Sql::new("SELECT COUNT(*) AS jobs FROM job").fetch_one(conn).await?;
    row.map_or(Ok(0), |row| row.int("jobs"))
}

/// Take all jobs for an install or endpoint off the table, those under way too: they then settle
/// nothing. Gives their lanes; call [`promote`] for the lanes.
pub async fn remove_target(
    conn: &mut Conn,
    team_id: &str,
    target_id: &str,
) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new("DELETE FROM job WHERE target_id <> '' AND team_id = ");
    sql.bind(team_id.to_owned())
        .push(" AND target_id = ")
        .bind(target_id.to_owned())
        .push(" RETURNING lane");
    sql.fetch(conn).await?.iter().map(|row| row.text("lane")).collect()
}

/// Take the jobs of one kind for a subject off the table, those under way too: they then settle
/// nothing. They stand in lanes of their own.
pub async fn remove_subject(
    conn: &mut Conn,
    team_id: &str,
    kind: JobKind,
    subject_id: &str,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM job WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND kind = ").bind(kind.as_str().to_owned());
    sql.push(" AND subject_id = ").bind(subject_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// How many jobs wait for an endpoint or install, counted up to `most`.
pub async fn count_for(
    conn: &mut Conn,
    team_id: &str,
    target_id: &str,
    most: i64,
) -> sqlx::Result<i64> {
    // `<> ''` leads to the index of those that have a target.
    let mut sql = Sql::new(
        "SELECT COUNT(*) AS jobs FROM (SELECT id FROM job WHERE target_id <> '' AND team_id = ",
    );
    sql.bind(team_id.to_owned()).push(" AND target_id = ").bind(target_id.to_owned());
    sql.push(" LIMIT ").bind(most).push(") AS waiting");
    sql.fetch_one(conn).await?.map_or(Ok(0), |row| row.int("jobs"))
}

/// Whether any job is left for a subject.
pub async fn is_under_way(conn: &mut Conn, team_id: &str, subject_id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT id FROM job WHERE team_id = ");
    sql.bind(team_id.to_owned())
        .push(" AND kind = 'event' AND subject_id = ")
        .bind(subject_id.to_owned());
    Ok(sql.fetch_one(conn).await?.is_some())
}

/// Let the events that waited for a suspended install be claimed from now on, and its timers fire.
pub async fn unpark(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    now: Millis,
) -> sqlx::Result<u64> {
    let mut sql = Sql::new("UPDATE job SET due_at = ");
    sql.bind(now).push(" WHERE due_at > ").bind(now).push(" AND kind = 'event' AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND stage = ").bind(install_id.to_owned());
    sql.execute(conn).await
}

/// Whether there is a job about a subject.
pub async fn exists(conn: &mut Conn, subject_id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT 1 AS found FROM job WHERE subject_id = ");
    sql.bind(subject_id.to_owned()).push(" LIMIT 1");
    Ok(sql.fetch_one(conn).await?.is_some())
}
