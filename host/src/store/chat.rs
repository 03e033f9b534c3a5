//! Chats: an account's conversation with a contact.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::department::narrow;
use super::sql::{Column, Sql, rows, with_list};
use super::{Conn, forget, merge};
use crate::model::{Chat, Millis};

pub(super) const CHATS: &str = "SELECT chat.*, contact.blocked AS blocked FROM chat \
                                 JOIN contact ON contact.id = chat.contact_id";

fn from_row(row: &AnyRow) -> sqlx::Result<Chat> {
    Ok(Chat {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        account_id: row.text("account_id")?,
        contact_id: row.text("contact_id")?,
        unread: row.int("unread")?,
        assigned: row.text("assigned")?,
        archived: row.int("archived")? != 0,
        pinned: row.int("pinned")? != 0,
        blocked: row.int("blocked")? != 0,
        last_message_at: row.int("last_message_at")?,
        last_inbound_at: row.int("last_inbound_at")?,
    })
}

/// The chat of each account and contact, made (from the given value) where there is none. In a
/// transaction that holds the teams; one entry per account and contact, please.
pub async fn ensure(
    conn: &mut Conn,
    wanted: &[Chat],
) -> sqlx::Result<HashMap<(String, String), Chat>> {
    let key = |chat: &Chat| (chat.account_id.clone(), chat.contact_id.clone());
    let contacts: Vec<&str> = wanted.iter().map(|chat| chat.contact_id.as_str()).collect();
    let mut found = HashMap::new();
    let head = format!("{CHATS} WHERE chat.contact_id IN");
    for row in with_list(conn, &head, &contacts, "").await? {
        let chat = from_row(&row)?;
        found.insert(key(&chat), chat);
    }
    let missing: Vec<Chat> =
        wanted.iter().filter(|chat| !found.contains_key(&key(chat))).cloned().collect();
    rows(
        conn,
        "INSERT INTO chat (id, team_id, account_id, contact_id, unread, assigned, last_message_at, last_inbound_at) VALUES",
        "",
        &missing,
        |row, chat| {
            row.text(&chat.id).text(&chat.team_id).text(&chat.account_id).text(&chat.contact_id);
            row.add(chat.unread).text(&chat.assigned).add(chat.last_message_at).add(chat.last_inbound_at);
        },
    )
    .await?;
    found.extend(missing.into_iter().map(|chat| (key(&chat), chat)));
    Ok(found)
}

/// What new messages change in a chat.
#[derive(Clone, Debug)]
pub struct Touch {
    pub chat_id: String,
    pub unread: i64,
    pub last_message_at: Millis,
    /// 0 where no customer wrote.
    pub last_inbound_at: Millis,
}

/// Add to the unread counts and move the times on. One entry per chat, please.
pub async fn touch(conn: &mut Conn, touches: &[Touch]) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE chat SET unread = chat.unread + v.column2, archived = 0, \
         last_message_at = CASE WHEN v.column3 > chat.last_message_at THEN v.column3 ELSE chat.last_message_at END, \
         last_inbound_at = CASE WHEN v.column4 > chat.last_inbound_at THEN v.column4 ELSE chat.last_inbound_at END \
         FROM (VALUES",
        ") AS v WHERE chat.id = v.column1",
        touches,
        |row, touch| {
            row.text(&touch.chat_id).add(touch.unread).add(touch.last_message_at).add(touch.last_inbound_at);
        },
    )
    .await?;
    Ok(())
}

/// Messages left: move the times on. Nothing else changes, and an archived chat stays away. One entry
/// per chat, please.
pub async fn note_sent(conn: &mut Conn, sent: &[(&str, Millis)]) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE chat SET last_message_at = v.column2 FROM (VALUES",
        ") AS v WHERE chat.id = v.column1 AND chat.last_message_at < v.column2",
        sent,
        |row, (chat_id, at)| {
            row.text(*chat_id).add(*at);
        },
    )
    .await?;
    Ok(())
}

/// One chat that is shown; an id from before a merge finds what it is now.
pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Chat>> {
    let found = by_ids(conn, &[id.to_owned()]).await?.remove(id);
    let Some(chat) = found.filter(|chat| chat.team_id == team_id) else { return Ok(None) };
    let mut sql = Sql::new("SELECT id FROM chat WHERE id = ");
    sql.bind(chat.id.clone()).push(&forget::shown("chat"));
    Ok(sql.fetch_one(conn).await?.map(|_| chat))
}

/// The chat of an account with a contact.
pub async fn between(
    conn: &mut Conn,
    account_id: &str,
    contact_id: &str,
) -> sqlx::Result<Option<Chat>> {
    let mut sql = Sql::new(CHATS);
    sql.push(" WHERE chat.account_id = ").bind(account_id.to_owned());
    sql.push(" AND chat.contact_id = ").bind(contact_id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Chats of any team by the ids that were asked for, for jobs, which carry their team themselves.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<HashMap<String, Chat>> {
    let head = format!("{CHATS} WHERE chat.id IN");
    let mut found = HashMap::new();
    for row in with_list(conn, &head, ids, "").await? {
        found.insert(row.text("id")?, from_row(&row)?);
    }
    let missing: Vec<&String> =
        ids.iter().filter(|id| !id.is_empty() && !found.contains_key(*id)).collect();
    if missing.is_empty() {
        return Ok(found);
    }
    for (old, now) in merge::chats_now(conn, &missing).await? {
        let rows = with_list(conn, &head, &[now], "").await?;
        if let Some(row) = rows.first() {
            found.insert(old, from_row(row)?);
        }
    }
    Ok(found)
}

/// Which chats to list; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Empty: any.
    pub department_id: String,
    pub account_id: Option<String>,
    pub contact_id: Option<String>,
    /// Empty: those that nobody is assigned to.
    pub assigned: Option<String>,
    pub unread: Option<bool>,
    pub archived: Option<bool>,
    pub pinned: Option<bool>,
}

/// A team's chats in order of id, after the one with id `after`; those of one department's accounts
/// where one is named.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    filter: &Filter,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Chat>> {
    let mut sql = Sql::new(CHATS);
    sql.push(" WHERE contact.erased = 0 AND chat.team_id = ").bind(team_id.to_owned());
    sql.push(" AND chat.id > ").bind(after.to_owned());
    sql.push(" AND chat.account_id IN (SELECT id FROM account WHERE deleted_at = 0 AND team_id = ");
    sql.bind(team_id.to_owned()).push(")");
    narrow(&mut sql, "chat.account_id", team_id, &filter.department_id);
    let texts = [
        ("chat.account_id", &filter.account_id),
        ("chat.contact_id", &filter.contact_id),
        ("chat.assigned", &filter.assigned),
    ];
    for (column, wanted) in texts {
        if let Some(wanted) = wanted {
            sql.push(" AND ").push(column).push(" = ").bind(wanted.clone());
        }
    }
    if let Some(unread) = filter.unread {
        sql.push(if unread { " AND chat.unread > 0" } else { " AND chat.unread = 0" });
    }
    for (column, wanted) in [("chat.archived", filter.archived), ("chat.pinned", filter.pinned)] {
        if let Some(wanted) = wanted {
            sql.push(" AND ").push(column).push(" = ").bind(i64::from(wanted));
        }
    }
    sql.push(" ORDER BY chat.id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Where a chat stands in the team's lists; what is absent stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shelf {
    pub archived: Option<bool>,
    pub pinned: Option<bool>,
    pub unread: Option<i64>,
}

/// Write it; false where it was so already.
pub async fn shelve(conn: &mut Conn, team_id: &str, id: &str, shelf: Shelf) -> sqlx::Result<bool> {
    let flag = |wanted: Option<bool>| wanted.map(i64::from);
    let columns = [
        ("archived", flag(shelf.archived)),
        ("pinned", flag(shelf.pinned)),
        ("unread", shelf.unread),
    ];
    let mut changed = false;
    for (column, wanted) in columns {
        let Some(wanted) = wanted else { continue };
        let mut sql = Sql::new(&format!("UPDATE chat SET {column} = "));
        sql.bind(wanted).push(" WHERE team_id = ").bind(team_id.to_owned()).push(" AND id = ");
        sql.bind(id.to_owned()).push(&format!(" AND {column} <> ")).bind(wanted);
        changed |= sql.execute(conn).await? > 0;
    }
    Ok(changed)
}

/// Name who answers; empty: the plugins. False where it was so already.
pub async fn assign(conn: &mut Conn, team_id: &str, id: &str, who: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE chat SET assigned = ");
    sql.bind(who.to_owned()).push(" WHERE team_id = ").bind(team_id.to_owned());
    sql.push(" AND id = ").bind(id.to_owned()).push(" AND assigned <> ").bind(who.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

pub async fn mark_read(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE chat SET unread = 0 WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// When each of these contacts last wrote or was written to, on any account, or on those of a
/// department where one is named.
pub async fn last_message_at(
    conn: &mut Conn,
    team_id: &str,
    department_id: &str,
    contact_ids: &[String],
) -> sqlx::Result<HashMap<String, Millis>> {
    let mut last = HashMap::new();
    for part in contact_ids.chunks(512) {
        let mut sql = Sql::new(
            "SELECT contact_id, MAX(last_message_at) AS last FROM chat WHERE contact_id IN ",
        );
        sql.bind_list(part);
        narrow(&mut sql, "account_id", team_id, department_id);
        sql.push(&forget::shown("chat")).push(" GROUP BY contact_id");
        for row in sql.fetch(conn).await? {
            last.insert(row.text("contact_id")?, row.int("last")?);
        }
    }
    Ok(last)
}
