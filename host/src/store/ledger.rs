//! The ledger: what was bought and what became of it. Rows are added, and never changed.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::{LedgerKind, Millis, Period, Tier};

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: String,
    pub team_id: String,
    pub account_id: String,
    pub kind: LedgerKind,
    pub tier: Tier,
    /// Of a tier change.
    pub previous_tier: Option<Tier>,
    pub at: Millis,
    /// The calendar month of `at`.
    pub month: String,
    pub period: Period,
    /// Whether it is one more account of its tier in its month.
    pub charged: bool,
    /// In minor units of the currency.
    pub amount: i64,
    pub currency: String,
    /// Of a reset: what the period before had used.
    pub messages: i64,
}

fn from_row(row: &AnyRow) -> sqlx::Result<Entry> {
    let previous = row.text("previous_tier")?;
    Ok(Entry {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        account_id: row.text("account_id")?,
        kind: row.word("kind")?,
        tier: row.word("tier")?,
        previous_tier: if previous.is_empty() { None } else { Some(row.word("previous_tier")?) },
        at: row.int("at")?,
        month: row.text("month")?,
        period: Period { start: row.int("period_start")?, end: row.int("period_end")? },
        charged: row.int("charged")? != 0,
        amount: row.int("amount")?,
        currency: row.text("currency")?,
        messages: row.int("messages")?,
    })
}

pub async fn insert(conn: &mut Conn, entries: &[Entry]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO ledger (id, team_id, account_id, kind, tier, previous_tier, at, month, period_start, period_end, \
         charged, amount, currency, messages) VALUES",
        "",
        entries,
        |row, entry| {
            row.text(&entry.id).text(&entry.team_id).text(&entry.account_id).text(entry.kind.as_str());
            row.text(entry.tier.as_str()).text(entry.previous_tier.map_or("", Tier::as_str)).add(entry.at);
            row.text(&entry.month).add(entry.period.start).add(entry.period.end).truth(entry.charged);
            row.add(entry.amount).text(&entry.currency).add(entry.messages);
        },
    )
    .await?;
    Ok(())
}

/// A team's entries, newest first, before the one with id `before` where it is not empty; of one
/// account where one is named.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
    before: &str,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let mut sql = Sql::new("SELECT * FROM ledger WHERE team_id = ");
    sql.bind(team_id.to_owned());
    if !account_id.is_empty() {
        sql.push(" AND account_id = ").bind(account_id.to_owned());
    }
    if !before.is_empty() {
        sql.push(" AND id < ").bind(before.to_owned());
    }
    sql.push(" ORDER BY id DESC LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// What a team is charged in a month for each tier: how many accounts, and how much.
pub async fn charges(
    conn: &mut Conn,
    team_id: &str,
    month: &str,
) -> sqlx::Result<HashMap<Tier, (i64, i64)>> {
    let mut sql = Sql::new(
        "SELECT tier, COUNT(*) AS accounts, CAST(SUM(amount) AS BIGINT) AS amount FROM ledger WHERE team_id = ",
    );
    sql.bind(team_id.to_owned()).push(" AND month = ").bind(month.to_owned());
    sql.push(" AND charged = 1 GROUP BY tier");
    let found = sql.fetch(conn).await?;
    found
        .iter()
        .map(|row| Ok((row.word("tier")?, (row.int("accounts")?, row.int("amount")?))))
        .collect()
}

/// What was charged for an account in the period that begins at `start`.
pub async fn charged(conn: &mut Conn, account_id: &str, start: Millis) -> sqlx::Result<i64> {
    let mut sql = Sql::new(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS amount FROM ledger WHERE account_id = ",
    );
    sql.bind(account_id.to_owned()).push(" AND period_start = ").bind(start);
    sql.fetch_one(conn).await?.map_or(Ok(0), |row| row.int("amount"))
}
