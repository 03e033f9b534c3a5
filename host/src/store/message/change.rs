//! Messages that are changed by hand: other words, another time, once more, forgotten.

use super::{file_of, json};
use crate::model::{Message, Millis};
use crate::store::sql::{Column, Sql};
use crate::store::{Conn, search};

/// What a message says from now on, and when it is due. Its words are found anew.
pub async fn edit(conn: &mut Conn, message: &Message) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE message SET content = ");
    sql.bind(json(&message.content)).push(", due_at = ").bind(message.due_at);
    sql.push(", media_id = ").bind(file_of(&message.content).to_owned());
    sql.push(" WHERE id = ").bind(message.id.clone()).push(" RETURNING place");
    if let Some(row) = sql.fetch_one(conn).await? {
        search::change(conn, message, row.int("place")?).await?;
    }
    Ok(())
}

/// Keep a content whose file was fetched; its words are the same.
pub async fn set_content(conn: &mut Conn, message: &Message) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE message SET content = ");
    sql.bind(json(&message.content)).push(", media_id = ");
    sql.bind(file_of(&message.content).to_owned()).push(" WHERE id = ").bind(message.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// An error becomes pending again, due at `now`; false where it is no error any more.
pub async fn retry(conn: &mut Conn, team_id: &str, id: &str, now: Millis) -> sqlx::Result<bool> {
    let mut sql = Sql::new(
        "UPDATE message SET status = 'pending', rank = 0, provider_id = NULL, sent_at = NULL, \
         error_code = '', error_message = '', due_at = ",
    );
    sql.bind(now)
        .push(" WHERE rank = 2 AND direction = 'out' AND team_id = ")
        .bind(team_id.to_owned());
    sql.push(" AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// Whether a message is not on its way. In a transaction that holds its team.
pub async fn forgettable(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT id FROM message WHERE rank > 0 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    Ok(sql.fetch_one(conn).await?.is_some())
}

/// Pending messages of an account, oldest first.
pub async fn pending_of(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
    limit: i64,
) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new("SELECT id FROM message WHERE rank = 0 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND account_id = ").bind(account_id.to_owned());
    sql.push(" ORDER BY place LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(|row| row.text("id")).collect()
}
