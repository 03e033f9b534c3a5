//! What plugins logged, and their failed attempts: kept whatever became of the call.

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, rows};
use super::{Conn, event};
use crate::model::Millis;

/// A line that a plugin logged.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LogRow {
    pub id: String,
    #[serde(skip)]
    pub team_id: String,
    pub install_id: String,
    pub event_id: String,
    pub at: Millis,
    pub level: String,
    pub message: String,
}

pub async fn insert_logs(conn: &mut Conn, logs: &[LogRow]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO plugin_log (id, team_id, install_id, event_id, at, level, message) VALUES",
        "",
        logs,
        |row, log| {
            row.text(&log.id)
                .text(&log.team_id)
                .text(&log.install_id)
                .text(&log.event_id)
                .add(log.at);
            row.text(&log.level).text(&log.message);
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

/// An install's log in order, after the line with id `after`.
pub async fn logs(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    let mut sql = Sql::new("SELECT * FROM plugin_log WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND install_id = ").bind(install_id.to_owned());
    sql.push(&format!(
        " AND NOT EXISTS (SELECT 1 FROM event WHERE event.id = plugin_log.event_id AND NOT (TRUE{}))",
        event::shown()
    ));
    sql.push(" AND id > ").bind(after.to_owned()).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(log_from_row).collect()
}

/// What an install logged about one event, in order; at most `limit`.
pub async fn logs_of(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    event_id: &str,
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    let mut sql = Sql::new("SELECT * FROM plugin_log WHERE event_id = ");
    sql.bind(event_id.to_owned()).push(" AND team_id = ").bind(team_id.to_owned());
    sql.push(" AND install_id = ").bind(install_id.to_owned());
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(log_from_row).collect()
}

fn log_from_row(row: &AnyRow) -> sqlx::Result<LogRow> {
    Ok(LogRow {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        install_id: row.text("install_id")?,
        event_id: row.text("event_id")?,
        at: row.int("at")?,
        level: row.text("level")?,
        message: row.text("message")?,
    })
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
