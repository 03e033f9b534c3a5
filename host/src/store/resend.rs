//! Ranges of events that are sent to an endpoint once more.

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::{Millis, ResendState};

/// A range, and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Resend {
    pub id: String,
    pub team_id: String,
    pub endpoint_id: String,
    /// Events that happened from this moment…
    pub from_at: Millis,
    /// …and before this one.
    pub to_at: Millis,
    /// The cursor of the last event looked at.
    pub cursor: i64,
    /// The cursor of the last event to look at.
    pub last_cursor: i64,
    /// Events queued so far.
    pub queued: i64,
    pub state: ResendState,
    pub created_at: Millis,
}

fn from_row(row: &AnyRow) -> sqlx::Result<Resend> {
    Ok(Resend {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        endpoint_id: row.text("endpoint_id")?,
        from_at: row.int("from_at")?,
        to_at: row.int("to_at")?,
        cursor: row.int("cursor")?,
        last_cursor: row.int("last_cursor")?,
        queued: row.int("queued")?,
        state: row.word("state")?,
        created_at: row.int("created_at")?,
    })
}

/// Write a range, new or further on.
pub async fn put(conn: &mut Conn, resend: &Resend) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO resend (id, team_id, endpoint_id, from_at, to_at, cursor, last_cursor, queued, state, created_at) \
         VALUES",
        "ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor, queued = excluded.queued, state = excluded.state",
        std::slice::from_ref(resend),
        |row, r| {
            row.text(&r.id).text(&r.team_id).text(&r.endpoint_id).add(r.from_at).add(r.to_at);
            row.add(r.cursor).add(r.last_cursor).add(r.queued).text(r.state.as_str()).add(r.created_at);
        },
    )
    .await?;
    Ok(())
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Resend>> {
    let mut sql = Sql::new("SELECT * FROM resend WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// An endpoint's ranges, oldest first, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    endpoint_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Resend>> {
    let mut sql = Sql::new("SELECT * FROM resend WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND endpoint_id = ").bind(endpoint_id.to_owned());
    sql.push(" AND id > ").bind(after.to_owned()).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Whether a range is on its way to this endpoint.
pub async fn is_running(conn: &mut Conn, team_id: &str, endpoint_id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT id FROM resend WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND endpoint_id = ").bind(endpoint_id.to_owned());
    sql.push(" AND state = ").bind(ResendState::Running.as_str().to_owned()).push(" LIMIT 1");
    Ok(sql.fetch_one(conn).await?.is_some())
}

/// Nothing more goes to this endpoint: what is on its way stops.
pub async fn stop(conn: &mut Conn, team_id: &str, endpoint_id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE resend SET state = ");
    sql.bind(ResendState::Stopped.as_str().to_owned()).push(" WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND endpoint_id = ").bind(endpoint_id.to_owned());
    sql.push(" AND state = ").bind(ResendState::Running.as_str().to_owned());
    sql.execute(conn).await?;
    Ok(())
}
