//! Customers' endpoints that events are posted to, and what each attempt brought.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows, with_list};
use crate::model::{Event, Millis, PayloadFormat};

/// An address that events are posted to.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    pub id: String,
    pub team_id: String,
    pub url: String,
    /// The signing secret, sealed for `endpoint/{id}`.
    pub sealed_secret: String,
    /// The secret before it, which signs too until a moment; empty where there is none.
    pub old_sealed_secret: String,
    pub old_secret_until: Millis,
    /// JSON object of headers to send along, sealed like the secret; empty where there are none.
    pub sealed_headers: String,
    pub format: PayloadFormat,
    /// Names of events, `message.*` for all of a kind; empty for all.
    pub events: Vec<String>,
    /// Account ids; empty for all.
    pub accounts: Vec<String>,
    /// The events of a chat one after the other.
    pub ordered: bool,
    pub enabled: bool,
    /// Why it is disabled; empty where a person did it, or where it is not.
    pub reason: String,
    /// The first failure since the last success.
    pub failing_since: Option<Millis>,
    pub created_at: Millis,
}

impl Endpoint {
    /// Whether this event is posted to it.
    pub fn wants(&self, event: &Event) -> bool {
        event.is_named(&self.events)
            && (self.accounts.is_empty()
                || event.account_id.is_empty()
                || self.accounts.contains(&event.account_id))
    }
}

fn from_row(row: &AnyRow) -> sqlx::Result<Endpoint> {
    Ok(Endpoint {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        url: row.text("url")?,
        sealed_secret: row.text("sealed_secret")?,
        old_sealed_secret: row.text("old_sealed_secret")?,
        old_secret_until: row.int("old_secret_until")?,
        sealed_headers: row.text("sealed_headers")?,
        format: row.word("format")?,
        events: row.json("events")?,
        accounts: row.json("accounts")?,
        ordered: row.int("ordered")? != 0,
        enabled: row.int("enabled")? != 0,
        reason: row.text("reason")?,
        failing_since: row.maybe_int("failing_since")?,
        created_at: row.int("created_at")?,
    })
}

fn json(list: &[String]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

/// Write an endpoint, new or changed.
pub async fn put(conn: &mut Conn, endpoint: &Endpoint) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO endpoint (id, team_id, url, sealed_secret, old_sealed_secret, old_secret_until, sealed_headers, \
         format, events, accounts, ordered, enabled, reason, failing_since, created_at) VALUES",
        "ON CONFLICT (id) DO UPDATE SET url = excluded.url, sealed_secret = excluded.sealed_secret, \
         old_sealed_secret = excluded.old_sealed_secret, old_secret_until = excluded.old_secret_until, \
         sealed_headers = excluded.sealed_headers, format = excluded.format, events = excluded.events, \
         accounts = excluded.accounts, ordered = excluded.ordered, enabled = excluded.enabled, \
         reason = excluded.reason, failing_since = excluded.failing_since",
        std::slice::from_ref(endpoint),
        |row, e| {
            row.text(&e.id).text(&e.team_id).text(&e.url).text(&e.sealed_secret);
            row.text(&e.old_sealed_secret).add(e.old_secret_until).text(&e.sealed_headers);
            row.text(e.format.as_str()).text(json(&e.events)).text(json(&e.accounts)).truth(e.ordered).truth(e.enabled).text(&e.reason);
            row.add(e.failing_since).add(e.created_at);
        },
    )
    .await?;
    Ok(())
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Endpoint>> {
    let mut sql = Sql::new("SELECT * FROM endpoint WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Endpoints of any team, for jobs, which carry their team themselves.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<HashMap<String, Endpoint>> {
    let found = with_list(conn, "SELECT * FROM endpoint WHERE id IN", ids, "").await?;
    found.iter().map(|row| Ok((row.text("id")?, from_row(row)?))).collect()
}

/// A team's endpoints, oldest first, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Endpoint>> {
    let mut sql = Sql::new("SELECT * FROM endpoint WHERE team_id = ");
    sql.bind(team_id.to_owned())
        .push(" AND id > ")
        .bind(after.to_owned())
        .push(" ORDER BY id LIMIT ")
        .bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// A team's endpoints that events go to.
pub async fn enabled(conn: &mut Conn, team_id: &str) -> sqlx::Result<Vec<Endpoint>> {
    let mut sql = Sql::new("SELECT * FROM endpoint WHERE enabled = 1 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" ORDER BY id");
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// How many endpoints a team has.
pub async fn count(conn: &mut Conn, team_id: &str) -> sqlx::Result<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) AS endpoints FROM endpoint WHERE team_id = ");
    sql.bind(team_id.to_owned());
    sql.fetch_one(conn).await?.map_or(Ok(0), |row| row.int("endpoints"))
}

/// Take an endpoint away, with its attempts and resends; its jobs are the caller's.
pub async fn delete(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<bool> {
    for table in ["attempt", "resend"] {
        let mut sql = Sql::new("DELETE FROM ");
        sql.push(table).push(" WHERE team_id = ").bind(team_id.to_owned());
        sql.push(" AND endpoint_id = ").bind(id.to_owned());
        sql.execute(conn).await?;
    }
    let mut sql = Sql::new("DELETE FROM endpoint WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// Note that these endpoints answered well (`None`), or fail since a moment, if not for longer.
pub async fn note_health(
    conn: &mut Conn,
    ids: &[String],
    failing_since: Option<Millis>,
) -> sqlx::Result<()> {
    for part in ids.chunks(512) {
        let mut sql = Sql::new("UPDATE endpoint SET failing_since = ");
        match failing_since {
            Some(since) => sql.push("COALESCE(failing_since, ").bind(since).push(")"),
            None => sql.push("NULL"),
        };
        sql.push(" WHERE id IN ").bind_list(part);
        sql.push(if failing_since.is_none() { " AND failing_since IS NOT NULL" } else { "" });
        sql.execute(conn).await?;
    }
    Ok(())
}

/// Send nothing more to an endpoint; false where that is so already.
pub async fn disable(conn: &mut Conn, id: &str, reason: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE endpoint SET enabled = 0, reason = ");
    sql.bind(reason.to_owned()).push(" WHERE enabled = 1 AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// What one request to an endpoint brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub id: String,
    pub team_id: String,
    pub endpoint_id: String,
    pub event_id: String,
    /// From 1.
    pub attempt: i64,
    pub at: Millis,
    pub millis: i64,
    /// The HTTP status; 0 where none came.
    pub status: i64,
    /// The beginning of the answer, or why none came.
    pub response: String,
}

pub async fn insert_attempts(conn: &mut Conn, attempts: &[Attempt]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO attempt (id, team_id, endpoint_id, event_id, attempt, at, millis, status, response) VALUES",
        "",
        attempts,
        |row, a| {
            row.text(&a.id).text(&a.team_id).text(&a.endpoint_id).text(&a.event_id).add(a.attempt).add(a.at);
            row.add(a.millis).add(a.status).text(&a.response);
        },
    )
    .await?;
    Ok(())
}

/// Which attempts are asked for; what is absent lets all through.
#[derive(Clone, Debug, Default)]
pub struct AttemptFilter {
    pub event_id: Option<String>,
    pub status: Option<i64>,
    /// Those that a 2xx answered, or all others.
    pub delivered: Option<bool>,
}

/// An endpoint's attempts in order, after the one with id `after`.
pub async fn attempts(
    conn: &mut Conn,
    team_id: &str,
    endpoint_id: &str,
    filter: &AttemptFilter,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Attempt>> {
    let mut sql = Sql::new("SELECT * FROM attempt WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND endpoint_id = ").bind(endpoint_id.to_owned());
    if let Some(event_id) = &filter.event_id {
        sql.push(" AND event_id = ").bind(event_id.clone());
    }
    if let Some(status) = filter.status {
        sql.push(" AND status = ").bind(status);
    }
    match filter.delivered {
        Some(true) => sql.push(" AND status BETWEEN 200 AND 299"),
        // As the index of failures has it.
        Some(false) => sql.push(" AND (status < 200 OR status > 299)"),
        None => &mut sql,
    };
    sql.push(" AND id > ").bind(after.to_owned()).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(attempt_from_row).collect()
}

fn attempt_from_row(row: &AnyRow) -> sqlx::Result<Attempt> {
    Ok(Attempt {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        endpoint_id: row.text("endpoint_id")?,
        event_id: row.text("event_id")?,
        attempt: row.int("attempt")?,
        at: row.int("at")?,
        millis: row.int("millis")?,
        status: row.int("status")?,
        response: row.text("response")?,
    })
}

/// The attempts at notices of these events, in order.
pub async fn attempts_of_events(
    conn: &mut Conn,
    team_id: &str,
    event_ids: &[String],
    limit: i64,
) -> sqlx::Result<Vec<Attempt>> {
    let mut sql = Sql::new("SELECT * FROM attempt WHERE event_id IN ");
    sql.bind_list(event_ids).push(" AND team_id = ").bind(team_id.to_owned());
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(attempt_from_row).collect()
}

/// Forget attempts older than `before`; at most `limit`.
pub async fn purge_attempts(conn: &mut Conn, before: Millis, limit: i64) -> sqlx::Result<u64> {
    let mut sql = Sql::new("DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE at < ");
    sql.bind(before).push(" LIMIT ").bind(limit).push(")");
    sql.execute(conn).await
}
