//! Messages, chats and events that go for good, with all that stands on them: for the accounts and the
//! people whose they were.
//!
//! A table that grows to speak of messages, chats or events has its part here.

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, with_list};
use super::{Conn, search, timer};
use crate::model::Scope;

/// The condition that rows of `message`, `event` or `chat` are of no account and no person that is
/// being forgotten: nobody sees those, however long it takes until they are gone.
pub fn shown(table: &str) -> String {
    format!(
        " AND {table}.account_id NOT IN (SELECT id FROM account WHERE deleted_at > 0) \
         AND {table}.contact_id NOT IN (SELECT id FROM contact WHERE erased = 1)"
    )
}

/// The rows of `message` or `event` that came of this root, or are it. The beginning of a root that a
/// sender gave will do.
pub(super) fn of_trace(table: &str, team_id: &str, root: &str) -> Sql {
    let mut sql = Sql::new(&format!("SELECT * FROM {table} WHERE team_id = "));
    sql.bind(team_id.to_owned()).push(&format!(" AND id IN (SELECT id FROM {table} WHERE id = "));
    // `<> ''` leads to the index of those that have a trace.
    sql.bind(root.to_owned());
    sql.push(&format!(" UNION SELECT id FROM {table} WHERE trace <> '' AND trace >= "));
    sql.bind(root.to_owned()).push(" AND trace <= ").bind(format!("{root}{}", char::MAX));
    sql.push(")");
    sql
}

/// What these ids caused keeps standing, and names them no more.
async fn forget_causes(conn: &mut Conn, ids: &[String]) -> sqlx::Result<()> {
    for table in ["message", "event"] {
        let head = format!("UPDATE {table} SET trace = '' WHERE trace <> '' AND trace IN");
        with_list(conn, &head, ids, "").await?;
    }
    Ok(())
}

pub(super) fn texts(rows: &[AnyRow], column: &str) -> sqlx::Result<Vec<String>> {
    rows.iter().map(|row| row.text(column)).collect()
}

/// Messages, the jobs that send them, their words, and the files that no other message names. Gives
/// the lanes of the jobs; call [`super::job::promote`] for them.
pub async fn messages(conn: &mut Conn, ids: &[String]) -> sqlx::Result<Vec<String>> {
    // Messages have no jobs but sends.
    let head = "DELETE FROM job WHERE subject_id IN";
    let lanes = texts(&with_list(conn, head, ids, "RETURNING lane").await?, "lane")?;
    search::forget(conn, ids).await?;
    forget_causes(conn, ids).await?;
    let head = "DELETE FROM message WHERE id IN";
    let mut files = texts(&with_list(conn, head, ids, "RETURNING media_id").await?, "media_id")?;
    files.retain(|id| !id.is_empty());
    files.sort_unstable();
    files.dedup();
    doom(conn, &files).await?;
    Ok(lanes)
}

/// Files that nothing names any more are there for nobody from now on; their bytes go with the next
/// sweep, which looks for what was never used and is old.
async fn doom(conn: &mut Conn, ids: &[String]) -> sqlx::Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let head = "UPDATE media SET ready = 0, used_at = 0, created_at = 0 WHERE ready = 1 \
        AND NOT EXISTS (SELECT 1 FROM message WHERE message.media_id <> '' AND message.media_id = media.id) \
        AND NOT EXISTS (SELECT 1 FROM bulk WHERE bulk.team_id = media.team_id \
        AND bulk.state IN ('running', 'paused') AND bulk.content LIKE '%' || media.id || '%') AND id IN";
    with_list(conn, head, ids, "").await?;
    Ok(())
}

/// Chats of a team without messages, what plugins kept for them, and the ids that led to them.
pub async fn chats(conn: &mut Conn, team_id: &str, ids: &[String]) -> sqlx::Result<()> {
    plugin_data(conn, team_id, "chat", ids).await?;
    // Those of a chat's lines that have outlived its events.
    let logs = "DELETE FROM plugin_log WHERE chat_id <> '' AND chat_id IN";
    let merged = "DELETE FROM chat_merged WHERE chat_id IN";
    for head in [logs, merged, "DELETE FROM chat WHERE id IN"] {
        with_list(conn, head, ids, "").await?;
    }
    Ok(())
}

/// What plugins of a team kept in a scope: values, and timers with the jobs that would fire them.
pub async fn plugin_data(
    conn: &mut Conn,
    team_id: &str,
    scope: &str,
    ids: &[String],
) -> sqlx::Result<()> {
    for part in ids.chunks(512) {
        for (head, tail) in
            [("DELETE FROM state WHERE scope = ", ""), ("DELETE FROM timer WHERE scope = ", FIRES)]
        {
            let mut sql = Sql::new(head);
            sql.bind(scope.to_owned()).push(" AND scope_id IN ").bind_list(part);
            // Named, the installs lead to the key of either table.
            sql.push(" AND install_id IN (SELECT id FROM install WHERE team_id = ");
            sql.bind(team_id.to_owned()).push(")").push(tail);
            let gone = sql.fetch(conn).await?;
            if !tail.is_empty() {
                disarm(conn, &gone).await?;
            }
        }
    }
    Ok(())
}

/// Timers that speak of an account or a contact (`column`), with the jobs that would fire them.
pub async fn timers(conn: &mut Conn, column: &str, id: &str) -> sqlx::Result<u64> {
    let mut sql = Sql::new(&format!("DELETE FROM timer WHERE {column} <> '' AND {column} = "));
    sql.bind(id.to_owned()).push(FIRES);
    let gone = sql.fetch(conn).await?;
    disarm(conn, &gone).await?;
    Ok(gone.len() as u64)
}

const FIRES: &str = " RETURNING install_id, scope, scope_id, name";

async fn disarm(conn: &mut Conn, timers: &[AnyRow]) -> sqlx::Result<()> {
    let subject = |row: &AnyRow| {
        let scope = Scope::from_parts(&row.text("scope")?, &row.text("scope_id")?);
        let scope = scope.unwrap_or(Scope::Plugin);
        Ok(timer::subject(&row.text("install_id")?, &scope, &row.text("name")?))
    };
    let subjects = timers.iter().map(subject).collect::<sqlx::Result<Vec<String>>>()?;
    with_list(conn, "DELETE FROM job WHERE place = 0 AND subject_id IN", &subjects, "").await?;
    Ok(())
}

/// Events, with the jobs that carry them, and what is known of how plugins and endpoints took them.
/// Gives the lanes of the jobs; call [`super::job::promote`] for them.
pub async fn events(conn: &mut Conn, ids: &[String]) -> sqlx::Result<Vec<String>> {
    let head = "DELETE FROM job WHERE subject_id IN";
    let lanes = texts(&with_list(conn, head, ids, "RETURNING lane").await?, "lane")?;
    forget_causes(conn, ids).await?;
    for table in ["dead_letter", "plugin_log", "plugin_call", "failure", "attempt"] {
        let head = format!("DELETE FROM {table} WHERE event_id IN");
        with_list(conn, &head, ids, "").await?;
    }
    with_list(conn, "DELETE FROM event WHERE id IN", ids, "").await?;
    Ok(lanes)
}
