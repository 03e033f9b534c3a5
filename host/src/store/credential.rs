//! What programs call with: API keys, and apps with a secret. Both are kept by a hash (SHA-256,
//! hexadecimal), and are alike but for their table.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::{ApiScope, Millis, scopes_as_text, scopes_from_text};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Key,
    App,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Key => "api_key",
            Self::App => "app",
        }
    }
}

/// A key or an app, without what it is known by.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    pub id: String,
    pub team_id: String,
    pub name: String,
    pub scopes: BTreeSet<ApiScope>,
    /// The department that it is narrowed to; empty for none.
    pub department_id: String,
    pub created_at: Millis,
    /// 0: it does not end.
    pub expires_at: Millis,
    /// To the minute; 0: never.
    pub last_used_at: Millis,
}

impl Credential {
    /// One that may do everything and does not end.
    pub fn new(id: String, team_id: &str, name: &str, now: Millis) -> Self {
        Self {
            id,
            team_id: team_id.to_owned(),
            name: name.to_owned(),
            scopes: ApiScope::all(),
            department_id: String::new(),
            created_at: now,
            expires_at: 0,
            last_used_at: 0,
        }
    }

    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            team_id: row.text("team_id")?,
            name: row.text("name")?,
            scopes: scopes_from_text(&row.text("scopes")?),
            department_id: row.text("department_id")?,
            created_at: row.int("created_at")?,
            expires_at: row.int("expires_at")?,
            last_used_at: row.int("last_used_at")?,
        })
    }
}

fn select(kind: Kind) -> Sql {
    let mut sql = Sql::new(
        "SELECT id, team_id, name, scopes, department_id, created_at, expires_at, last_used_at FROM ",
    );
    sql.push(kind.table());
    sql
}

pub async fn insert(
    conn: &mut Conn,
    kind: Kind,
    credential: &Credential,
    hash: &str,
) -> sqlx::Result<()> {
    let head = format!(
        "INSERT INTO {} (id, team_id, name, hash, scopes, department_id, created_at, expires_at, \
         last_used_at) VALUES",
        kind.table()
    );
    rows(conn, &head, "", std::slice::from_ref(credential), |row, c| {
        row.text(&c.id).text(&c.team_id).text(&c.name).text(hash).text(scopes_as_text(&c.scopes));
        row.text(&c.department_id).add(c.created_at).add(c.expires_at).add(c.last_used_at);
    })
    .await?;
    Ok(())
}

/// The one with this hash, unless its time is over.
pub async fn by_hash(
    conn: &mut Conn,
    kind: Kind,
    hash: &str,
    now: Millis,
) -> sqlx::Result<Option<Credential>> {
    let mut sql = select(kind);
    sql.push(" WHERE hash = ").bind(hash.to_owned());
    sql.push(" AND (expires_at = 0 OR expires_at > ").bind(now).push(")");
    sql.fetch_one(conn).await?.as_ref().map(Credential::from_row).transpose()
}

pub async fn get(
    conn: &mut Conn,
    kind: Kind,
    team_id: &str,
    id: &str,
) -> sqlx::Result<Option<Credential>> {
    let mut sql = select(kind);
    sql.push(" WHERE team_id = ").bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(Credential::from_row).transpose()
}

/// A team's, oldest first, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    kind: Kind,
    team_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Credential>> {
    let mut sql = select(kind);
    sql.push(" WHERE team_id = ").bind(team_id.to_owned());
    sql.push(" AND id > ").bind(after.to_owned()).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(Credential::from_row).collect()
}

/// End it; false where there is none.
pub async fn delete(conn: &mut Conn, kind: Kind, team_id: &str, id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("DELETE FROM ");
    sql.push(kind.table()).push(" WHERE team_id = ").bind(team_id.to_owned());
    sql.push(" AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// Note that it was used.
pub async fn note_use(conn: &mut Conn, kind: Kind, id: &str, at: Millis) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE ");
    sql.push(kind.table()).push(" SET last_used_at = ").bind(at);
    sql.push(" WHERE id = ").bind(id.to_owned()).push(" AND last_used_at < ").bind(at);
    sql.execute(conn).await?;
    Ok(())
}
