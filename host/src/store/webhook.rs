//! What webhooks of plugins were answered: a repeat of a delivery gets the stored reply.

use super::Conn;
use super::sql::{Column, Sql};
use crate::model::Millis;

/// The answer to one delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredReply {
    pub install_id: String,
    pub delivery_id: String,
    pub status: i64,
    pub headers: Vec<(String, String)>,
    /// Base64.
    pub body: String,
    pub at: Millis,
}

/// Keep a reply; the first one of a delivery stands.
pub async fn insert_reply(conn: &mut Conn, reply: &StoredReply) -> sqlx::Result<()> {
    let mut sql = Sql::new(
        "INSERT INTO webhook_reply (install_id, delivery_id, status, headers, body, at) VALUES (",
    );
    sql.bind(reply.install_id.clone())
        .push(", ")
        .bind(reply.delivery_id.clone())
        .push(", ")
        .bind(reply.status);
    sql.push(", ").bind(serde_json::to_string(&reply.headers).unwrap_or_default()).push(", ");
    sql.bind(reply.body.clone()).push(", ").bind(reply.at).push(") ON CONFLICT DO NOTHING");
    sql.execute(conn).await?;
    Ok(())
}

pub async fn reply(
    conn: &mut Conn,
    install_id: &str,
    delivery_id: &str,
) -> sqlx::Result<Option<StoredReply>> {
    let mut sql = Sql::new("SELECT * FROM webhook_reply WHERE install_id = ");
    sql.bind(install_id.to_owned()).push(" AND delivery_id = ").bind(delivery_id.to_owned());
    let Some(row) = sql.fetch_one(conn).await? else { return Ok(None) };
    Ok(Some(StoredReply {
        install_id: row.text("install_id")?,
        delivery_id: row.text("delivery_id")?,
        status: row.int("status")?,
        headers: row.json("headers")?,
        body: row.text("body")?,
        at: row.int("at")?,
    }))
}

/// Forget replies older than `before`; at most `limit`.
pub async fn purge_replies(conn: &mut Conn, before: Millis, limit: i64) -> sqlx::Result<u64> {
    let mut sql = Sql::new(
        "DELETE FROM webhook_reply WHERE (install_id, delivery_id) IN \
         (SELECT install_id, delivery_id FROM webhook_reply WHERE at < ",
    );
    sql.bind(before).push(" LIMIT ").bind(limit).push(")");
    sql.execute(conn).await
}
