//! Work to do: insert, claim, settle. A lane's jobs run one at a time, in order of place; only the
//! head of a lane may be claimed.
//!
//! Every transaction that adds or settles jobs holds the rows of their teams ([`super::team::draw`]),
//! so nobody else changes those lanes meanwhile.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, rows, with_list};
use super::{Backend, Conn, Store};
use crate::model::{JobKind, Millis};

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
}

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
        })
    }
}

/// The jobs that this process holds, and how many claims of each. On SQLite this alone is the claim,
/// since one process owns the file; on PostgreSQL the claim is in the row, and this is what to renew.
#[derive(Clone, Debug, Default)]
pub struct Leases(Arc<Mutex<HashMap<String, (JobKind, u32)>>>);

impl Leases {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, (JobKind, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jobs of a kind that are held now.
    fn of_kind(&self, kind: JobKind) -> HashSet<String> {
        let held = self.held();
        held.iter().filter(|(_, (of, _))| *of == kind).map(|(id, _)| id.clone()).collect()
    }

    /// Keep the first of those that nobody holds, and hold them.
    fn take(&self, jobs: Vec<Job>, limit: usize) -> Vec<Job> {
        let mut held = self.held();
        let free = |job: &Job| match held.entry(job.id.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert((job.kind, 1));
                true
            }
        };
        jobs.into_iter().filter(free).take(limit).collect()
    }

    /// Hold what was claimed in the rows; a job may come back before its last claim is released.
    fn hold(&self, jobs: &[Job]) {
        let mut held = self.held();
        for job in jobs {
            held.entry(job.id.clone()).or_insert((job.kind, 0)).1 += 1;
        }
    }
}

/// Add jobs. A job with `place` 0 waits until it is due; call [`promote`] for the lanes of the others.
pub async fn insert(conn: &mut Conn, jobs: &[Job]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO job (id, team_id, kind, lane, place, head, due_at, attempts, lease, lease_until, \
         account_id, subject_id, target_id, step, stage, payload) VALUES",
        "",
        jobs,
        |row, job| {
            row.text(&job.id).text(&job.team_id).text(job.kind.as_str()).text(&job.lane);
            // Alone in its lane by its name: no need to look who else is there.
            row.add(job.place).truth(job.place > 0 && job.lane == job.id).add(job.due_at);
            row.add(job.attempts).add(0_i64).add(0_i64).text(&job.account_id).text(&job.subject_id);
            row.text(&job.target_id).add(job.step).text(&job.stage).text(&job.payload);
        },
    )
    .await?;
    Ok(())
}

/// Make the first job of each of these lanes its head.
pub async fn promote(conn: &mut Conn, lanes: &[String]) -> sqlx::Result<()> {
    with_list(
        conn,
        "UPDATE job SET head = 1 WHERE head = 0 AND place > 0 AND NOT EXISTS \
         (SELECT 1 FROM job AS before WHERE before.lane = job.lane AND before.place > 0 AND before.place < job.place) \
         AND lane IN",
        lanes,
        "",
    )
    .await?;
    Ok(())
}

/// Which jobs to claim.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub kind: JobKind,
    /// Of one account only.
    pub account: Option<&'a str>,
    pub limit: usize,
    pub now: Millis,
    /// How long the claim holds where it is not renewed, in milliseconds (PostgreSQL).
    pub lease: Millis,
}

/// Claim heads that are due, going round the teams. A claim that outlived its process costs an
/// attempt, committed here before the job runs, so that an event that kills the process ends in the
/// dead letters.
pub async fn claim(store: &Store, wanted: Wanted<'_>) -> sqlx::Result<Vec<Job>> {
    if wanted.limit == 0 {
        return Ok(Vec::new());
    }
    match store.backend {
        Backend::Sqlite => claim_in_memory(store, wanted).await,
        Backend::Postgres => claim_in_rows(store, wanted).await,
    }
}

async fn claim_in_memory(store: &Store, wanted: Wanted<'_>) -> sqlx::Result<Vec<Job>> {
    let seen = look(store, wanted).await?;
    keep(store, wanted.limit, seen).await
}

/// Heads that are due and that nobody held before we looked.
pub(super) struct Seen {
    jobs: Vec<Job>,
    /// Those of a claim that outlived its process.
    survivors: HashSet<String>,
}

pub(super) async fn look(store: &Store, wanted: Wanted<'_>) -> sqlx::Result<Seen> {
    // One that is settled and released while we read must not be taken for what it was before: so
    // all that were held at first are left out, and the reading reaches past them.
    let held = store.leases.of_kind(wanted.kind);
    let reach = i64::try_from(wanted.limit + held.len()).unwrap_or(i64::MAX);
    let mut sql = Sql::default();
    match wanted.account {
        Some(account) => push_ready(&mut sql, "*", wanted, "account_id", Err(account), reach),
        None => {
            // CROSS JOIN keeps the order: for each team its oldest.
            sql.push("SELECT job.* FROM team CROSS JOIN job WHERE job.id IN (");
            push_ready(&mut sql, "id", wanted, "team_id", Ok("team.id"), reach);
            sql.push(")");
        }
    }
    let mut conn = store.read().await?;
    let found = sql.fetch(&mut conn).await?;
    drop(conn);
    let mut seen = Seen { jobs: Vec::with_capacity(found.len()), survivors: HashSet::new() };
    for row in &found {
        let mut job = Job::from_row(row)?;
        if held.contains(&job.id) {
            continue;
        }
        if row.int("lease_until")? > 0 {
            job.attempts += 1;
            seen.survivors.insert(job.id.clone());
        }
        seen.jobs.push(job);
    }
    Ok(seen)
}

pub(super) async fn keep(store: &Store, limit: usize, seen: Seen) -> sqlx::Result<Vec<Job>> {
    let taken = store.leases.take(round_robin(seen.jobs), limit);
    let survivors: Vec<String> =
        taken.iter().map(|job| job.id.clone()).filter(|id| seen.survivors.contains(id)).collect();
    if !survivors.is_empty()
        && let Err(error) = spend_attempts(store, &survivors).await
    {
        release(store, taken.iter().map(|job| job.id.as_str()));
        return Err(error);
    }
    Ok(taken)
}

async fn spend_attempts(store: &Store, ids: &[String]) -> sqlx::Result<()> {
    let mut tx = store.begin().await?;
    with_list(
        &mut tx,
        "UPDATE job SET attempts = attempts + 1, lease_until = 0 WHERE id IN",
        ids,
        "",
    )
    .await?;
    tx.commit().await
}

async fn claim_in_rows(store: &Store, wanted: Wanted<'_>) -> sqlx::Result<Vec<Job>> {
    let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX);
    let mut sql = Sql::new(
        "UPDATE job SET attempts = attempts + CASE WHEN lease_until > 0 THEN 1 ELSE 0 END, lease = ",
    );
    sql.bind(store.node).push(", lease_until = ").bind(wanted.now + wanted.lease);
    sql.push(" WHERE id IN (SELECT id FROM job WHERE id IN (");
    match wanted.account {
        Some(account) => push_ready(&mut sql, "id", wanted, "account_id", Err(account), limit),
        None => {
            sql.push("SELECT due.id FROM team CROSS JOIN LATERAL (SELECT id, ROW_NUMBER() OVER (ORDER BY due_at, place) AS turn FROM (");
            push_ready(&mut sql, "*", wanted, "team_id", Ok("team.id"), limit);
            sql.push(") AS ready) AS due ORDER BY due.turn LIMIT ").bind(limit);
        }
    }
    sql.push(") AND lease_until <= ").bind(wanted.now).push(" FOR UPDATE SKIP LOCKED) RETURNING *");
    let mut tx = store.begin().await?;
    let jobs =
        sql.fetch(&mut tx).await?.iter().map(Job::from_row).collect::<sqlx::Result<Vec<_>>>()?;
    tx.commit().await?;
    store.leases.hold(&jobs);
    Ok(round_robin(jobs))
}

/// The oldest unclaimed heads whose `column` is a text of the query (`Ok`) or a value (`Err`).
fn push_ready(
    sql: &mut Sql,
    what: &str,
    wanted: Wanted<'_>,
    column: &str,
    equals: Result<&str, &str>,
    limit: i64,
) {
    sql.push("SELECT ").push(what).push(" FROM job AS candidate WHERE ").push(column).push(" = ");
    match equals {
        Ok(text) => sql.push(text),
        Err(value) => sql.bind(value.to_owned()),
    };
    sql.push(" AND kind = ").bind(wanted.kind.as_str().to_owned());
    sql.push(" AND head = 1 AND due_at <= ")
        .bind(wanted.now)
        .push(" AND lease_until <= ")
        .bind(wanted.now);
    sql.push(" ORDER BY due_at, place LIMIT ").bind(limit);
}

/// One of each team, then the second of each, and so on; a team's own in order of when they were due.
fn round_robin(mut jobs: Vec<Job>) -> Vec<Job> {
    jobs.sort_by_key(|job| (job.due_at, job.place));
    let mut teams: BTreeMap<String, VecDeque<Job>> = BTreeMap::new();
    for job in jobs {
        teams.entry(job.team_id.clone()).or_default().push_back(job);
    }
    let mut fair = Vec::new();
    while !teams.is_empty() {
        fair.extend(teams.values_mut().filter_map(VecDeque::pop_front));
        teams.retain(|_, jobs| !jobs.is_empty());
    }
    fair
}

/// Give up what this process holds of these jobs; in PostgreSQL the row follows by the settlement.
pub fn release<'a>(store: &Store, ids: impl IntoIterator<Item = &'a str>) {
    let mut held = store.leases.held();
    for id in ids {
        if let Entry::Occupied(mut claim) = held.entry(id.to_owned()) {
            claim.get_mut().1 -= 1;
            if claim.get().1 == 0 {
                claim.remove();
            }
        }
    }
}

/// Extend the claims of this process (PostgreSQL); no work on SQLite.
pub async fn renew(store: &Store, until: Millis) -> sqlx::Result<()> {
    if store.backend == Backend::Sqlite {
        return Ok(());
    }
    let ids: Vec<String> = store.leases.held().keys().cloned().collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut conn = store.read().await?;
    for part in ids.chunks(512) {
        let mut sql = Sql::new("UPDATE job SET lease_until = ");
        sql.bind(until)
            .push(" WHERE lease = ")
            .bind(store.node)
            .push(" AND lease_until > 0 AND id IN ")
            .bind_list(part);
        sql.execute(&mut conn).await?;
    }
    Ok(())
}

/// After a stop that settled nothing: what this node may have been running when it died. The next
/// claim of each will cost an attempt.
pub async fn recover(store: &Store, now: Millis) -> sqlx::Result<u64> {
    let mut sql = Sql::new("UPDATE job SET lease_until = 1 WHERE ");
    match store.backend {
        // Nothing says which of the due heads it was: all of them may have been.
        Backend::Sqlite => sql.push("kind = 'event' AND head = 1 AND due_at <= ").bind(now),
        Backend::Postgres => sql.push("lease_until > 0 AND lease = ").bind(store.node),
    };
    let mut tx = store.begin().await?;
    let count = sql.execute(&mut tx).await?;
    tx.commit().await?;
    Ok(count)
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
    let head = "DELETE FROM job WHERE kind = 'send' AND stage <> '' AND subject_id IN";
    let gone = with_list(conn, head, message_ids, "RETURNING lane").await?;
    gone.iter().map(|row| row.text("lane")).collect()
}

/// Jobs that have become due and have no place yet, oldest first.
pub async fn ripe(conn: &mut Conn, now: Millis, limit: i64) -> sqlx::Result<Vec<Job>> {
    let mut sql = Sql::new("SELECT * FROM job WHERE place = 0 AND due_at <= ");
    sql.bind(now).push(" ORDER BY due_at, id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(Job::from_row).collect()
}

/// Give ripe jobs their place. Gives the ids of those that were still waiting; call [`promote`] for
/// their lanes.
pub async fn set_places(conn: &mut Conn, jobs: &[Job]) -> sqlx::Result<HashSet<String>> {
    let returned = rows(
        conn,
        "UPDATE job SET place = v.column2 FROM (VALUES",
        ") AS v WHERE job.id = v.column1 AND job.place = 0 RETURNING job.id",
        jobs,
        |row, job| {
            row.text(&job.id).add(job.place);
        },
    )
    .await?;
    returned.iter().map(|row| row.text("id")).collect()
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

/// Take unclaimed sends of these messages off the table: only those that nobody has begun. Gives the
/// messages whose send went. In a transaction that holds the messages' teams.
pub async fn withdraw(
    store: &Store,
    conn: &mut Conn,
    messages: &[String],
    now: Millis,
) -> sqlx::Result<Withdrawn> {
    let found = with_list(
        conn,
        // Other jobs have subjects too: events, and timers by their names.
        "SELECT * FROM job WHERE kind = 'send' AND stage = '' AND subject_id IN",
        messages,
        if store.backend == Backend::Postgres { "FOR UPDATE" } else { "" },
    )
    .await?;
    let mut jobs = Vec::new();
    for row in &found {
        let claimed = store.backend == Backend::Postgres && row.int("lease_until")? > now;
        if !claimed {
            jobs.push(Job::from_row(row)?);
        }
    }
    // On SQLite holding them here keeps the outbox from claiming them before this commits.
    let jobs =
        if store.backend == Backend::Sqlite { store.leases.take(jobs, usize::MAX) } else { jobs };
    let withdrawn = Withdrawn {
        subjects: jobs.iter().map(|job| job.subject_id.clone()).collect(),
        lanes: jobs.iter().map(|job| job.lane.clone()).collect(),
        held: Held { store: store.clone(), ids: jobs.iter().map(|job| job.id.clone()).collect() },
    };
    let ids: Vec<String> = jobs.into_iter().map(|job| job.id).collect();
    with_list(conn, "DELETE FROM job WHERE id IN", &ids, "").await?;
    Ok(withdrawn)
}

/// Whether jobs for other subjects than this one stand in a lane.
pub async fn others_in_lane(conn: &mut Conn, lane: &str, subject_id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT 1 AS found FROM job WHERE lane = ");
    sql.bind(lane.to_owned())
        .push(" AND subject_id <> ")
        .bind(subject_id.to_owned())
        .push(" LIMIT 1");
    Ok(sql.fetch_one(conn).await?.is_some())
}

/// Let the events run now that waited for a suspended install.
pub async fn resume(conn: &mut Conn, install_id: &str, now: Millis) -> sqlx::Result<u64> {
    let mut sql = Sql::new("UPDATE job SET due_at = ");
    sql.bind(now)
        .push(" WHERE kind = 'event' AND due_at > ")
        .bind(now)
        .push(" AND stage = ")
        .bind(install_id.to_owned());
    sql.execute(conn).await
}

/// Take the jobs of a subject that have no place yet off the table.
pub async fn remove_waiting(conn: &mut Conn, subject: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM job WHERE place = 0 AND subject_id = ");
    sql.bind(subject.to_owned());
    sql.execute(conn).await?;
    Ok(())
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

/// How many jobs could go on by now: zero when the house is at rest. Those behind a head that waits
/// are not among them.
pub async fn due(conn: &mut Conn, now: Millis) -> sqlx::Result<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) AS jobs FROM job WHERE (head = 1 OR place = 0) AND due_at <= ");
    sql.bind(now);
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
    let mut sql = Sql::new("DELETE FROM job WHERE team_id = ");
    sql.bind(team_id.to_owned())
        .push(" AND target_id = ")
        .bind(target_id.to_owned())
        .push(" RETURNING lane");
    sql.fetch(conn).await?.iter().map(|row| row.text("lane")).collect()
}

/// Whether any job is left for a subject.
pub async fn is_under_way(conn: &mut Conn, team_id: &str, subject_id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT id FROM job WHERE team_id = ");
    sql.bind(team_id.to_owned())
        .push(" AND kind = 'event' AND subject_id = ")
        .bind(subject_id.to_owned());
    Ok(sql.fetch_one(conn).await?.is_some())
}

/// Let the events that waited for a suspended install be claimed from now on.
pub async fn unpark(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    now: Millis,
) -> sqlx::Result<u64> {
    let mut sql = Sql::new("UPDATE job SET due_at = ");
    sql.bind(now)
        .push(" WHERE due_at > ")
        .bind(now)
        .push(" AND place > 0 AND kind = 'event' AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND stage = ").bind(install_id.to_owned());
    sql.execute(conn).await
}
