//! Calls of plugins, one row each, however they ended.

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows, with_list};
use crate::model::Millis;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRow {
    pub event_id: String,
    pub id: String,
    pub team_id: String,
    pub install_id: String,
    /// When it began.
    pub at: Millis,
    /// JSON.
    pub detail: String,
}

fn from_row(row: &AnyRow) -> sqlx::Result<CallRow> {
    Ok(CallRow {
        event_id: row.text("event_id")?,
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        install_id: row.text("install_id")?,
        at: row.int("at")?,
        detail: row.text("detail")?,
    })
}

pub async fn insert(conn: &mut Conn, calls: &[CallRow]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO plugin_call (event_id, id, team_id, install_id, at, detail) VALUES",
        "",
        calls,
        |row, call| {
            row.text(&call.event_id).text(&call.id).text(&call.team_id).text(&call.install_id);
            row.add(call.at).text(&call.detail);
        },
    )
    .await?;
    Ok(())
}

/// The calls for these events, in order; at most `limit`.
pub async fn of_events(
    conn: &mut Conn,
    team_id: &str,
    event_ids: &[String],
    limit: i64,
) -> sqlx::Result<Vec<CallRow>> {
    let mut sql = Sql::new("SELECT * FROM plugin_call WHERE event_id IN ");
    sql.bind_list(event_ids).push(" AND team_id = ").bind(team_id.to_owned());
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Forget the calls for events that are gone.
pub async fn forget(conn: &mut Conn, event_ids: &[String]) -> sqlx::Result<()> {
    with_list(conn, "DELETE FROM plugin_call WHERE event_id IN", event_ids, "").await?;
    Ok(())
}
