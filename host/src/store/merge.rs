//! Two contacts that turned out to be one person become one: the older stands, and the ids of the
//! other resolve to it for ever.

use super::Conn;
use super::sql::{Column, Sql, with_list};
use crate::model::{Contact, Millis};

/// What an id of a contact from before a merge stands for now.
pub async fn contact_now(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<String>> {
    let mut sql = Sql::new("SELECT contact_id FROM contact_merged WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.map(|row| row.text("contact_id")).transpose()
}

/// What ids of chats from before a merge stand for now.
pub(super) async fn chats_now<S: AsRef<str>>(
    conn: &mut Conn,
    ids: &[S],
) -> sqlx::Result<Vec<(String, String)>> {
    let found = with_list(conn, "SELECT id, chat_id FROM chat_merged WHERE id IN", ids, "").await?;
    found.iter().map(|row| Ok((row.text("id")?, row.text("chat_id")?))).collect()
}

/// The chats of a contact: account and id.
pub async fn chats_of(conn: &mut Conn, contact_id: &str) -> sqlx::Result<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT id, account_id FROM chat WHERE contact_id = ");
    sql.bind(contact_id.to_owned()).push(" ORDER BY id");
    sql.fetch(conn)
        .await?
        .iter()
        .map(|row| Ok((row.text("account_id")?, row.text("id")?)))
        .collect()
}

/// Whether any job stands in one of these lanes. Those that are not due yet stand in none.
pub async fn is_busy(conn: &mut Conn, lanes: &[String]) -> sqlx::Result<bool> {
    let head = "SELECT 1 AS found FROM job WHERE place > 0 AND lane IN";
    Ok(!with_list(conn, head, lanes, "LIMIT 1").await?.is_empty())
}

/// Give all that is one contact's to another, but for chats on accounts where both have one: those
/// are [`chat`]'s. In a transaction that holds the team.
pub async fn contact(conn: &mut Conn, stays: &Contact, goes: &Contact) -> sqlx::Result<()> {
    let (new, old) = (stays.id.as_str(), goes.id.as_str());
    replace(conn, "UPDATE contact_alias SET contact_id = ", new, "contact_id", old).await?;
    let mut sql = Sql::new("INSERT INTO contact_tag (contact_id, tag, value) SELECT ");
    sql.bind(new.to_owned()).push(", tag, value FROM contact_tag WHERE contact_id = ");
    sql.bind(old.to_owned()).push(" ON CONFLICT DO NOTHING");
    sql.execute(conn).await?;
    delete(conn, "DELETE FROM contact_tag WHERE contact_id = ", old).await?;
    replace(conn, "UPDATE chat SET contact_id = ", new, "contact_id", old).await?;
    replace(conn, "UPDATE conversation SET contact_id = ", new, "contact_id", old).await?;
    own_state(conn, &stays.team_id, "contact", new, old).await?;
    replace(conn, "UPDATE contact_merged SET contact_id = ", new, "contact_id", old).await?;
    let mut sql = Sql::new("INSERT INTO contact_merged (id, team_id, contact_id) VALUES (");
    sql.bind(old.to_owned()).push(", ").bind(stays.team_id.clone()).push(", ");
    sql.bind(new.to_owned()).push(")");
    sql.execute(conn).await?;
    write(conn, stays).await?;
    delete(conn, "DELETE FROM contact WHERE id = ", old).await
}

/// What the merged contact is.
async fn write(conn: &mut Conn, contact: &Contact) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE contact SET name = ");
    sql.bind(contact.name.clone()).push(", name_key = ").bind(contact.name.to_lowercase());
    sql.push(", phone = ").bind(contact.phone.clone()).push(", opt_in = ");
    sql.bind(contact.opt_in.as_str().to_owned()).push(", blocked = ");
    sql.bind(i64::from(contact.blocked)).push(", fields = ");
    sql.bind(serde_json::to_string(&contact.fields).unwrap_or_default());
    sql.push(", profile_image = ").bind(contact.profile_image.clone());
    sql.push(", first_seen_at = ").bind(contact.first_seen_at);
    sql.push(", last_seen_at = ").bind(contact.last_seen_at);
    sql.push(" WHERE id = ").bind(contact.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// Pour one chat into another of the same account.
pub async fn chat(conn: &mut Conn, team_id: &str, stays: &str, goes: &str) -> sqlx::Result<()> {
    replace(conn, "UPDATE message SET chat_id = ", stays, "chat_id", goes).await?;
    let mut sql = Sql::new(
        "UPDATE chat SET unread = chat.unread + other.unread, \
         assigned = CASE WHEN chat.assigned = '' THEN other.assigned ELSE chat.assigned END, \
         archived = chat.archived * other.archived, \
         pinned = CASE WHEN other.pinned = 1 THEN 1 ELSE chat.pinned END, \
         last_message_at = CASE WHEN other.last_message_at > chat.last_message_at THEN other.last_message_at \
         ELSE chat.last_message_at END, \
         last_inbound_at = CASE WHEN other.last_inbound_at > chat.last_inbound_at THEN other.last_inbound_at \
         ELSE chat.last_inbound_at END FROM chat AS other WHERE other.id = ",
    );
    sql.bind(goes.to_owned()).push(" AND chat.id = ").bind(stays.to_owned());
    sql.execute(conn).await?;
    own_state(conn, team_id, "chat", stays, goes).await?;
    // What is not due yet goes on in the chat that stays.
    let (new, old) = (format!("send/{stays}"), format!("send/{goes}"));
    replace(conn, "UPDATE job SET lane = ", &new, "lane", &old).await?;
    replace(conn, "UPDATE chat_merged SET chat_id = ", stays, "chat_id", goes).await?;
    let mut sql = Sql::new("INSERT INTO chat_merged (id, team_id, chat_id) VALUES (");
    sql.bind(goes.to_owned()).push(", ").bind(team_id.to_owned()).push(", ");
    sql.bind(stays.to_owned()).push(")");
    sql.execute(conn).await?;
    delete(conn, "DELETE FROM chat WHERE id = ", goes).await
}

/// The messages of a chat name the contact that it is with now.
pub async fn rename_messages(conn: &mut Conn, chat_id: &str, contact_id: &str) -> sqlx::Result<()> {
    replace(conn, "UPDATE message SET contact_id = ", contact_id, "chat_id", chat_id).await
}

/// Keys of plugins about the one become keys about the other; where both have one, that of the one
/// that stays counts.
async fn own_state(
    conn: &mut Conn,
    team_id: &str,
    scope: &str,
    stays: &str,
    goes: &str,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE state SET scope_id = ");
    sql.bind(stays.to_owned()).push(" WHERE scope = ").bind(scope.to_owned());
    sql.push(" AND scope_id = ").bind(goes.to_owned());
    sql.push(" AND install_id IN (SELECT id FROM install WHERE team_id = ")
        .bind(team_id.to_owned());
    sql.push(
        ") AND NOT EXISTS (SELECT 1 FROM state AS own WHERE own.install_id = state.install_id \
              AND own.scope = state.scope AND own.key = state.key AND own.scope_id = ",
    );
    sql.bind(stays.to_owned()).push(")");
    sql.execute(conn).await?;
    forget_state(conn, team_id, scope, goes).await
}

/// Delete the keys of plugins about one chat or contact.
pub async fn forget_state(
    conn: &mut Conn,
    team_id: &str,
    scope: &str,
    id: &str,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM state WHERE scope = ");
    sql.bind(scope.to_owned()).push(" AND scope_id = ").bind(id.to_owned());
    sql.push(" AND install_id IN (SELECT id FROM install WHERE team_id = ")
        .bind(team_id.to_owned());
    sql.push(")");
    sql.execute(conn).await?;
    Ok(())
}

/// Timers of plugins about one chat or contact: install and name.
pub async fn timers_of(
    conn: &mut Conn,
    team_id: &str,
    scope: &str,
    id: &str,
) -> sqlx::Result<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT install_id, name FROM timer WHERE scope = ");
    sql.bind(scope.to_owned()).push(" AND scope_id = ").bind(id.to_owned());
    sql.push(" AND install_id IN (SELECT id FROM install WHERE team_id = ")
        .bind(team_id.to_owned());
    sql.push(") ORDER BY install_id, name");
    sql.fetch(conn)
        .await?
        .iter()
        .map(|row| Ok((row.text("install_id")?, row.text("name")?)))
        .collect()
}

/// When a contact was first known, by which the older of two is told.
pub fn age(contact: &Contact) -> (Millis, &str) {
    (contact.first_seen_at, &contact.id)
}

async fn replace(
    conn: &mut Conn,
    head: &str,
    new: &str,
    column: &str,
    old: &str,
) -> sqlx::Result<()> {
    let mut sql = Sql::new(head);
    sql.bind(new.to_owned()).push(" WHERE ").push(column).push(" = ").bind(old.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

async fn delete(conn: &mut Conn, head: &str, id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new(head);
    sql.bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}
