//! The data of an account, taken away set by set. What is asked to remove nothing more says 0.
//!
//! A table that grows to speak of chats or messages has its part here.

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, with_list};
use super::{Conn, search};

/// Signs on their way out, and statuses that matched nothing.
pub async fn signals(conn: &mut Conn, account_id: &str) -> sqlx::Result<u64> {
    let mut sql =
        Sql::new("DELETE FROM job WHERE kind IN ('send', 'status') AND head = 1 AND account_id = ");
    sql.bind(account_id.to_owned()).push(" AND subject_id = ''");
    sql.execute(conn).await
}

/// Messages with the jobs that send them: those that came with a history, all but notes, or all.
/// Gives how many, and the lanes; call [`super::job::promote`] for them.
pub async fn messages(
    conn: &mut Conn,
    account_id: &str,
    which: Messages,
    limit: i64,
) -> sqlx::Result<(u64, Vec<String>)> {
    let mut sql = Sql::new("SELECT id FROM message WHERE account_id = ");
    sql.bind(account_id.to_owned()).push(match which {
        Messages::Synced => " AND synced = 1",
        Messages::AllButNotes => " AND status <> 'note'",
        Messages::All => "",
    });
    sql.push(" LIMIT ").bind(limit);
    let ids = texts(&sql.fetch(conn).await?, "id")?;
    // Messages have no jobs but sends.
    let head = "DELETE FROM job WHERE subject_id IN";
    let lanes = texts(&with_list(conn, head, &ids, "RETURNING lane").await?, "lane")?;
    search::forget(conn, &ids).await?;
    with_list(conn, "DELETE FROM message WHERE id IN", &ids, "").await?;
    Ok((ids.len() as u64, lanes))
}

fn texts(rows: &[AnyRow], column: &str) -> sqlx::Result<Vec<String>> {
    rows.iter().map(|row| row.text(column)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    Synced,
    AllButNotes,
    All,
}

/// Chats without messages: those that came with a history, or all.
pub async fn chats(
    conn: &mut Conn,
    account_id: &str,
    synced_only: bool,
    limit: i64,
) -> sqlx::Result<u64> {
    let mut sql = Sql::new("DELETE FROM chat WHERE id IN (SELECT id FROM chat WHERE account_id = ");
    sql.bind(account_id.to_owned());
    sql.push(" AND NOT EXISTS (SELECT 1 FROM message WHERE message.chat_id = chat.id)");
    if synced_only {
        sql.push(" AND synced = 1");
    }
    sql.push(" LIMIT ").bind(limit).push(")");
    sql.execute(conn).await
}

/// What plugins kept for an account and its chats: values, and timers.
pub async fn plugin_data(conn: &mut Conn, account_id: &str, limit: i64) -> sqlx::Result<u64> {
    let mut gone = 0;
    for head in [
        "DELETE FROM state WHERE scope = 'account' AND scope_id = ",
        "DELETE FROM timer WHERE account_id = ",
    ] {
        let mut sql = Sql::new(head);
        sql.bind(account_id.to_owned());
        gone += sql.execute(conn).await?;
    }
    let mut sql = Sql::new(
        "DELETE FROM state WHERE scope = 'chat' AND scope_id IN (SELECT chat.id FROM chat \
         JOIN state AS kept ON kept.scope = 'chat' AND kept.scope_id = chat.id WHERE chat.account_id = ",
    );
    sql.bind(account_id.to_owned()).push(" LIMIT ").bind(limit).push(")");
    Ok(gone + sql.execute(conn).await?)
}

/// The facts that speak of an account, with the jobs that carry them and the dead letters of them,
/// but for the fact that it is gone: those whose cursors come after `after`, up to `last`. The team's
/// stream is walked once, since nothing else finds them. Gives the lanes; call
/// [`super::job::promote`] for them.
pub async fn events(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
    after: i64,
    last: i64,
) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new("SELECT id FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND cursor > ").bind(after).push(" AND cursor <= ");
    sql.bind(last).push(" AND account_id = ").bind(account_id.to_owned());
    sql.push(" AND kind <> 'account.deleted'");
    let ids = texts(&sql.fetch(conn).await?, "id")?;
    let head = "DELETE FROM job WHERE subject_id IN";
    let lanes = texts(&with_list(conn, head, &ids, "RETURNING lane").await?, "lane")?;
    with_list(conn, "DELETE FROM dead_letter WHERE event_id IN", &ids, "").await?;
    with_list(conn, "DELETE FROM event WHERE id IN", &ids, "").await?;
    Ok(lanes)
}

/// One bulk send, with its recipients and the job that goes on with it.
pub async fn bulk(conn: &mut Conn, account_id: &str) -> sqlx::Result<u64> {
    let mut sql = Sql::new("SELECT id FROM bulk WHERE account_id = ");
    sql.bind(account_id.to_owned()).push(" LIMIT 1");
    let Some(row) = sql.fetch_one(conn).await? else { return Ok(0) };
    let id = row.text("id")?;
    for head in [
        "DELETE FROM job WHERE subject_id = ",
        "DELETE FROM bulk_recipient WHERE bulk_id = ",
        "DELETE FROM bulk WHERE id = ",
    ] {
        let mut sql = Sql::new(head);
        sql.bind(id.clone());
        sql.execute(conn).await?;
    }
    Ok(1)
}

/// What counts its messages, and which files they named.
pub async fn usage(conn: &mut Conn, account_id: &str) -> sqlx::Result<u64> {
    for head in [
        "DELETE FROM account_day WHERE account_id = ",
        "DELETE FROM media_account WHERE account_id = ",
    ] {
        let mut sql = Sql::new(head);
        sql.bind(account_id.to_owned());
        sql.execute(conn).await?;
    }
    let mut sql = Sql::new("DELETE FROM usage_period WHERE account_id = ");
    sql.bind(account_id.to_owned());
    sql.execute(conn).await
}
