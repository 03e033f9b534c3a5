//! Chats: an account's conversation with a contact.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows, with_list};
use crate::model::{Chat, Millis};

fn from_row(row: &AnyRow) -> sqlx::Result<Chat> {
    Ok(Chat {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        account_id: row.text("account_id")?,
        contact_id: row.text("contact_id")?,
        unread: row.int("unread")?,
        assigned: row.text("assigned")?,
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
    for row in with_list(conn, "SELECT * FROM chat WHERE contact_id IN", &contacts, "").await? {
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
        "UPDATE chat SET unread = chat.unread + v.column2, \
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

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Chat>> {
    let mut sql = Sql::new("SELECT * FROM chat WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// The chat of an account with a contact.
pub async fn between(
    conn: &mut Conn,
    account_id: &str,
    contact_id: &str,
) -> sqlx::Result<Option<Chat>> {
    let mut sql = Sql::new("SELECT * FROM chat WHERE account_id = ");
    sql.bind(account_id.to_owned()).push(" AND contact_id = ").bind(contact_id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Chats of any team, for jobs, which carry their team themselves.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<HashMap<String, Chat>> {
    let found = with_list(conn, "SELECT * FROM chat WHERE id IN", ids, "").await?;
    found.iter().map(|row| Ok((row.text("id")?, from_row(row)?))).collect()
}

/// A team's chats in order of id, after the one with id `after`; those of one department's accounts
/// where one is named.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    department_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Chat>> {
    let mut sql = Sql::new("SELECT * FROM chat WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    if department_id.is_empty() {
        sql.push(" AND account_id IN (SELECT id FROM account WHERE deleted_at = 0 AND team_id = ");
        sql.bind(team_id.to_owned()).push(")");
    } else {
        sql.push(
            " AND account_id IN (SELECT id FROM account WHERE deleted_at = 0 AND department_id = ",
        );
        sql.bind(department_id.to_owned()).push(")");
    }
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
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

/// When each of these contacts last wrote or was written to, on any account.
pub async fn last_message_at(
    conn: &mut Conn,
    contact_ids: &[String],
) -> sqlx::Result<HashMap<String, Millis>> {
    let head = "SELECT contact_id, MAX(last_message_at) AS last FROM chat WHERE contact_id IN";
    let found = with_list(conn, head, contact_ids, "GROUP BY contact_id").await?;
    found.iter().map(|row| Ok((row.text("contact_id")?, row.int("last")?))).collect()
}
