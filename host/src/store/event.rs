//! Events: append-only facts, in order of their cursor.

use std::collections::{BTreeMap, HashMap};

use sqlx::any::AnyRow;

use super::department::narrow;
use super::sql::{Column, Sql, rows, with_list};
use super::{Conn, forget, plugin_call};
use crate::model::{Event, Millis, Trace};

fn from_row(row: &AnyRow) -> sqlx::Result<Event> {
    Ok(Event {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        cursor: row.int("cursor")?,
        kind: row.text("kind")?,
        account_id: row.text("account_id")?,
        chat_id: row.text("chat_id")?,
        contact_id: row.text("contact_id")?,
        message_id: row.text("message_id")?,
        at: row.int("at")?,
        depth: row.int("depth")?,
        data: row.json("data")?,
        trace: Trace::kept(row.text("trace")?, &row.text("cause")?),
    })
}

pub async fn insert(conn: &mut Conn, events: &[Event]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO event (id, team_id, cursor, kind, account_id, chat_id, contact_id, message_id, at, depth, data, \
         trace, cause) VALUES",
        "",
        events,
        |row, event| {
            row.text(&event.id).text(&event.team_id).add(event.cursor).text(&event.kind).text(&event.account_id);
            row.text(&event.chat_id).text(&event.contact_id).text(&event.message_id).add(event.at);
            row.add(event.depth).text(event.data.to_string()).text(&event.trace.root);
            row.text(event.trace.cause());
        },
    )
    .await?;
    Ok(())
}

/// Events of any team: for jobs, which carry their team themselves.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<HashMap<String, Event>> {
    let found = with_list(conn, "SELECT * FROM event WHERE id IN", ids, "").await?;
    found.iter().map(|row| Ok((row.text("id")?, from_row(row)?))).collect()
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Event>> {
    let mut sql = Sql::new("SELECT * FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned()).push(&shown());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// What readers of the stream do not see any more is left out; that an account is gone is told. Events
/// from before a merge keep the id that their contact had then.
pub(super) fn shown() -> String {
    format!(
        " AND (event.kind = 'account.deleted' OR (TRUE{})) AND event.contact_id NOT IN \
         (SELECT contact_merged.id FROM contact JOIN contact_merged \
         ON contact_merged.contact_id = contact.id WHERE contact.erased = 1)",
        forget::shown("event")
    )
}

/// What a reader of the stream wants to see.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// Names of events, `message.*` for all of a kind; empty for all.
    pub names: Vec<String>,
    /// An account's id; empty for all, and for what has no account.
    pub account_id: String,
    /// A department: the events of its accounts; empty for all, and for what has no account.
    pub department_id: String,
}

/// A team's events after a cursor that are of interest, in order.
pub async fn matching(
    conn: &mut Conn,
    team_id: &str,
    cursor: i64,
    interest: &Interest,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    let mut sql = Sql::new("SELECT * FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND cursor > ").bind(cursor);
    sql.push(&shown());
    if !interest.account_id.is_empty() {
        sql.push(" AND account_id = ").bind(interest.account_id.clone());
    }
    narrow(&mut sql, "account_id", team_id, &interest.department_id);
    if !interest.names.is_empty() {
        let (kinds, names): (Vec<&String>, Vec<&String>) =
            interest.names.iter().partition(|name| name.ends_with(".*"));
        sql.push(" AND (kind IN ").bind_list(&names);
        for kind in kinds {
            let start = kind.trim_end_matches('*').to_owned();
            // A number in the text: PostgreSQL's substr takes no BIGINT.
            sql.push(&format!(" OR substr(kind, 1, {}) = ", start.len())).bind(start);
        }
        sql.push(")");
    }
    sql.push(" ORDER BY cursor LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// A team's events that came of this root, or are it; in order of their ids, at most `limit`.
pub async fn of_trace(
    conn: &mut Conn,
    team_id: &str,
    root: &str,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    let mut sql = forget::of_trace("event", team_id, root);
    sql.push(&shown()).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// A team's events after a cursor, in order.
pub async fn after(
    conn: &mut Conn,
    team_id: &str,
    cursor: i64,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    let mut sql = Sql::new("SELECT * FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned())
        .push(" AND cursor > ")
        .bind(cursor)
        .push(&shown())
        .push(" ORDER BY cursor LIMIT ")
        .bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// The cursor of a team's newest event; 0 where there is none.
pub async fn last_cursor(conn: &mut Conn, team_id: &str) -> sqlx::Result<i64> {
    let mut sql = Sql::new("SELECT MAX(cursor) AS last FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned());
    Ok(match sql.fetch_one(conn).await? {
        Some(row) => row.maybe_int("last")?.unwrap_or(0),
        None => 0,
    })
}

/// Up to which cursor a team's events may be forgotten already; 0: none are.
pub async fn forgotten(conn: &mut Conn, team_id: &str) -> sqlx::Result<i64> {
    let mut sql = Sql::new("SELECT forgotten_cursor FROM team WHERE id = ");
    sql.bind(team_id.to_owned());
    sql.fetch_one(conn).await?.map_or(Ok(0), |row| row.int("forgotten_cursor"))
}

/// A team's newest events before a cursor, newest first.
pub async fn newest(
    conn: &mut Conn,
    team_id: &str,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    let mut sql = Sql::new("SELECT * FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND cursor < ").bind(before).push(&shown());
    sql.push(" ORDER BY cursor DESC LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Forget events older than `before` that no job and no open dead letter needs any more; at most
/// `limit`. Each team notes up to where.
pub async fn purge(conn: &mut Conn, before: Millis, limit: i64) -> sqlx::Result<u64> {
    let mut sql =
        Sql::new("DELETE FROM event WHERE id IN (SELECT id FROM event AS old WHERE at < ");
    sql.bind(before).push(" AND NOT EXISTS (SELECT 1 FROM job WHERE job.subject_id = old.id)");
    sql.push(" AND NOT EXISTS (SELECT 1 FROM dead_letter WHERE event_id = old.id AND replayed_at IS NULL) LIMIT ");
    sql.bind(limit).push(") RETURNING id, team_id, cursor");
    let gone = sql.fetch(conn).await?;
    plugin_call::forget(conn, &forget::texts(&gone, "id")?).await?;
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    for row in &gone {
        let cursor = newest.entry(row.text("team_id")?).or_default();
        *cursor = (*cursor).max(row.int("cursor")?);
    }
    // In order of the teams, as everyone takes their rows.
    for (team_id, cursor) in newest {
        let mut sql = Sql::new("UPDATE team SET forgotten_cursor = ");
        sql.bind(cursor).push(" WHERE id = ").bind(team_id).push(" AND forgotten_cursor < ");
        sql.bind(cursor);
        sql.execute(conn).await?;
    }
    Ok(gone.len() as u64)
}
