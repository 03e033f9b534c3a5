//! Deleting all that is known of a person, a set of rows at a time.

use serde::{Deserialize, Serialize};

use super::forget::{self, texts};
use super::sql::{Column, Sql, with_list};
use super::{Conn, merge};

/// All that leads to a person, for as long as it takes to forget them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Names {
    /// The contact's id, and those from before a merge.
    pub contacts: Vec<String>,
    /// The same of its chats.
    pub chats: Vec<String>,
    /// Numbers, and the other names that channels have for it.
    pub aliases: Vec<String>,
}

/// What leads to a contact.
pub async fn names(conn: &mut Conn, id: &str) -> sqlx::Result<Names> {
    let mut names = Names { contacts: vec![id.to_owned()], ..Names::default() };
    let mut sql = Sql::new("SELECT id FROM contact_merged WHERE contact_id = ");
    sql.bind(id.to_owned());
    names.contacts.extend(texts(&sql.fetch(conn).await?, "id")?);
    names.chats = merge::chats_of(conn, id).await?.into_iter().map(|(_, chat)| chat).collect();
    let head = "SELECT id FROM chat_merged WHERE chat_id IN";
    let old = with_list(conn, head, &names.chats, "").await?;
    names.chats.extend(texts(&old, "id")?);
    let mut sql = Sql::new("SELECT value FROM contact_alias WHERE contact_id = ");
    sql.bind(id.to_owned()).push(" ORDER BY kind, value");
    names.aliases = texts(&sql.fetch(conn).await?, "value")?;
    Ok(names)
}

/// The API knows the contact no more: its names are free, and what it is called is gone.
pub async fn hide(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new(
        "UPDATE contact SET erased = 1, name = '', name_key = '', phone = '', fields = '{}', profile_image = '' \
         WHERE erased = 0 AND team_id = ",
    );
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    if sql.execute(conn).await? == 0 {
        return Ok(false);
    }
    for table in ["contact_alias", "contact_tag"] {
        let mut sql = Sql::new(&format!("DELETE FROM {table} WHERE contact_id = "));
        sql.bind(id.to_owned());
        sql.execute(conn).await?;
    }
    Ok(true)
}

/// Bulk sends keep a place without a name for a person, so that their counts stand; nobody is written
/// to there.
pub async fn recipients(conn: &mut Conn, team_id: &str, names: &Names) -> sqlx::Result<()> {
    let to: Vec<&String> = names.aliases.iter().chain(&names.chats).collect();
    for part in to.chunks(512) {
        let mut sql = Sql::new(
            "UPDATE bulk_recipient SET recipient = '', variables = '{}', message_id = '' WHERE recipient IN ",
        );
        sql.bind_list(part).push(" AND bulk_id IN (SELECT id FROM bulk WHERE team_id = ");
        sql.bind(team_id.to_owned()).push(")");
        sql.execute(conn).await?;
    }
    Ok(())
}

/// Messages of a contact that have not begun to leave.
pub async fn pending(conn: &mut Conn, contact_id: &str) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new(
        "SELECT id FROM message WHERE rank = 0 AND chat_id IN (SELECT id FROM chat WHERE contact_id = ",
    );
    sql.bind(contact_id.to_owned()).push(")");
    texts(&sql.fetch(conn).await?, "id")
}

/// Delete up to `limit` of a chat's messages; how many there were.
pub async fn messages(conn: &mut Conn, chat_id: &str, limit: i64) -> sqlx::Result<usize> {
    let mut sql = Sql::new("SELECT id FROM message WHERE chat_id = ");
    sql.bind(chat_id.to_owned()).push(" LIMIT ").bind(limit);
    let ids = texts(&sql.fetch(conn).await?, "id")?;
    // The lane goes whole: nothing of the chat is left to be its head.
    forget::messages(conn, &ids).await?;
    Ok(ids.len())
}

/// Delete the person's events among the team's `limit` events after a cursor. Gives the cursor to go
/// on from, and lanes to promote; `None` at the end.
pub async fn events(
    conn: &mut Conn,
    team_id: &str,
    names: &Names,
    after: i64,
    limit: i64,
) -> sqlx::Result<Option<(i64, Vec<String>)>> {
    let mut sql =
        Sql::new("SELECT MAX(cursor) AS last FROM (SELECT cursor FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND cursor > ").bind(after);
    sql.push(" ORDER BY cursor LIMIT ").bind(limit).push(") AS part");
    let last = match sql.fetch_one(conn).await? {
        Some(row) => row.maybe_int("last")?,
        None => None,
    };
    let Some(last) = last else { return Ok(None) };
    let mut sql = Sql::new("SELECT id FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND cursor > ").bind(after);
    sql.push(" AND cursor <= ").bind(last);
    sql.push(" AND (contact_id IN ").bind_list(&names.contacts);
    sql.push(" OR chat_id IN ").bind_list(&names.chats).push(")");
    let ids = texts(&sql.fetch(conn).await?, "id")?;
    Ok(Some((last, forget::events(conn, &ids).await?)))
}

/// Tables that keep words of plugins and endpoints, each with the columns that hold them.
const WORDS: [(&str, &[&str]); 4] = [
    ("plugin_log", &["message"]),
    ("failure", &["reason"]),
    ("dead_letter", &["reason", "backtrace", "payload"]),
    ("attempt", &["response"]),
];

/// Shorter names would be found in everything.
const LEAST: usize = 5;

/// Delete rows that name a person among the `limit` rows after `after` of the table with this number.
/// Gives the row to go on from; `None` at the table's end.
pub async fn words(
    conn: &mut Conn,
    team_id: &str,
    names: &Names,
    table: usize,
    after: &str,
    limit: i64,
) -> sqlx::Result<Option<String>> {
    let Some((name, columns)) = WORDS.get(table) else { return Ok(None) };
    let mut sql =
        Sql::new(&format!("SELECT MAX(id) AS last FROM (SELECT id FROM {name} WHERE id > "));
    sql.bind(after.to_owned()).push(" ORDER BY id LIMIT ").bind(limit).push(") AS part");
    let last = match sql.fetch_one(conn).await? {
        Some(row) => row.maybe_text("last")?,
        None => None,
    };
    let Some(last) = last else { return Ok(None) };
    let mut sql = Sql::new(&format!("DELETE FROM {name} WHERE team_id = "));
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    sql.push(" AND id <= ").bind(last.clone()).push(" AND (FALSE");
    for column in *columns {
        name_it(&mut sql, column, names);
    }
    sql.push(")");
    sql.execute(conn).await?;
    Ok(Some(last))
}

/// How many tables [`words`] looks through.
pub const TABLES: usize = WORDS.len();

/// Lines of imports that were left out and name a person.
pub async fn problems(conn: &mut Conn, team_id: &str, names: &Names) -> sqlx::Result<()> {
    let mut sql = Sql::new(
        "DELETE FROM import_problem WHERE import_id IN (SELECT id FROM contact_import WHERE team_id = ",
    );
    sql.bind(team_id.to_owned()).push(") AND (FALSE");
    name_it(&mut sql, "problem", names);
    sql.push(")");
    sql.execute(conn).await?;
    Ok(())
}

/// `OR column LIKE …` for each name; numbers with and without their plus.
fn name_it(sql: &mut Sql, column: &str, names: &Names) {
    let all = names.contacts.iter().chain(&names.chats).chain(&names.aliases);
    for name in all.map(|name| name.trim_start_matches('+')).filter(|name| name.len() >= LEAST) {
        let plain = name.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        sql.push(" OR ").push(column).push(" LIKE ").bind(format!("%{plain}%"));
        sql.push(" ESCAPE '\\'");
    }
}

/// Delete a contact that has no chats, and what is kept about it alone. What was charged for its
/// conversations stays counted.
pub async fn contact(conn: &mut Conn, team_id: &str, id: &str, names: &Names) -> sqlx::Result<()> {
    forget::plugin_data(conn, team_id, "contact", &names.contacts).await?;
    forget::timers(conn, "contact_id", id).await?;
    let mut sql = Sql::new("UPDATE conversation SET contact_id = '' WHERE contact_id IN ");
    sql.bind_list(&names.contacts);
    // Named, the accounts lead to the key of open conversations.
    sql.push(" AND account_id IN (SELECT id FROM account WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(")");
    sql.execute(conn).await?;
    for text in
        ["DELETE FROM contact_merged WHERE contact_id = ", "DELETE FROM contact WHERE id = "]
    {
        let mut sql = Sql::new(text);
        sql.bind(id.to_owned());
        sql.execute(conn).await?;
    }
    Ok(())
}
