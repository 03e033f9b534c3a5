//! What webhooks of plugins were answered: a repeat of a delivery gets the stored reply.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Conn;
use super::sql::{Column, Sql};
use crate::model::Millis;

/// The answer to one delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredReply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Keep a reply; the first one of a delivery stands.
pub async fn put_reply(
    conn: &mut Conn,
    install_id: &str,
    delivery_id: &str,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    at: Millis,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("INSERT INTO webhook_reply (install_id, delivery_id, status, headers, body, at) VALUES (");
    sql.bind(install_id.to_owned()).push(", ").bind(delivery_id.to_owned()).push(", ").bind(i64::from(status));
    sql.push(", ").bind(serde_json::to_string(headers).unwrap_or_default()).push(", ").bind(STANDARD.encode(body));
    sql.push(", ").bind(at).push(") ON CONFLICT DO NOTHING");
    sql.execute(conn).await?;
    Ok(())
}

pub async fn reply(conn: &mut Conn, install_id: &str, delivery_id: &str) -> sqlx::Result<Option<StoredReply>> {
    let mut sql = Sql::new("SELECT * FROM webhook_reply WHERE install_id = ");
    sql.bind(install_id.to_owned()).push(" AND delivery_id = ").bind(delivery_id.to_owned());
    let Some(row) = sql.fetch_one(conn).await? else { return Ok(None) };
    Ok(Some(StoredReply {
        status: u16::try_from(row.int("status")?).unwrap_or(500),
        headers: row.json("headers")?,
        body: STANDARD.decode(row.text("body")?).unwrap_or_default(),
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
