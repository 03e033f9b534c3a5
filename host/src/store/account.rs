//! Accounts.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, rows, with_list};
use super::{Backend, Conn, Store};
use crate::model::{Account, AccountState, ChannelType, Health, Millis, Removal};

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
        tier: row.word("tier")?,
        department_id: row.text("department_id")?,
        business_account_id: row.text("business_account_id")?,
        subscribed_at: match row.int("subscribed_at")? {
            0 => row.int("created_at")?,
            bought => bought,
        },
        paid_until: row.int("paid_until")?,
        archived_at: row.int("archived_at")?,
        deleted_at: row.int("deleted_at")?,
        removing: row.word("removing")?,
        health: row.word("health")?,
        synced_messages: row.int("synced_messages")?,
        synced_at: row.int("synced_at")?,
    })
}

pub async fn insert(conn: &mut Conn, account: &Account) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO account (id, team_id, channel, nickname, phone, state, reason, settings, created_at, tier, \
         department_id, business_account_id, subscribed_at, paid_until) VALUES",
        "",
        std::slice::from_ref(account),
        |row, account| {
            row.text(&account.id).text(&account.team_id).text(account.channel.as_str());
            row.text(&account.nickname).text(&account.phone).text(account.state.as_str());
            row.text(&account.reason).text(settings(account)).add(account.created_at);
            row.text(account.tier.as_str()).text(&account.department_id);
            row.text(&account.business_account_id).add(account.subscribed_at).add(account.paid_until);
        },
    )
    .await?;
    Ok(())
}

fn settings(account: &Account) -> String {
    serde_json::to_string(&account.settings).unwrap_or_default()
}

/// Write what its owner may change, and its subscription. In a transaction that holds the team.
pub async fn update(conn: &mut Conn, account: &Account) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE account SET nickname = ");
    sql.bind(account.nickname.clone()).push(", settings = ").bind(settings(account));
    sql.push(", department_id = ").bind(account.department_id.clone());
    sql.push(", business_account_id = ").bind(account.business_account_id.clone());
    sql.push(", tier = ").bind(account.tier.as_str().to_owned());
    sql.push(", subscribed_at = ").bind(account.subscribed_at);
    sql.push(", paid_until = ").bind(account.paid_until);
    sql.push(", archived_at = ").bind(account.archived_at);
    sql.push(", deleted_at = ").bind(account.deleted_at);
    sql.push(", removing = ").bind(account.removing.as_str().to_owned());
    sql.push(", synced_messages = ").bind(account.synced_messages);
    sql.push(", synced_at = ").bind(account.synced_at);
    sql.push(" WHERE id = ").bind(account.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// Of any team: for what comes in from a channel, which knows no teams. Deleted ones are gone.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<Vec<Account>> {
    with_list(conn, "SELECT * FROM account WHERE deleted_at = 0 AND id IN", ids, "")
        .await?
        .iter()
        .map(from_row)
        .collect()
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Account>> {
    let mut sql = Sql::new("SELECT * FROM account WHERE deleted_at = 0 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// An account whose data is being removed, deleted or not.
pub async fn being_removed(conn: &mut Conn, id: &str) -> sqlx::Result<Option<Account>> {
    let mut sql = Sql::new("SELECT * FROM account WHERE removing <> '' AND id = ");
    sql.bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// A team's accounts that are in use, oldest first, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Account>> {
    let in_use = Filter { archived: Some(false), ..Filter::default() };
    search(conn, team_id, &in_use, after, limit).await
}

/// The types of a team's accounts, by their ids.
pub async fn channels(
    conn: &mut Conn,
    team_id: &str,
) -> sqlx::Result<HashMap<String, ChannelType>> {
    let mut sql = Sql::new("SELECT id, channel FROM account WHERE team_id = ");
    sql.bind(team_id.to_owned());
    sql.fetch(conn).await?.iter().map(|row| Ok((row.text("id")?, row.word("channel")?))).collect()
}

/// The account of a team, or of a department where one is named, that has only one in use.
pub async fn only(
    conn: &mut Conn,
    team_id: &str,
    department_id: &str,
) -> sqlx::Result<Option<Account>> {
    let department_id = department_id.to_owned();
    let in_use = Filter { archived: Some(false), department_id, ..Filter::default() };
    let mut found = search(conn, team_id, &in_use, "", 2).await?;
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// Which accounts to list; what is absent or empty selects all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub department_id: String,
    pub business_account_id: String,
    pub state: Option<AccountState>,
    pub archived: Option<bool>,
}

/// A team's accounts that pass the filter, oldest first, after the one with id `after`.
pub async fn search(
    conn: &mut Conn,
    team_id: &str,
    filter: &Filter,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Account>> {
    let mut sql = Sql::new("SELECT * FROM account WHERE deleted_at = 0 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    for (column, id) in [
        (" AND department_id = ", &filter.department_id),
        (" AND business_account_id = ", &filter.business_account_id),
    ] {
        if !id.is_empty() {
            sql.push(column).bind(id.clone());
        }
    }
    if let Some(state) = filter.state {
        sql.push(" AND state = ").bind(state.as_str().to_owned());
    }
    match filter.archived {
        Some(true) => sql.push(" AND archived_at > 0"),
        Some(false) => sql.push(" AND archived_at = 0"),
        None => &mut sql,
    };
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Every account on a channel, of all teams: what a channel begins with at start.
pub async fn on_channel(conn: &mut Conn, channel: &str) -> sqlx::Result<Vec<Account>> {
    let mut sql = Sql::new("SELECT * FROM account WHERE deleted_at = 0 AND channel = ");
    sql.bind(channel.to_owned()).push(" ORDER BY id");
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Write a new state; false where there is none to write: the account is gone, or archived and so
/// stays closed. `phone` is kept where it is `None`.
pub async fn set_state(
    conn: &mut Conn,
    id: &str,
    state: AccountState,
    reason: &str,
    phone: Option<&str>,
) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE account SET health = 'ok', state = ");
    sql.bind(state.as_str().to_owned()).push(", reason = ").bind(reason.to_owned());
    if let Some(phone) = phone {
        sql.push(", phone = ").bind(phone.to_owned());
    }
    sql.push(" WHERE deleted_at = 0 AND id = ").bind(id.to_owned());
    if state != AccountState::Close {
        sql.push(" AND archived_at = 0");
    }
    Ok(sql.execute(conn).await? > 0)
}

/// Count what a phone brought along; `done_at` where it has brought all.
pub async fn add_synced(
    conn: &mut Conn,
    id: &str,
    messages: i64,
    done_at: Option<Millis>,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE account SET synced_messages = synced_messages + ");
    sql.bind(messages);
    if let Some(done_at) = done_at {
        sql.push(", synced_at = ").bind(done_at);
    }
    sql.push(" WHERE id = ").bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// Accounts whose period in the ledger is over, or that have none yet, of all teams.
pub async fn to_renew(conn: &mut Conn, now: Millis, limit: i64) -> sqlx::Result<Vec<Account>> {
    let mut sql = Sql::new("SELECT * FROM account WHERE paid_until <= ");
    sql.bind(now).push(" ORDER BY paid_until, id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Move the end of the period in the ledger on, where it still stands as it was read. Gives the ids of
/// those that moved.
pub async fn renew(
    conn: &mut Conn,
    renewals: &[(Account, Millis)],
) -> sqlx::Result<std::collections::HashSet<String>> {
    let returned = rows(
        conn,
        "UPDATE account SET paid_until = v.column3 FROM (VALUES",
        ") AS v WHERE account.id = v.column1 AND account.paid_until = v.column2 RETURNING account.id",
        renewals,
        |row, (account, until)| {
            row.text(&account.id).add(account.paid_until).add(*until);
        },
    )
    .await?;
    returned.iter().map(|row| row.text("id")).collect()
}

/// When an account was heard from, and first asked since then.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulse {
    pub account_id: String,
    pub heard_at: Millis,
    pub asked_at: Millis,
}

/// Write pulses; times only move forward, whichever node felt them. One entry per account, please.
pub async fn feel(conn: &mut Conn, pulses: &[Pulse]) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE account SET \
         heard_at = CASE WHEN v.column2 > account.heard_at THEN v.column2 ELSE account.heard_at END, \
         asked_at = CASE WHEN account.asked_at > account.heard_at AND account.asked_at > v.column2 \
         THEN account.asked_at ELSE v.column3 END FROM (VALUES",
        ") AS v WHERE account.id = v.column1",
        pulses,
        |row, pulse| {
            row.text(&pulse.account_id).add(pulse.heard_at).add(pulse.asked_at);
        },
    )
    .await?;
    Ok(())
}

/// Accounts whose health is no longer what it says: silent since before `silent_since`, or heard
/// again.
pub async fn changed_health(
    conn: &mut Conn,
    silent_since: Millis,
    limit: i64,
) -> sqlx::Result<Vec<(Account, Health)>> {
    let mut sql = Sql::new(
        "SELECT * FROM account WHERE deleted_at = 0 AND health = 'ok' AND asked_at > 0 AND asked_at <= ",
    );
    sql.bind(silent_since).push(" AND asked_at > heard_at AND state = 'open' LIMIT ").bind(limit);
    let mut changed = Vec::new();
    for row in sql.fetch(conn).await? {
        changed.push((from_row(&row)?, Health::Degraded));
    }
    let heard = "SELECT * FROM account WHERE health = 'degraded' AND deleted_at = 0 AND \
                 heard_at >= asked_at LIMIT ";
    let mut sql = Sql::new(heard);
    sql.bind(limit);
    for row in sql.fetch(conn).await? {
        changed.push((from_row(&row)?, Health::Ok));
    }
    Ok(changed)
}

/// Write an account's health; false where it was so already.
pub async fn set_health(
    conn: &mut Conn,
    id: &str,
    health: Health,
    reason: &str,
) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE account SET health = ");
    sql.bind(health.as_str().to_owned()).push(", reason = ").bind(reason.to_owned());
    sql.push(" WHERE state = 'open' AND id = ").bind(id.to_owned());
    sql.push(" AND health <> ").bind(health.as_str().to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// The data of an account is removed.
pub async fn removed(conn: &mut Conn, id: &str, what: Removal) -> sqlx::Result<()> {
    let mut sql = if what == Removal::All {
        Sql::new("DELETE FROM account WHERE deleted_at > 0 AND id = ")
    } else {
        Sql::new("UPDATE account SET removing = '' WHERE id = ")
    };
    sql.bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
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
