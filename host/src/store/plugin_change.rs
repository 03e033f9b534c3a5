//! The history of each install: who changed what.

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::Millis;

/// One change of an install.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeRow {
    pub id: String,
    pub team_id: String,
    pub install_id: String,
    pub at: Millis,
    /// A word such as `installed` or `configured`.
    pub change: String,
    /// The id of a key, an app or a person; or where it came from, such as `folder`.
    pub who: String,
    pub version_id: String,
    /// The version's number; read only.
    pub version: String,
    /// JSON
    pub details: String,
}

fn from_row(row: &AnyRow) -> sqlx::Result<ChangeRow> {
    Ok(ChangeRow {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        install_id: row.text("install_id")?,
        at: row.int("at")?,
        change: row.text("change")?,
        who: row.text("who")?,
        version_id: row.text("version_id")?,
        version: row.text("version")?,
        details: row.text("details")?,
    })
}

const CHANGES: &str = "SELECT plugin_change.*, plugin_version.version AS version FROM plugin_change \
     JOIN plugin_version ON plugin_version.id = plugin_change.version_id WHERE plugin_change.team_id = ";

pub async fn insert(conn: &mut Conn, change: &ChangeRow) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO plugin_change (id, team_id, install_id, at, change, who, version_id, details) VALUES",
        "",
        std::slice::from_ref(change),
        |row, change| {
            row.text(&change.id).text(&change.team_id).text(&change.install_id).add(change.at);
            row.text(&change.change).text(&change.who).text(&change.version_id);
            row.text(&change.details);
        },
    )
    .await?;
    Ok(())
}

/// An install's changes, newest first, before the one with id `before` where it is not empty.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    before: &str,
    limit: i64,
) -> sqlx::Result<Vec<ChangeRow>> {
    let mut sql = Sql::new(CHANGES);
    sql.bind(team_id.to_owned());
    sql.push(" AND plugin_change.install_id = ").bind(install_id.to_owned());
    if !before.is_empty() {
        sql.push(" AND plugin_change.id < ").bind(before.to_owned());
    }
    sql.push(" ORDER BY plugin_change.id DESC LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// The newest of an install's changes that is one of these words; about one version where it is given.
pub async fn newest(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    version_id: Option<&str>,
    changes: &[&str],
) -> sqlx::Result<Option<ChangeRow>> {
    let mut sql = Sql::new(CHANGES);
    sql.bind(team_id.to_owned());
    sql.push(" AND plugin_change.install_id = ").bind(install_id.to_owned());
    if let Some(version_id) = version_id {
        sql.push(" AND plugin_change.version_id = ").bind(version_id.to_owned());
    }
    sql.push(" AND plugin_change.change IN (");
    for (place, change) in changes.iter().enumerate() {
        sql.push(if place == 0 { "" } else { ", " }).bind((*change).to_owned());
    }
    sql.push(") ORDER BY plugin_change.id DESC LIMIT 1");
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// The versions of an install that were uploaded and never ran, by the words `waited` and no other of
/// a version.
pub async fn never_ran(
    conn: &mut Conn,
    team_id: &str,
    install_id: &str,
    waited: [&str; 2],
) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new("SELECT version_id FROM plugin_change WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND install_id = ").bind(install_id.to_owned());
    sql.push(" GROUP BY version_id HAVING MAX(CASE WHEN change IN (").bind(waited[0].to_owned());
    sql.push(", ").bind(waited[1].to_owned()).push(") THEN 0 ELSE 1 END) = 0");
    sql.fetch(conn).await?.iter().map(|row| row.text("version_id")).collect()
}
