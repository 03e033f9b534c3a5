//! Teams and their counters.

use std::collections::{BTreeMap, HashMap};

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql};
use crate::model::Millis;

/// Numbers drawn from teams' counters; while the transaction lasts it holds those teams.
#[derive(Debug, Default)]
pub struct Numbers(HashMap<String, (i64, i64)>);

impl Numbers {
    /// The next number of this team.
    ///
    /// # Panics
    /// When more are asked for than were drawn: then two jobs would share a place.
    pub fn next(&mut self, team_id: &str) -> i64 {
        let (next, end) = self.0.get_mut(team_id).expect("the team's numbers were drawn");
        assert!(*next < *end, "more numbers were drawn than asked for");
        *next += 1;
        *next - 1
    }
}

/// Draw so many numbers for each team and take the teams' rows until the transaction ends. Call it
/// first in every transaction that adds or settles jobs; the order of the teams keeps two such
/// transactions from waiting for each other.
pub async fn draw(conn: &mut Conn, wanted: &BTreeMap<String, i64>) -> sqlx::Result<Numbers> {
    let mut numbers = Numbers::default();
    for (team_id, count) in wanted {
        let mut sql = Sql::new("UPDATE team SET counter = counter + ");
        sql.bind(*count).push(" WHERE id = ").bind(team_id.clone()).push(" RETURNING counter");
        if let Some(row) = sql.fetch_one(conn).await? {
            let last = row.int("counter")?;
            numbers.0.insert(team_id.clone(), (last - count + 1, last + 1));
        }
    }
    Ok(numbers)
}

pub async fn insert(conn: &mut Conn, id: &str, name: &str, now: Millis) -> sqlx::Result<()> {
    let mut sql = Sql::new("INSERT INTO team (id, name, counter, created_at) VALUES (");
    sql.bind(id.to_owned()).push(", ").bind(name.to_owned()).push(", 0, ").bind(now).push(")");
    sql.execute(conn).await?;
    Ok(())
}

/// The team that was there first, which a single-team host is about.
pub async fn first(conn: &mut Conn) -> sqlx::Result<Option<String>> {
    let sql = Sql::new("SELECT id FROM team ORDER BY created_at, id LIMIT 1");
    sql.fetch_one(conn).await?.map(|row| row.text("id")).transpose()
}

/// A team, as people know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Team {
    pub id: String,
    pub name: String,
    pub created_at: Millis,
}

fn from_row(row: &AnyRow) -> sqlx::Result<Team> {
    Ok(Team { id: row.text("id")?, name: row.text("name")?, created_at: row.int("created_at")? })
}

pub async fn get(conn: &mut Conn, id: &str) -> sqlx::Result<Option<Team>> {
    let mut sql = Sql::new("SELECT id, name, created_at FROM team WHERE id = ");
    sql.bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// All teams of this host, oldest first.
pub async fn all(conn: &mut Conn) -> sqlx::Result<Vec<Team>> {
    let sql = Sql::new("SELECT id, name, created_at FROM team ORDER BY created_at, id");
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// False where there is no such team.
pub async fn rename(conn: &mut Conn, id: &str, name: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE team SET name = ");
    sql.bind(name.to_owned()).push(" WHERE id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

pub async fn exists(conn: &mut Conn, id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT id FROM team WHERE id = ");
    sql.bind(id.to_owned());
    Ok(sql.fetch_one(conn).await?.is_some())
}
