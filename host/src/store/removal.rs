//! The data of an account, taken away set by set. What is asked to remove nothing more says 0.
//!
//! A table that grows to speak of accounts has its part here; one that speaks of chats, messages or
//! events in [`super::forget`].

use super::Conn;
use super::forget::{self, texts};
use super::sql::{Column, Sql};
use crate::model::Account;

/// Sends, signs and statuses that wait: nothing leaves, and nothing is heard of it. Its chats' lanes
/// are empty then.
pub async fn signals(conn: &mut Conn, account_id: &str) -> sqlx::Result<u64> {
    let head =
        "DELETE FROM job WHERE kind IN ('send', 'status') AND head IN (0, 1) AND account_id = ";
    let mut sql = Sql::new(head);
    sql.bind(account_id.to_owned());
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
    Ok((ids.len() as u64, forget::messages(conn, &ids).await?))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    Synced,
    AllButNotes,
    All,
}

/// Chats without messages, with all that is kept for them: those that came with a history, or all.
pub async fn chats(
    conn: &mut Conn,
    account: &Account,
    synced_only: bool,
    limit: i64,
) -> sqlx::Result<u64> {
    let mut sql = Sql::new("SELECT id FROM chat WHERE account_id = ");
    sql.bind(account.id.clone());
    sql.push(" AND NOT EXISTS (SELECT 1 FROM message WHERE message.chat_id = chat.id)");
    if synced_only {
        sql.push(" AND synced = 1");
    }
    sql.push(" LIMIT ").bind(limit);
    let ids = texts(&sql.fetch(conn).await?, "id")?;
    forget::chats(conn, &account.team_id, &ids).await?;
    Ok(ids.len() as u64)
}

/// What plugins kept for an account: values, and timers.
pub async fn plugin_data(conn: &mut Conn, account: &Account) -> sqlx::Result<u64> {
    let gone = forget::timers(conn, "account_id", &account.id).await?;
    forget::plugin_data(conn, &account.team_id, "account", std::slice::from_ref(&account.id))
        .await?;
    Ok(gone)
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
    forget::events(conn, &ids).await
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

/// What counts its messages.
pub async fn usage(conn: &mut Conn, account_id: &str) -> sqlx::Result<u64> {
    let mut sql = Sql::new("DELETE FROM account_day WHERE account_id = ");
    sql.bind(account_id.to_owned());
    sql.execute(conn).await?;
    let mut sql = Sql::new("DELETE FROM usage_period WHERE account_id = ");
    sql.bind(account_id.to_owned());
    sql.execute(conn).await
}
