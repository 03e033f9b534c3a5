//! How many messages an account has queued or sent in each of its periods.

use std::collections::{BTreeMap, HashMap};

use super::Conn;
use super::sql::{Column, rows, with_list};
use crate::model::Millis;

/// What one period of an account has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub messages: i64,
    /// When it was told that little is left, and that nothing is; 0: not yet.
    pub low_at: Millis,
    pub exhausted_at: Millis,
}

/// The periods of these accounts, by account and beginning.
pub async fn of<S: AsRef<str>>(
    conn: &mut Conn,
    account_ids: &[S],
) -> sqlx::Result<HashMap<(String, Millis), Used>> {
    let head = "SELECT * FROM usage_period WHERE account_id IN";
    let found = with_list(conn, head, account_ids, "").await?;
    let mut used = HashMap::new();
    for row in &found {
        let one = Used {
            messages: row.int("messages")?,
            low_at: row.int("low_at")?,
            exhausted_at: row.int("exhausted_at")?,
        };
        used.insert((row.text("account_id")?, row.int("starts_at")?), one);
    }
    Ok(used)
}

/// What a set of messages adds to a period.
#[derive(Clone, Debug, Default)]
pub struct More {
    pub team_id: String,
    pub messages: i64,
    /// 0: as it was.
    pub low_at: Millis,
    pub exhausted_at: Millis,
}

/// Add to periods, by account and beginning. In a transaction that holds the teams.
pub async fn add(conn: &mut Conn, more: &BTreeMap<(String, Millis), More>) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO usage_period (account_id, starts_at, team_id, messages, low_at, exhausted_at) VALUES",
        "ON CONFLICT (account_id, starts_at) DO UPDATE SET messages = usage_period.messages + excluded.messages, \
         low_at = CASE WHEN excluded.low_at > 0 THEN excluded.low_at ELSE usage_period.low_at END, \
         exhausted_at = CASE WHEN excluded.exhausted_at > 0 THEN excluded.exhausted_at ELSE usage_period.exhausted_at END",
        &more.iter().collect::<Vec<_>>(),
        |row, ((account_id, starts_at), more)| {
            row.text(account_id).add(*starts_at).text(&more.team_id).add(more.messages);
            row.add(more.low_at).add(more.exhausted_at);
        },
    )
    .await?;
    Ok(())
}

/// Take so many messages off periods again. In a transaction that holds the teams.
pub async fn give_back(
    conn: &mut Conn,
    less: &BTreeMap<(String, Millis), i64>,
) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE usage_period SET messages = CASE WHEN usage_period.messages > v.column3 \
         THEN usage_period.messages - v.column3 ELSE 0 END FROM (VALUES",
        ") AS v WHERE usage_period.account_id = v.column1 AND usage_period.starts_at = v.column2",
        &less.iter().collect::<Vec<_>>(),
        |row, ((account_id, starts_at), count)| {
            row.text(account_id).add(*starts_at).add(**count);
        },
    )
    .await?;
    Ok(())
}
