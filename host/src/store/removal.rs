//! The data of an account, taken away set by set. What is asked to remove nothing more says 0.
//!
//! A table that grows to speak of chats or messages has its part here.

use super::Conn;
use super::sql::{Column, Sql};

/// Messages on their way out, and with `all` every job that speaks of the account, but the one that
/// tells of its end. Gives the lanes; call [`super::job::promote`] for them.
pub async fn jobs(
    conn: &mut Conn,
    account_id: &str,
    all: bool,
    limit: i64,
) -> sqlx::Result<Vec<String>> {
    let kinds = if all { "'send', 'status', 'event', 'notify'" } else { "'send', 'status'" };
    let mut sql = Sql::new("DELETE FROM job WHERE id IN (SELECT id FROM job WHERE kind IN (");
    sql.push(kinds).push(") AND head IN (0, 1) AND account_id = ").bind(account_id.to_owned());
    if all {
        sql.push(" AND NOT EXISTS (SELECT 1 FROM event WHERE event.id = job.subject_id AND event.kind = 'account.deleted')");
    }
    sql.push(" LIMIT ").bind(limit).push(") RETURNING lane");
    sql.fetch(conn).await?.iter().map(|row| row.text("lane")).collect()
}

/// Messages: those that came with a history, all but notes, or all.
pub async fn messages(
    conn: &mut Conn,
    account_id: &str,
    which: Messages,
    limit: i64,
) -> sqlx::Result<u64> {
    let mut sql =
        Sql::new("DELETE FROM message WHERE id IN (SELECT id FROM message WHERE account_id = ");
    sql.bind(account_id.to_owned()).push(match which {
        Messages::Synced => " AND synced = 1",
        Messages::AllButNotes => " AND status <> 'note'",
        Messages::All => "",
    });
    sql.push(" LIMIT ").bind(limit).push(")");
    sql.execute(conn).await
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

/// The facts that speak of an account, and dead letters of them, but the fact that it is gone: those
/// whose cursors come after `after`, up to `last`. The team's stream is walked once, since nothing
/// else finds them.
pub async fn events(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
    after: i64,
    last: i64,
) -> sqlx::Result<()> {
    let theirs = |sql: &mut Sql| {
        sql.push(" team_id = ").bind(team_id.to_owned()).push(" AND cursor > ").bind(after);
        sql.push(" AND cursor <= ").bind(last).push(" AND account_id = ");
        sql.bind(account_id.to_owned()).push(" AND kind <> 'account.deleted'");
    };
    let mut sql = Sql::new("DELETE FROM dead_letter WHERE event_id IN (SELECT id FROM event WHERE");
    theirs(&mut sql);
    sql.push(")");
    sql.execute(conn).await?;
    let mut sql = Sql::new("DELETE FROM event WHERE");
    theirs(&mut sql);
    sql.execute(conn).await?;
    Ok(())
}

/// What counts its messages.
pub async fn usage(conn: &mut Conn, account_id: &str) -> sqlx::Result<u64> {
    let mut sql = Sql::new("DELETE FROM usage_period WHERE account_id = ");
    sql.bind(account_id.to_owned());
    sql.execute(conn).await
}
