//! Dead letters: events that a plugin could not handle, with why.

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, rows};
use super::{Conn, event};
use crate::model::Millis;

/// An event that one install gave up, or was given up for it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DeadLetter {
    pub id: String,
    #[serde(skip)]
    pub team_id: String,
    pub install_id: String,
    pub event_id: String,
    /// The version that failed.
    pub version_id: String,
    /// A fault class, or `crash` where the whole process died of it.
    pub fault: String,
    pub reason: String,
    pub backtrace: String,
    pub attempts: i64,
    pub created_at: Millis,
    pub replayed_at: Option<Millis>,
    /// JSON of what the job carried beyond the event.
    #[serde(skip)]
    pub payload: String,
}

fn from_row(row: &AnyRow) -> sqlx::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        install_id: row.text("install_id")?,
        event_id: row.text("event_id")?,
        version_id: row.text("version_id")?,
        fault: row.text("fault")?,
        reason: row.text("reason")?,
        backtrace: row.text("backtrace")?,
        attempts: row.int("attempts")?,
        created_at: row.int("created_at")?,
        replayed_at: row.maybe_int("replayed_at")?,
        payload: row.text("payload")?,
    })
}

/// The newest dead letter that an install left of an event.
pub async fn of_event(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    event_id: &str,
) -> sqlx::Result<Option<DeadLetter>> {
    let mut sql = Sql::new("SELECT * FROM dead_letter WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND install_id = ").bind(install_id.to_owned());
    sql.push(" AND event_id = ").bind(event_id.to_owned()).push(" ORDER BY id DESC LIMIT 1");
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

pub async fn insert(conn: &mut Conn, letters: &[DeadLetter]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO dead_letter (id, team_id, install_id, event_id, version_id, fault, reason, backtrace, attempts, \
         created_at, replayed_at, payload) VALUES",
        "",
        letters,
        |row, letter| {
            row.text(&letter.id).text(&letter.team_id).text(&letter.install_id).text(&letter.event_id);
            row.text(&letter.version_id).text(&letter.fault).text(&letter.reason).text(&letter.backtrace);
            row.add(letter.attempts).add(letter.created_at).add(letter.replayed_at).text(&letter.payload);
        },
    )
    .await?;
    Ok(())
}

/// Those of events that nobody sees any more are left out.
fn shown() -> String {
    format!(
        " AND NOT EXISTS (SELECT 1 FROM event WHERE event.id = dead_letter.event_id AND NOT (TRUE{}))",
        event::shown()
    )
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<DeadLetter>> {
    let mut sql = Sql::new("SELECT * FROM dead_letter WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned()).push(&shown());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// A team's dead letters in order, after the one with id `after`; of one install where given.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    install_id: Option<&str>,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<DeadLetter>> {
    let mut sql = Sql::new("SELECT * FROM dead_letter WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned()).push(&shown());
    if let Some(install_id) = install_id {
        sql.push(" AND install_id = ").bind(install_id.to_owned());
    }
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// A team's dead letters of these events, in order.
pub async fn of_events(
    conn: &mut Conn,
    team_id: &str,
    event_ids: &[String],
    limit: i64,
) -> sqlx::Result<Vec<DeadLetter>> {
    let mut sql = Sql::new("SELECT * FROM dead_letter WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND event_id IN ").bind_list(event_ids);
    sql.push(&shown()).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Note a replay; false where it was replayed before.
pub async fn mark_replayed(
    conn: &mut Conn,
    team_id: &str,
    id: &str,
    now: Millis,
) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE dead_letter SET replayed_at = ");
    sql.bind(now).push(" WHERE replayed_at IS NULL AND team_id = ").bind(team_id.to_owned());
    sql.push(" AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}
