//! What stops or slows an account's queue: how many messages left on a day, and whether it is paused.

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::Millis;

const DAY: Millis = 24 * 60 * 60 * 1000;

/// The day of a moment (UTC), counted from 1970.
pub fn day_of(at: Millis) -> i64 {
    at.div_euclid(DAY)
}

/// When a day begins.
pub fn begin_of(day: i64) -> Millis {
    day * DAY
}

/// How many messages left an account on a day, and the first day on which any did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub day: i64,
    pub count: i64,
    pub first_day: Option<i64>,
}

pub async fn sent(conn: &mut Conn, account_id: &str, day: i64) -> sqlx::Result<Sent> {
    let mut sql = Sql::new("SELECT (SELECT MIN(day) FROM account_day WHERE account_id = ");
    sql.bind(account_id.to_owned())
        .push(") AS first_day, (SELECT sent FROM account_day WHERE account_id = ");
    sql.bind(account_id.to_owned()).push(" AND day = ").bind(day).push(") AS sent");
    let row = sql.fetch_one(conn).await?;
    let (first_day, count) = match row {
        Some(row) => (row.maybe_int("first_day")?, row.maybe_int("sent")?),
        None => (None, None),
    };
    Ok(Sent { day, count: count.unwrap_or(0), first_day })
}

/// Count messages that left: an account's id, the day, how many. One entry per account, please.
pub async fn count(conn: &mut Conn, counts: &[(String, i64, i64)]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO account_day (account_id, day, sent) VALUES",
        "ON CONFLICT (account_id, day) DO UPDATE SET sent = account_day.sent + excluded.sent",
        counts,
        |row, (account_id, day, sent)| {
            row.text(account_id).add(*day).add(*sent);
        },
    )
    .await?;
    Ok(())
}

pub async fn is_paused(conn: &mut Conn, account_id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("SELECT paused FROM account WHERE id = ");
    sql.bind(account_id.to_owned());
    sql.fetch_one(conn).await?.map_or(Ok(false), |row| Ok(row.int("paused")? != 0))
}

/// Pause or resume; false where the team has no such account.
pub async fn set_paused(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
    paused: bool,
) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE account SET paused = ");
    sql.bind(i64::from(paused)).push(" WHERE team_id = ").bind(team_id.to_owned());
    sql.push(" AND id = ").bind(account_id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}
