//! Who runs a job now: claims, in memory on SQLite and in the rows on PostgreSQL.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::{BULK, Job, SINGLE};
use crate::model::{JobKind, Millis};
use crate::store::sql::{Column, Sql, with_list};
use crate::store::{Backend, Store};

/// The jobs that this process holds. On SQLite this alone is the claim, since one process owns the
/// file; on PostgreSQL the claim is in the row, and this is what to renew.
#[derive(Clone, Debug, Default)]
pub struct Leases(Arc<Mutex<HashMap<String, Lease>>>);

#[derive(Debug)]
struct Lease {
    kind: JobKind,
    team_id: String,
    /// How many claims hold it: it may come back before its last one is released.
    claims: u32,
}

impl Leases {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jobs of a kind that are held now.
    fn of_kind(&self, kind: JobKind) -> HashSet<String> {
        let held = self.held();
        held.iter().filter(|(_, lease)| lease.kind == kind).map(|(id, _)| id.clone()).collect()
    }

    /// How many jobs of a kind each team has among those held now.
    fn of_teams(&self, kind: JobKind) -> BTreeMap<String, usize> {
        let mut teams = BTreeMap::new();
        for lease in self.held().values().filter(|lease| lease.kind == kind) {
            *teams.entry(lease.team_id.clone()).or_insert(0) += 1;
        }
        teams
    }

    /// Keep the first of those that nobody holds, and hold them.
    pub(super) fn take(&self, jobs: Vec<Job>, limit: usize) -> Vec<Job> {
        let mut held = self.held();
        let free = |job: &Job| match held.entry(job.id.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(Lease { kind: job.kind, team_id: job.team_id.clone(), claims: 1 });
                true
            }
        };
        jobs.into_iter().filter(free).take(limit).collect()
    }

    /// Hold what was claimed in the rows.
    fn hold(&self, jobs: &[Job]) {
        let mut held = self.held();
        for job in jobs {
            let unheld = || Lease { kind: job.kind, team_id: job.team_id.clone(), claims: 0 };
            held.entry(job.id.clone()).or_insert_with(unheld).claims += 1;
        }
    }
}

/// A team's share of so many places: a quarter is left to others, however long its own take.
fn share(places: usize) -> usize {
    places - places / 4
}

/// Which jobs to claim.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub kind: JobKind,
    /// Of one account only.
    pub account: Option<&'a str>,
    /// So many places are free: with those that are held they are all there are, and one team may
    /// have three quarters of them. An account has them to itself.
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
pub(in crate::store) struct Seen {
    jobs: Vec<Job>,
    /// Those of a claim that outlived its process.
    survivors: HashSet<String>,
}

pub(in crate::store) async fn look(store: &Store, wanted: Wanted<'_>) -> sqlx::Result<Seen> {
    // One that is settled and released while we read must not be taken for what it was before: so
    // all that were held at first are left out, and the reading reaches past them.
    let held = store.leases.of_kind(wanted.kind);
    let reach = whole(wanted.limit + held.len());
    let mut sql = Sql::default();
    match wanted.account {
        Some(account) => push_of_account(&mut sql, "*", wanted, account, reach),
        None => {
            // CROSS JOIN keeps the order: for each team its oldest.
            sql.push("SELECT job.* FROM team CROSS JOIN job WHERE job.id IN (");
            push_ready(&mut sql, "id", wanted, "team_id", "team.id", reach);
            sql.push(") ORDER BY job.due_at, job.place");
        }
    }
    let mut conn = store.read().await?;
    let found = sql.fetch(&mut conn).await?;
    drop(conn);
    let mut seen = Seen { jobs: Vec::with_capacity(found.len()), survivors: HashSet::new() };
    let (mut teams, most) = (store.leases.of_teams(wanted.kind), share(wanted.limit + held.len()));
    for row in &found {
        let mut job = Job::from_row(row)?;
        if held.contains(&job.id) {
            continue;
        }
        if wanted.account.is_none() {
            let taken = teams.entry(job.team_id.clone()).or_insert(0);
            if *taken >= most {
                continue;
            }
            *taken += 1;
        }
        if row.int("lease_until")? > 0 {
            job.attempts += 1;
            seen.survivors.insert(job.id.clone());
        }
        seen.jobs.push(job);
    }
    Ok(seen)
}

pub(in crate::store) async fn keep(
    store: &Store,
    limit: usize,
    seen: Seen,
) -> sqlx::Result<Vec<Job>> {
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
    let limit = whole(wanted.limit);
    let mut sql = Sql::new(
        "UPDATE job SET attempts = attempts + CASE WHEN lease_until > 0 THEN 1 ELSE 0 END, lease = ",
    );
    sql.bind(store.node).push(", lease_until = ").bind(wanted.now + wanted.lease);
    sql.push(" WHERE id IN (SELECT id FROM job WHERE id IN (");
    match wanted.account {
        Some(account) => push_of_account(&mut sql, "id", wanted, account, limit),
        None => {
            let teams = store.leases.of_teams(wanted.kind);
            let most = share(wanted.limit + teams.values().sum::<usize>());
            // What a team holds already counts against its share; a first row that names none
            // gives the columns their types.
            sql.push("SELECT due.id FROM team LEFT JOIN (VALUES ('', 0)");
            for (team_id, held) in teams {
                sql.push(", (").bind(team_id).push(", ").bind(whole(held)).push(")");
            }
            sql.push(") AS held ON held.column1 = team.id CROSS JOIN LATERAL (SELECT id, ROW_NUMBER() OVER (ORDER BY due_at, place) AS turn FROM (");
            push_ready(&mut sql, "*", wanted, "team_id", "team.id", limit);
            sql.push(") AS ready) AS due WHERE due.turn <= ").bind(whole(most));
            sql.push(" - COALESCE(held.column2, 0) ORDER BY due.turn LIMIT ").bind(limit);
        }
    }
    // Asked again of the row as it stands once it is locked: it may have been put back for later.
    sql.push(") AND due_at <= ").bind(wanted.now).push(" AND lease_until <= ").bind(wanted.now);
    sql.push(" FOR UPDATE SKIP LOCKED) RETURNING *");
    let mut tx = store.begin().await?;
    let jobs =
        sql.fetch(&mut tx).await?.iter().map(Job::from_row).collect::<sqlx::Result<Vec<_>>>()?;
    tx.commit().await?;
    store.leases.hold(&jobs);
    Ok(round_robin(jobs))
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The oldest unclaimed heads of the team that a text of the query names.
fn push_ready(
    sql: &mut Sql,
    what: &str,
    wanted: Wanted<'_>,
    column: &str,
    equals: &str,
    limit: i64,
) {
    sql.push("SELECT ").push(what).push(" FROM job AS candidate WHERE ").push(column).push(" = ");
    sql.push(equals);
    push_due(sql, wanted, limit);
}

/// How many of a bulk send are claimed at once, so that an answer that comes meanwhile soon leaves.
const MANY: i64 = 8;

/// The oldest unclaimed heads of an account: single messages first, then some of those of many.
fn push_of_account(sql: &mut Sql, what: &str, wanted: Wanted<'_>, account: &str, limit: i64) {
    sql.push("SELECT ").push(what).push(" FROM (");
    for (priority, most) in [(SINGLE, limit), (BULK, limit.min(MANY))] {
        sql.push(if priority == SINGLE { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        sql.push("SELECT * FROM job AS candidate WHERE account_id = ").bind(account.to_owned());
        sql.push(" AND priority = ").bind(priority);
        push_due(sql, wanted, most);
        sql.push(if priority == SINGLE { ") AS single" } else { ") AS many" });
    }
    sql.push(") AS ready ORDER BY priority, due_at, place LIMIT ").bind(limit);
}

fn push_due(sql: &mut Sql, wanted: Wanted<'_>, limit: i64) {
    sql.push(" AND kind = ").bind(wanted.kind.as_str().to_owned());
    sql.push(" AND head = 1 AND due_at <= ")
        .bind(wanted.now)
        .push(" AND lease_until <= ")
        .bind(wanted.now);
    sql.push(" ORDER BY due_at, place LIMIT ").bind(limit);
}

/// One of each team, then the second of each, and so on; a team's own in order of when they were due.
fn round_robin(mut jobs: Vec<Job>) -> Vec<Job> {
    jobs.sort_by_key(|job| (job.priority, job.due_at, job.place));
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
            claim.get_mut().claims -= 1;
            if claim.get().claims == 0 {
                claim.remove();
            }
        }
    }
}

/// Let go of jobs from whose claims nothing came, as if they had not been claimed: another claim may
/// follow at once and costs no attempt. Where the database cannot be told, the claims run out.
pub async fn give_back<'a>(store: &Store, ids: impl IntoIterator<Item = &'a str>) {
    let ids: Vec<&str> = ids.into_iter().collect();
    if store.backend == Backend::Postgres
        && let Err(error) = unclaim(store, &ids).await
    {
        tracing::warn!(%error, "claims could not be given back; they run out by themselves");
    }
    release(store, ids);
}

async fn unclaim(store: &Store, ids: &[&str]) -> sqlx::Result<()> {
    let mut conn = store.read().await?;
    for part in ids.chunks(512) {
        let mut sql = Sql::new("UPDATE job SET lease = 0, lease_until = 0 WHERE lease = ");
        sql.bind(store.node).push(" AND id IN ").bind_list(part);
        sql.execute(&mut conn).await?;
    }
    Ok(())
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
        // What is being settled needs no lease, and to wait for it in another order than its
        // settlement takes its rows would be a deadlock.
        let mut sql = Sql::new("UPDATE job SET lease_until = ");
        sql.bind(until)
            .push(" WHERE id IN (SELECT id FROM job WHERE lease = ")
            .bind(store.node)
            .push(" AND lease_until > 0 AND id IN ")
            .bind_list(part)
            .push(" FOR UPDATE SKIP LOCKED)");
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jobs(of: &[(u8, Millis)]) -> Vec<Job> {
        let job = |(number, (team, due_at)): (usize, &(u8, Millis))| {
            Job::new(format!("job_{number}"), &format!("team_{team}"), JobKind::Event, *due_at)
        };
        of.iter().enumerate().map(job).collect()
    }

    proptest! {
        #[test]
        fn a_claim_goes_round_the_teams(of in prop::collection::vec((0..5_u8, 0..100_i64), 0..60)) {
            let fair = round_robin(jobs(&of));
            prop_assert_eq!(fair.len(), of.len());
            let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
            let mut last: BTreeMap<&str, Millis> = BTreeMap::new();
            let mut round = 0;
            for job in &fair {
                // Nobody has a second turn before everybody who has jobs had the first.
                let turn = turns.entry(&job.team_id).or_default();
                *turn += 1;
                prop_assert!(*turn >= round, "{} came late", job.team_id);
                round = *turn;
                // A team's own come in the order in which they were due.
                let before = last.insert(&job.team_id, job.due_at);
                prop_assert!(before.is_none_or(|before| before <= job.due_at));
            }
        }
    }
}
