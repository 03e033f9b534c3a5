//! Deleting all that is known of a person, a set of rows at a time.

use super::sql::{Column, Sql, with_list};
use super::{Conn, search};

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

/// Messages of a contact that have not begun to leave.
pub async fn pending(conn: &mut Conn, contact_id: &str) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new(
        "SELECT id FROM message WHERE rank = 0 AND chat_id IN (SELECT id FROM chat WHERE contact_id = ",
    );
    sql.bind(contact_id.to_owned()).push(")");
    sql.fetch(conn).await?.iter().map(|row| row.text("id")).collect()
}

/// Delete up to `limit` of a chat's messages; how many there were.
pub async fn messages(conn: &mut Conn, chat_id: &str, limit: i64) -> sqlx::Result<usize> {
    let mut sql = Sql::new("SELECT id FROM message WHERE chat_id = ");
    sql.bind(chat_id.to_owned()).push(" LIMIT ").bind(limit);
    let found = sql.fetch(conn).await?;
    let ids = found.iter().map(|row| row.text("id")).collect::<sqlx::Result<Vec<_>>>()?;
    search::forget(conn, &ids).await?;
    with_list(conn, "DELETE FROM message WHERE id IN", &ids, "").await?;
    Ok(ids.len())
}

/// Delete the contact's events among the team's `limit` events after a cursor. Gives the cursor to
/// go on from; `None` at the end.
pub async fn events(
    conn: &mut Conn,
    team_id: &str,
    contact_id: &str,
    after: i64,
    limit: i64,
) -> sqlx::Result<Option<i64>> {
    let mut sql =
        Sql::new("SELECT MAX(cursor) AS last FROM (SELECT cursor FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND cursor > ").bind(after);
    sql.push(" ORDER BY cursor LIMIT ").bind(limit).push(") AS part");
    let last = match sql.fetch_one(conn).await? {
        Some(row) => row.maybe_int("last")?,
        None => None,
    };
    let Some(last) = last else { return Ok(None) };
    let mut sql = Sql::new("DELETE FROM event WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND cursor > ").bind(after);
    sql.push(" AND cursor <= ").bind(last).push(" AND contact_id = ").bind(contact_id.to_owned());
    sql.execute(conn).await?;
    Ok(Some(last))
}

/// Delete a chat that has no messages.
pub async fn chat(conn: &mut Conn, id: &str) -> sqlx::Result<()> {
    for text in ["DELETE FROM chat_merged WHERE chat_id = ", "DELETE FROM chat WHERE id = "] {
        let mut sql = Sql::new(text);
        sql.bind(id.to_owned());
        sql.execute(conn).await?;
    }
    Ok(())
}

/// Delete a contact that has no chats.
pub async fn contact(conn: &mut Conn, id: &str) -> sqlx::Result<()> {
    for text in
        ["DELETE FROM contact_merged WHERE contact_id = ", "DELETE FROM contact WHERE id = "]
    {
        let mut sql = Sql::new(text);
        sql.bind(id.to_owned());
        sql.execute(conn).await?;
    }
    Ok(())
}
