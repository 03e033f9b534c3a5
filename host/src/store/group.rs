//! What accounts are grouped by: departments, and business accounts.

use super::Conn;
use super::sql::{Column, Sql};
use crate::model::Millis;

/// A way to group accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Department,
    BusinessAccount,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::BusinessAccount => "business_account",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub created_at: Millis,
}

/// `head <table> tail`: the table is one of two words of ours.
fn about(head: &str, kind: Kind, tail: &str) -> Sql {
    Sql::new(&format!("{head} {} {tail}", kind.table()))
}

pub async fn insert(conn: &mut Conn, kind: Kind, team_id: &str, group: &Group) -> sqlx::Result<()> {
    let mut sql = about("INSERT INTO", kind, "(id, team_id, name, created_at) VALUES (");
    sql.bind(group.id.clone()).push(", ").bind(team_id.to_owned()).push(", ");
    sql.bind(group.name.clone()).push(", ").bind(group.created_at).push(")");
    sql.execute(conn).await?;
    Ok(())
}

/// A team's groups, oldest first, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    kind: Kind,
    team_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Group>> {
    let mut sql = about("SELECT * FROM", kind, "WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    let group = |row: &sqlx::any::AnyRow| {
        Ok(Group {
            id: row.text("id")?,
            name: row.text("name")?,
            created_at: row.int("created_at")?,
        })
    };
    sql.fetch(conn).await?.iter().map(group).collect()
}

pub async fn get(
    conn: &mut Conn,
    kind: Kind,
    team_id: &str,
    id: &str,
) -> sqlx::Result<Option<Group>> {
    let mut sql = about("SELECT * FROM", kind, "WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    let Some(row) = sql.fetch_one(conn).await? else { return Ok(None) };
    Ok(Some(Group {
        id: row.text("id")?,
        name: row.text("name")?,
        created_at: row.int("created_at")?,
    }))
}

pub async fn rename(
    conn: &mut Conn,
    kind: Kind,
    team_id: &str,
    id: &str,
    name: &str,
) -> sqlx::Result<bool> {
    let mut sql = about("UPDATE", kind, "SET name = ");
    sql.bind(name.to_owned()).push(" WHERE team_id = ").bind(team_id.to_owned());
    sql.push(" AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// Remove a group that no account belongs to; false where one does, or where there is none.
pub async fn delete(conn: &mut Conn, kind: Kind, team_id: &str, id: &str) -> sqlx::Result<bool> {
    let mut sql = about("DELETE FROM", kind, "WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.push(" AND NOT EXISTS (SELECT 1 FROM account WHERE deleted_at = 0 AND account.team_id = ");
    sql.bind(team_id.to_owned()).push(&format!(" AND account.{}_id = ", kind.table()));
    sql.bind(id.to_owned()).push(")");
    Ok(sql.execute(conn).await? > 0)
}
