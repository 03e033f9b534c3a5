//! What plugins logged, and their failed attempts: kept whatever became of the call.

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, rows};
use super::{Conn, event};
use crate::model::Millis;

/// A line that a plugin logged.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct LogRow {
    pub id: String,
    #[serde(skip)]
    pub team_id: String,
    pub install_id: String,
    pub event_id: String,
    pub at: Millis,
    pub level: String,
    pub message: String,
    /// The chat of its event; empty where it has none.
    pub chat_id: String,
    pub attempt: i64,
    pub version_id: String,
}

fn from_row(row: &AnyRow) -> sqlx::Result<LogRow> {
    Ok(LogRow {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        install_id: row.text("install_id")?,
        event_id: row.text("event_id")?,
        at: row.int("at")?,
        level: row.text("level")?,
        message: row.text("message")?,
        chat_id: row.text("chat_id")?,
        attempt: row.int("attempt")?,
        version_id: row.text("version_id")?,
    })
}

pub async fn insert_logs(conn: &mut Conn, logs: &[LogRow]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO plugin_log (id, team_id, install_id, event_id, at, level, message, chat_id, attempt, \
         version_id) VALUES",
        "",
        logs,
        |row, log| {
            row.text(&log.id)
                .text(&log.team_id)
                .text(&log.install_id)
                .text(&log.event_id)
                .add(log.at);
            row.text(&log.level).text(&log.message).text(&log.chat_id).add(log.attempt);
            row.text(&log.version_id);
        },
    )
    .await?;
    Ok(())
}

/// Forget log lines and failed attempts older than `before`; at most `limit` of each. Gives how many
/// went of the table that lost more.
pub async fn purge(conn: &mut Conn, before: Millis, limit: i64) -> sqlx::Result<u64> {
    let mut most = 0;
    for table in ["plugin_log", "failure"] {
        let mut sql = Sql::new(&format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} AS old WHERE at < "
        ));
        sql.bind(before).push(" LIMIT ").bind(limit).push(")");
        most = most.max(sql.execute(conn).await?);
    }
    Ok(most)
}

/// Which lines are looked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Empty for all of the team; so are the next ones.
    pub install_id: String,
    pub event_id: String,
    pub chat_id: String,
    /// These levels; empty for all.
    pub levels: Vec<&'static str>,
    /// Upper and lower case of a to z are the same.
    pub text: String,
    pub since: Option<Millis>,
    pub until: Option<Millis>,
}

/// A part of a log.
#[derive(Clone, Debug, Default)]
pub struct Part {
    pub lines: Vec<LogRow>,
    /// The last line that was looked at, found or not; empty where there was none.
    pub looked: String,
    /// Whether there may be more behind it.
    pub more: bool,
}

/// Lines that one page looks at: what is rare is found over several pages.
const LOOKS: i64 = 10_000;

/// An install's log in order, after the line with id `after`.
pub async fn logs(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    let filter = Filter { install_id: install_id.to_owned(), ..Filter::default() };
    Ok(search(conn, team_id, &filter, false, after, limit).await?.lines)
}

/// A team's lines that fit, after the line with this id (empty: from the first); with `newest` before
/// it, and the newest first.
pub async fn search(
    conn: &mut Conn,
    team_id: &str,
    filter: &Filter,
    newest: bool,
    from: &str,
    limit: i64,
) -> sqlx::Result<Part> {
    let found = within(team_id, filter, newest, from, Some(limit)).fetch(conn).await?;
    let lines = found.iter().map(from_row).collect::<sqlx::Result<Vec<_>>>()?;
    let full = i64::try_from(lines.len()).is_ok_and(|lines| lines == limit);
    if let Some(last) = lines.last().filter(|_| full) {
        let looked = last.id.clone();
        return Ok(Part { lines, looked, more: true });
    }
    let row = within(team_id, filter, newest, from, None).fetch_one(conn).await?;
    let (looked, count) = match row {
        Some(row) => (row.maybe_text("last")?.unwrap_or_default(), row.int("lines")?),
        None => (String::new(), 0),
    };
    Ok(Part { lines, looked, more: count == LOOKS })
}

/// The lines of a page; without a limit, how far it looks.
fn within(team_id: &str, filter: &Filter, newest: bool, from: &str, limit: Option<i64>) -> Sql {
    let (than, order, last) = if newest { ("<", "DESC", "MIN") } else { (">", "ASC", "MAX") };
    let mut sql = match limit {
        Some(_) => Sql::new("SELECT * FROM (SELECT * FROM plugin_log WHERE team_id = "),
        None => Sql::new(&format!(
            "SELECT {last}(id) AS last, COUNT(*) AS lines FROM (SELECT id FROM plugin_log WHERE team_id = "
        )),
    };
    sql.bind(team_id.to_owned());
    for (column, wanted) in [
        ("install_id", &filter.install_id),
        ("event_id", &filter.event_id),
        ("chat_id", &filter.chat_id),
    ] {
        if !wanted.is_empty() {
            // `<> ''` leads to the index of those that have a chat.
            sql.push(&format!(" AND {column} <> '' AND {column} = ")).bind(wanted.clone());
        }
    }
    if !from.is_empty() {
        sql.push(&format!(" AND id {than} ")).bind(from.to_owned());
    }
    sql.push(&format!(" ORDER BY id {order} LIMIT ")).bind(LOOKS).push(") AS part");
    if let Some(limit) = limit {
        fits(&mut sql, filter);
        sql.push(&format!(" ORDER BY id {order} LIMIT ")).bind(limit);
    }
    sql
}

fn fits(sql: &mut Sql, filter: &Filter) {
    sql.push(&format!(
        " WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.id = part.event_id AND NOT (TRUE{}))",
        event::shown()
    ));
    sql.push(" AND (chat_id = '' OR chat_id NOT IN (SELECT chat.id FROM chat JOIN contact ON contact.id = chat.contact_id WHERE contact.erased = 1))");
    if !filter.levels.is_empty() {
        sql.push(" AND level IN ").bind_list(&filter.levels);
    }
    if !filter.text.is_empty() {
        let plain = filter.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        sql.push(" AND lower(message) LIKE lower(").bind(format!("%{plain}%"));
        sql.push(") ESCAPE '\\'");
    }
    for (than, moment) in [(">=", filter.since), ("<", filter.until)] {
        if let Some(moment) = moment {
            sql.push(&format!(" AND at {than} ")).bind(moment);
        }
    }
}

/// The lines of these events, in order; of one install where given.
pub async fn of_events(
    conn: &mut Conn,
    team_id: &str,
    install_id: Option<&str>,
    event_ids: &[String],
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    let mut sql = Sql::new("SELECT * FROM plugin_log WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND event_id IN ").bind_list(event_ids);
    if let Some(install_id) = install_id {
        sql.push(" AND install_id = ").bind(install_id.to_owned());
    }
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// What an install logged about one event, in order; at most `limit`.
pub async fn logs_of(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    event_id: &str,
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    of_events(conn, team_id, Some(install_id), &[event_id.to_owned()], limit).await
}

/// A failed attempt at an event.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FailureRow {
    #[serde(skip)]
    pub id: String,
    #[serde(skip)]
    pub team_id: String,
    pub install_id: String,
    pub event_id: String,
    pub attempt: i64,
    pub at: Millis,
    pub wall_micros: i64,
    pub fault: String,
    pub reason: String,
}

pub async fn insert_failures(conn: &mut Conn, failures: &[FailureRow]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO failure (id, team_id, install_id, event_id, attempt, at, wall_micros, fault, reason) VALUES",
        "",
        failures,
        |row, failure| {
            row.text(&failure.id).text(&failure.team_id).text(&failure.install_id).text(&failure.event_id);
            row.add(failure.attempt).add(failure.at).add(failure.wall_micros).text(&failure.fault);
            row.text(&failure.reason);
        },
    )
    .await?;
    Ok(())
}

/// The failed attempts of an install at an event, in order.
pub async fn failures(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    event_id: &str,
) -> sqlx::Result<Vec<FailureRow>> {
    let mut sql = Sql::new("SELECT * FROM failure WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND install_id = ").bind(install_id.to_owned());
    sql.push(" AND event_id = ").bind(event_id.to_owned()).push(" ORDER BY id");
    sql.fetch(conn).await?.iter().map(failure_from_row).collect()
}

/// The failed attempts at these events, in order.
pub async fn failures_of_events(
    conn: &mut Conn,
    team_id: &str,
    event_ids: &[String],
    limit: i64,
) -> sqlx::Result<Vec<FailureRow>> {
    let mut sql = Sql::new("SELECT * FROM failure WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND event_id IN ").bind_list(event_ids);
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(failure_from_row).collect()
}

/// The failed attempts of an install at any event, in order, after the one with id `after`.
pub async fn failures_after(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<FailureRow>> {
    let mut sql = Sql::new("SELECT * FROM failure WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND install_id = ").bind(install_id.to_owned());
    sql.push(" AND id > ").bind(after.to_owned()).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(failure_from_row).collect()
}

fn failure_from_row(row: &AnyRow) -> sqlx::Result<FailureRow> {
    Ok(FailureRow {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        install_id: row.text("install_id")?,
        event_id: row.text("event_id")?,
        attempt: row.int("attempt")?,
        at: row.int("at")?,
        wall_micros: row.int("wall_micros")?,
        fault: row.text("fault")?,
        reason: row.text("reason")?,
    })
}
