//! Imports of contacts: what is still to be read, how far it has come, and what was left out.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::Millis;

/// An import and its progress.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub id: String,
    pub team_id: String,
    pub state: ImportState,
    pub columns: Vec<String>,
    pub total: i64,
    pub added: i64,
    pub updated: i64,
    pub refused: i64,
    pub created_at: Millis,
    pub updated_at: Millis,
}

/// How far an import has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportState {
    Uploading,
    Running,
    Done,
}

impl ImportState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Running => "running",
            Self::Done => "done",
        }
    }
}

fn from_row(row: &AnyRow) -> sqlx::Result<Import> {
    Ok(Import {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        state: match row.text("state")?.as_str() {
            "uploading" => ImportState::Uploading,
            "running" => ImportState::Running,
            _ => ImportState::Done,
        },
        columns: row.json("columns")?,
        total: row.int("total")?,
        added: row.int("added")?,
        updated: row.int("updated")?,
        refused: row.int("refused")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

pub async fn insert(conn: &mut Conn, import: &Import) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO contact_import (id, team_id, state, columns, total, added, updated, refused, created_at, \
         updated_at) VALUES",
        "",
        std::slice::from_ref(import),
        |row, it| {
            row.text(&it.id).text(&it.team_id).text(it.state.as_str());
            row.text(serde_json::to_string(&it.columns).unwrap_or_default());
            row.add(it.total).add(it.added).add(it.updated).add(it.refused);
            row.add(it.created_at).add(it.updated_at);
        },
    )
    .await?;
    Ok(())
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Import>> {
    let mut sql = Sql::new("SELECT * FROM contact_import WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// A team's imports, oldest first, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Import>> {
    let mut sql = Sql::new("SELECT * FROM contact_import WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Write how far it has come.
pub async fn update(conn: &mut Conn, import: &Import) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE contact_import SET state = ");
    sql.bind(import.state.as_str().to_owned()).push(", total = ").bind(import.total);
    sql.push(", added = ").bind(import.added).push(", updated = ").bind(import.updated);
    sql.push(", refused = ").bind(import.refused).push(", updated_at = ").bind(import.updated_at);
    sql.push(" WHERE id = ").bind(import.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// Keep a set of lines, as JSON, that wait.
pub async fn add_part(conn: &mut Conn, id: &str, place: i64, records: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("INSERT INTO import_part (import_id, place, records) VALUES (");
    sql.bind(id.to_owned()).push(", ").bind(place).push(", ").bind(records.to_owned()).push(")");
    sql.execute(conn).await?;
    Ok(())
}

/// Take the first set of lines that wait.
pub async fn take_part(conn: &mut Conn, id: &str) -> sqlx::Result<Option<String>> {
    let mut sql = Sql::new("DELETE FROM import_part WHERE import_id = ");
    sql.bind(id.to_owned())
        .push(" AND place = (SELECT MIN(place) FROM import_part WHERE import_id = ");
    sql.bind(id.to_owned()).push(") RETURNING records");
    sql.fetch_one(conn).await?.map(|row| row.text("records")).transpose()
}

/// Note lines that were left out.
pub async fn add_problems(
    conn: &mut Conn,
    id: &str,
    problems: &[(i64, String)],
) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO import_problem (import_id, line, problem) VALUES",
        "ON CONFLICT DO NOTHING",
        problems,
        |row, (line, problem)| {
            row.text(id).add(*line).text(problem);
        },
    )
    .await?;
    Ok(())
}

/// Lines that were left out, after a line.
pub async fn problems(
    conn: &mut Conn,
    id: &str,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<(i64, String)>> {
    let mut sql = Sql::new("SELECT line, problem FROM import_problem WHERE import_id = ");
    sql.bind(id.to_owned()).push(" AND line > ").bind(after);
    sql.push(" ORDER BY line LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(|row| Ok((row.int("line")?, row.text("problem")?))).collect()
}

/// Forget uploads that broke off before this moment.
pub async fn purge(conn: &mut Conn, before: Millis) -> sqlx::Result<u64> {
    let mut sql = Sql::new(
        "DELETE FROM import_part WHERE import_id IN (SELECT id FROM contact_import \
         WHERE state = 'uploading' AND created_at < ",
    );
    sql.bind(before).push(")");
    sql.execute(conn).await?;
    let mut sql =
        Sql::new("DELETE FROM contact_import WHERE state = 'uploading' AND created_at < ");
    sql.bind(before);
    sql.execute(conn).await
}
