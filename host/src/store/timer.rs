//! Timers: one per install, scope and name. The job that fires one names its revision.

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql};
use crate::model::{Millis, Missed, Scope, TimerSpec};

/// A timer as it stands, with the chat that it speaks of.
#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    pub install_id: String,
    pub team_id: String,
    pub spec: TimerSpec,
    pub revision: i64,
    /// Empty for a timer of the whole plugin; so are the next two.
    pub account_id: String,
    pub chat_id: String,
    pub contact_id: String,
    pub depth: i64,
    /// Of a recurring one: what becomes of times that pass while it cannot run.
    pub missed: Missed,
}

/// The subject of a timer's waiting job, by which it is found when the timer changes.
pub fn subject(install_id: &str, scope: &Scope, name: &str) -> String {
    let (word, id) = scope.parts();
    format!("timer/{install_id}/{word}/{id}/{name}")
}

fn from_row(row: &AnyRow) -> sqlx::Result<Timer> {
    Ok(Timer {
        install_id: row.text("install_id")?,
        team_id: row.text("team_id")?,
        spec: TimerSpec {
            scope: Scope::from_parts(&row.text("scope")?, &row.text("scope_id")?)
                .unwrap_or(Scope::Plugin),
            name: row.text("name")?,
            due_at: row.int("due_at")?,
            cron: row.text("cron")?,
            time_zone: row.text("time_zone")?,
            payload: row.text("payload")?,
        },
        revision: row.int("revision")?,
        account_id: row.text("account_id")?,
        chat_id: row.text("chat_id")?,
        contact_id: row.text("contact_id")?,
        depth: row.int("depth")?,
        missed: row.word("missed")?,
    })
}

/// Set a timer, in place of the one of that name.
pub async fn set(conn: &mut Conn, timer: &Timer) -> sqlx::Result<()> {
    let (scope, scope_id) = timer.spec.scope.parts();
    let mut sql = Sql::new(
        "INSERT INTO timer (install_id, scope, scope_id, name, team_id, revision, due_at, cron, time_zone, payload, \
         account_id, chat_id, contact_id, depth, missed) VALUES (",
    );
    sql.bind(timer.install_id.clone())
        .push(", ")
        .bind(scope.to_owned())
        .push(", ")
        .bind(scope_id.to_owned());
    sql.push(", ")
        .bind(timer.spec.name.clone())
        .push(", ")
        .bind(timer.team_id.clone())
        .push(", ")
        .bind(timer.revision);
    sql.push(", ").bind(timer.spec.due_at).push(", ").bind(timer.spec.cron.clone()).push(", ");
    sql.bind(timer.spec.time_zone.clone()).push(", ").bind(timer.spec.payload.clone()).push(", ");
    sql.bind(timer.account_id.clone()).push(", ").bind(timer.chat_id.clone()).push(", ");
    sql.bind(timer.contact_id.clone()).push(", ").bind(timer.depth).push(", ");
    sql.bind(timer.missed.as_str().to_owned());
    sql.push(
        ") ON CONFLICT (install_id, scope, scope_id, name) DO UPDATE SET revision = excluded.revision, \
         due_at = excluded.due_at, cron = excluded.cron, time_zone = excluded.time_zone, payload = excluded.payload, \
         account_id = excluded.account_id, chat_id = excluded.chat_id, contact_id = excluded.contact_id, \
         depth = excluded.depth, missed = excluded.missed",
    );
    sql.execute(conn).await?;
    Ok(())
}

pub async fn get(
    conn: &mut Conn,
    install_id: &str,
    scope: &Scope,
    name: &str,
) -> sqlx::Result<Option<Timer>> {
    let mut sql = by_key("SELECT * FROM timer", install_id, scope);
    sql.push(" AND name = ").bind(name.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// An install's timers in a scope, in order of name.
pub async fn list(conn: &mut Conn, install_id: &str, scope: &Scope) -> sqlx::Result<Vec<Timer>> {
    let mut sql = by_key("SELECT * FROM timer", install_id, scope);
    sql.push(" ORDER BY name");
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Take a timer away.
pub async fn remove(
    conn: &mut Conn,
    install_id: &str,
    scope: &Scope,
    name: &str,
) -> sqlx::Result<()> {
    let mut sql = by_key("DELETE FROM timer", install_id, scope);
    sql.push(" AND name = ").bind(name.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// A fire was handled: a one-shot timer is gone, unless it was set anew since.
pub async fn end(
    conn: &mut Conn,
    install_id: &str,
    scope: &Scope,
    name: &str,
    revision: i64,
) -> sqlx::Result<()> {
    let mut sql = by_key("DELETE FROM timer", install_id, scope);
    sql.push(" AND cron = '' AND name = ")
        .bind(name.to_owned())
        .push(" AND revision = ")
        .bind(revision);
    sql.execute(conn).await?;
    Ok(())
}

/// Take all timers of an install away, and the jobs that wait to fire them.
pub async fn remove_all(conn: &mut Conn, install_id: &str) -> sqlx::Result<()> {
    for text in [
        "DELETE FROM timer WHERE install_id = ",
        "DELETE FROM job WHERE place = 0 AND target_id = ",
    ] {
        let mut sql = Sql::new(text);
        sql.bind(install_id.to_owned());
        sql.execute(conn).await?;
    }
    Ok(())
}

/// A recurring timer's next time.
pub async fn move_on(conn: &mut Conn, timer: &Timer, due_at: Millis) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE timer SET due_at = ");
    let (scope, scope_id) = timer.spec.scope.parts();
    sql.bind(due_at).push(" WHERE install_id = ").bind(timer.install_id.clone());
    sql.push(" AND scope = ")
        .bind(scope.to_owned())
        .push(" AND scope_id = ")
        .bind(scope_id.to_owned());
    sql.push(" AND name = ").bind(timer.spec.name.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// How many timers an install has.
pub async fn count(conn: &mut Conn, install_id: &str) -> sqlx::Result<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) AS timers FROM timer WHERE install_id = ");
    sql.bind(install_id.to_owned());
    sql.fetch_one(conn).await?.map_or(Ok(0), |row| row.int("timers"))
}

fn by_key(text: &str, install_id: &str, scope: &Scope) -> Sql {
    let (word, id) = scope.parts();
    let mut sql = Sql::new(text);
    sql.push(" WHERE install_id = ")
        .bind(install_id.to_owned())
        .push(" AND scope = ")
        .bind(word.to_owned());
    sql.push(" AND scope_id = ").bind(id.to_owned());
    sql
}
