//! Accounts.

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, with_list};
use super::{Backend, Conn, Store};
use crate::model::{Account, AccountState, Millis};

fn from_row(row: &AnyRow) -> sqlx::Result<Account> {
    Ok(Account {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        channel: row.word("channel")?,
        nickname: row.text("nickname")?,
        phone: row.text("phone")?,
        state: row.word("state")?,
        reason: row.text("reason")?,
        settings: row.json("settings")?,
        created_at: row.int("created_at")?,
    })
}

pub async fn insert(conn: &mut Conn, account: &Account) -> sqlx::Result<()> {
    let mut sql = Sql::new(
        "INSERT INTO account (id, team_id, channel, nickname, phone, state, reason, settings, created_at) VALUES (",
    );
    sql.bind(account.id.clone()).push(", ").bind(account.team_id.clone()).push(", ");
    sql.bind(account.channel.as_str().to_owned())
        .push(", ")
        .bind(account.nickname.clone())
        .push(", ");
    sql.bind(account.phone.clone()).push(", ").bind(account.state.as_str().to_owned()).push(", ");
    sql.bind(account.reason.clone()).push(", ");
    sql.bind(serde_json::to_string(&account.settings).unwrap_or_default());
    sql.push(", ").bind(account.created_at).push(")");
    sql.execute(conn).await?;
    Ok(())
}

/// Of any team: for what comes in from a channel, which knows no teams.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<Vec<Account>> {
    with_list(conn, "SELECT * FROM account WHERE id IN", ids, "")
        .await?
        .iter()
        .map(from_row)
        .collect()
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Account>> {
    let mut sql = Sql::new("SELECT * FROM account WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// A team's accounts, oldest first, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Account>> {
    let mut sql = Sql::new("SELECT * FROM account WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Every account on a channel, of all teams: what a channel begins with at start.
pub async fn on_channel(conn: &mut Conn, channel: &str) -> sqlx::Result<Vec<Account>> {
    let mut sql = Sql::new("SELECT * FROM account WHERE channel = ");
    sql.bind(channel.to_owned()).push(" ORDER BY id");
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Write a new state. `phone` is kept where it is `None`.
pub async fn set_state(
    conn: &mut Conn,
    id: &str,
    state: AccountState,
    reason: &str,
    phone: Option<&str>,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE account SET state = ");
    sql.bind(state.as_str().to_owned()).push(", reason = ").bind(reason.to_owned());
    if let Some(phone) = phone {
        sql.push(", phone = ").bind(phone.to_owned());
    }
    sql.push(" WHERE id = ").bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

pub async fn rename(
    conn: &mut Conn,
    team_id: &str,
    id: &str,
    nickname: &str,
) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE account SET nickname = ");
    sql.bind(nickname.to_owned()).push(" WHERE team_id = ").bind(team_id.to_owned());
    sql.push(" AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// Open accounts with a message that is due, whose sender this node is or may become until `until`.
pub async fn claim_senders(
    store: &Store,
    now: Millis,
    until: Millis,
) -> sqlx::Result<Vec<Account>> {
    // One look per account, however many chats have something due.
    let due = "SELECT * FROM account WHERE state = 'open' AND paused = 0 AND EXISTS (SELECT 1 FROM job \
               WHERE kind = 'send' AND head = 1 AND account_id = account.id AND priority IN (0, 1) AND due_at <= ";
    if store.backend == Backend::Sqlite {
        let mut sql = Sql::new(due);
        sql.bind(now).push(" AND lease_until <= ").bind(now).push(") ORDER BY id");
        let mut conn = store.read().await?;
        return sql.fetch(&mut conn).await?.iter().map(from_row).collect();
    }
    let mut sql = Sql::new("UPDATE account SET sender = ");
    sql.bind(store.node)
        .push(", sender_until = ")
        .bind(until)
        .push(" WHERE id IN (")
        .push(&due.replace('*', "id"));
    sql.bind(now).push(" AND lease_until <= ").bind(now).push(") AND (sender = ").bind(store.node);
    sql.push(" OR sender_until <= ").bind(now).push(") FOR UPDATE SKIP LOCKED) RETURNING *");
    let mut tx = store.begin().await?;
    let accounts = sql.fetch(&mut tx).await?.iter().map(from_row).collect::<sqlx::Result<_>>()?;
    tx.commit().await?;
    Ok(accounts)
}

/// Stay the sender of an account until `until`; false where another node has taken over, or the
/// account is no longer open, or is paused.
pub async fn keep_sender(store: &Store, id: &str, until: Millis) -> sqlx::Result<bool> {
    let mut sql = match store.backend {
        Backend::Sqlite => {
            Sql::new("SELECT id FROM account WHERE state = 'open' AND paused = 0 AND id = ")
        }
        Backend::Postgres => {
            let mut sql = Sql::new("UPDATE account SET sender_until = ");
            sql.bind(until)
                .push(" WHERE sender = ")
                .bind(store.node)
                .push(" AND state = 'open' AND paused = 0 AND id = ");
            sql
        }
    };
    sql.bind(id.to_owned());
    if store.backend == Backend::Postgres {
        sql.push(" RETURNING id");
    }
    Ok(sql.fetch_one(&mut *store.read().await?).await?.is_some())
}

/// Keep what its owner set for it.
pub async fn set_settings(conn: &mut Conn, account: &Account) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE account SET settings = ");
    sql.bind(serde_json::to_string(&account.settings).unwrap_or_default());
    sql.push(" WHERE team_id = ").bind(account.team_id.clone());
    sql.push(" AND id = ").bind(account.id.clone());
    sql.execute(conn).await?;
    Ok(())
}
