//! Files: what is known of them; their bytes are in the object store.

use sqlx::any::AnyRow;

use super::Conn;
use super::department::narrow;
use super::sql::{Column, Sql, rows, with_list};
use crate::model::{Millis, StoredFile};

/// The origin of a file that a plugin made.
pub const PLUGIN: &str = "plugin";

/// A stored file.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaRow {
    pub id: String,
    pub team_id: String,
    pub mime_type: String,
    pub filename: String,
    pub size: i64,
    /// SHA-256, hexadecimal.
    pub hash: String,
    /// `upload`, `url`, `channel` or `plugin`.
    pub origin: String,
    pub created_at: Millis,
    /// 0: no message has named it.
    pub used_at: Millis,
    /// The department whose key uploaded it; empty for the whole team.
    pub department_id: String,
}

fn from_row(row: &AnyRow) -> sqlx::Result<MediaRow> {
    Ok(MediaRow {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        mime_type: row.text("mime_type")?,
        filename: row.text("filename")?,
        size: row.int("size")?,
        hash: row.text("hash")?,
        origin: row.text("origin")?,
        created_at: row.int("created_at")?,
        used_at: row.int("used_at")?,
        department_id: row.text("department_id")?,
    })
}

/// Note that the bytes of a file are on their way: whatever becomes of them, they are known.
pub async fn announce(conn: &mut Conn, media: &MediaRow) -> sqlx::Result<()> {
    let mut sql = Sql::new(
        "INSERT INTO media (id, team_id, mime_type, filename, size, hash, origin, ready, created_at, used_at, department_id) VALUES (",
    );
    sql.bind(media.id.clone()).push(", ").bind(media.team_id.clone()).push(", ");
    sql.bind(media.mime_type.clone()).push(", ").bind(media.filename.clone()).push(", 0, '', ");
    sql.bind(media.origin.clone()).push(", 0, ").bind(media.created_at).push(", 0, ");
    sql.bind(media.department_id.clone()).push(")");
    sql.execute(conn).await?;
    Ok(())
}

/// All its bytes are there.
pub async fn complete(conn: &mut Conn, media: &MediaRow) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE media SET ready = 1, size = ");
    sql.bind(media.size).push(", hash = ").bind(media.hash.clone());
    sql.push(", used_at = ").bind(media.used_at);
    sql.push(" WHERE id = ").bind(media.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// All bytes of these files are there, and their plugins' calls ended well; each with its team.
pub async fn publish(conn: &mut Conn, files: &[(String, StoredFile)]) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE media SET ready = 1, size = v.column3, hash = v.column4 FROM (VALUES",
        ") AS v WHERE media.id = v.column1 AND media.team_id = v.column2",
        files,
        |row, (team_id, file)| {
            row.text(&file.id).text(team_id);
            row.add(i64::try_from(file.size).unwrap_or(i64::MAX)).text(&file.sha256);
        },
    )
    .await?;
    Ok(())
}

/// Those of a team's files that nobody may see yet.
pub async fn unready(
    conn: &mut Conn,
    team_id: &str,
    ids: &[String],
) -> sqlx::Result<Vec<MediaRow>> {
    let mut sql = Sql::new("SELECT * FROM media WHERE ready = 0 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id IN ").bind_list(ids);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<MediaRow>> {
    let mut sql = Sql::new("SELECT * FROM media WHERE ready = 1 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Whether a file is a department's: its key uploaded it, or a message of one of its accounts names it.
pub async fn is_of(conn: &mut Conn, media: &MediaRow, department_id: &str) -> sqlx::Result<bool> {
    if media.department_id == department_id {
        return Ok(true);
    }
    let mut sql = Sql::new("SELECT 1 AS named FROM message WHERE media_id <> '' AND media_id = ");
    sql.bind(media.id.clone());
    narrow(&mut sql, "account_id", &media.team_id, department_id);
    sql.push(" LIMIT 1");
    Ok(sql.fetch_one(conn).await?.is_some())
}

/// Messages name these files of a team.
pub async fn touch(
    conn: &mut Conn,
    team_id: &str,
    ids: &[String],
    now: Millis,
) -> sqlx::Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    for part in ids.chunks(512) {
        let mut sql = Sql::new("UPDATE media SET used_at = ");
        sql.bind(now).push(" WHERE ready = 1 AND team_id = ").bind(team_id.to_owned());
        sql.push(" AND id IN ").bind_list(part);
        sql.execute(conn).await?;
    }
    Ok(())
}

/// Files stored before `old` that no message ever named, those whose bytes never came, those whose
/// messages are gone, and those of plugins' calls that began before `abandoned` and came to nothing.
pub async fn unused(
    conn: &mut Conn,
    old: Millis,
    abandoned: Millis,
    limit: i64,
) -> sqlx::Result<Vec<MediaRow>> {
    let mut sql = Sql::new("SELECT * FROM media WHERE used_at = 0 AND (created_at < ");
    sql.bind(old).push(" OR (ready = 0 AND origin = ").bind(PLUGIN.to_owned());
    sql.push(" AND created_at < ").bind(abandoned);
    sql.push(")) ORDER BY created_at LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Files of a team, those not wholly stored among them.
pub async fn of_team(conn: &mut Conn, team_id: &str, limit: i64) -> sqlx::Result<Vec<MediaRow>> {
    let mut sql = Sql::new("SELECT * FROM media WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Forget files; their bytes go next.
pub async fn delete(conn: &mut Conn, ids: &[String]) -> sqlx::Result<()> {
    with_list(conn, "DELETE FROM media WHERE id IN", ids, "").await?;
    Ok(())
}
