//! The keys that sign access tokens.

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::Millis;

/// A key pair on P-256.
#[derive(Clone, Debug, PartialEq)]
pub struct SigningKey {
    pub id: String,
    /// The public point, base64url.
    pub x: String,
    pub y: String,
    /// The private key, sealed for `signing_key/{id}`.
    pub sealed: String,
    pub created_at: Millis,
}

fn from_row(row: &AnyRow) -> sqlx::Result<SigningKey> {
    Ok(SigningKey {
        id: row.text("id")?,
        x: row.text("x")?,
        y: row.text("y")?,
        sealed: row.text("sealed")?,
        created_at: row.int("created_at")?,
    })
}

pub async fn insert(conn: &mut Conn, key: &SigningKey) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO signing_key (id, x, y, sealed, created_at) VALUES",
        "",
        std::slice::from_ref(key),
        |row, k| {
            row.text(&k.id).text(&k.x).text(&k.y).text(&k.sealed).add(k.created_at);
        },
    )
    .await?;
    Ok(())
}

/// All keys, the one that signs first.
pub async fn all(conn: &mut Conn) -> sqlx::Result<Vec<SigningKey>> {
    let sql = Sql::new("SELECT * FROM signing_key ORDER BY created_at DESC, id DESC");
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

pub async fn get(conn: &mut Conn, id: &str) -> sqlx::Result<Option<SigningKey>> {
    let mut sql = Sql::new("SELECT * FROM signing_key WHERE id = ");
    sql.bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Take every key away but one: what the others signed is worth nothing any more.
pub async fn delete_others(conn: &mut Conn, kept: &str) -> sqlx::Result<u64> {
    let mut sql = Sql::new("DELETE FROM signing_key WHERE id <> ");
    sql.bind(kept.to_owned());
    sql.execute(conn).await
}
