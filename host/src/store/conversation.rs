//! Conversations, as the official channels charge for them.

use std::collections::{BTreeMap, HashMap};

use super::Conn;
use super::sql::{Column, Sql, rows, with_list};
use crate::model::{Conversation, Millis, Tally};

/// Until when the last conversation of these contacts runs, by account and contact.
pub async fn open_until(
    conn: &mut Conn,
    account_id: &str,
    contact_ids: &[String],
) -> sqlx::Result<HashMap<String, Millis>> {
    let mut open = HashMap::new();
    for part in contact_ids.chunks(512) {
        let mut sql = Sql::new(
            "SELECT contact_id, MAX(expires_at) AS until FROM conversation WHERE account_id = ",
        );
        sql.bind(account_id.to_owned()).push(" AND contact_id IN ").bind_list(part);
        sql.push(" GROUP BY contact_id");
        for row in sql.fetch(conn).await? {
            open.insert(row.text("contact_id")?, row.int("until")?);
        }
    }
    Ok(open)
}

/// How many of a month's free conversations are used up, at most `most`.
pub async fn counted(
    conn: &mut Conn,
    team_id: &str,
    billed_to: &str,
    month: &str,
    most: i64,
) -> sqlx::Result<i64> {
    let mut sql =
        Sql::new("SELECT COUNT(*) AS counted FROM (SELECT 1 FROM conversation WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND month = ").bind(month.to_owned());
    sql.push(" AND billed_to = ").bind(billed_to.to_owned());
    sql.push(" AND pricing <> 'free_entry_point' LIMIT ").bind(most).push(") AS counted");
    sql.fetch_one(conn).await?.map_or(Ok(0), |row| row.int("counted"))
}

pub async fn insert(conn: &mut Conn, opened: &[Conversation]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO conversation (id, team_id, billed_to, account_id, contact_id, opened_at, expires_at, month, \
         origin, pricing) VALUES",
        "",
        opened,
        |row, one| {
            row.text(&one.id).text(&one.team_id).text(&one.billed_to).text(&one.account_id);
            row.text(&one.contact_id).add(one.opening.opened_at).add(one.opening.expires_at);
            row.text(&one.month).text(one.opening.origin.as_str()).text(one.pricing.as_str());
        },
    )
    .await?;
    Ok(())
}

/// A team's month, by who it is billed to.
pub async fn tallies(
    conn: &mut Conn,
    team_id: &str,
    month: &str,
) -> sqlx::Result<BTreeMap<String, Tally>> {
    let mut sql = Sql::new(
        "SELECT billed_to, origin, pricing, COUNT(*) AS conversations FROM conversation WHERE team_id = ",
    );
    sql.bind(team_id.to_owned()).push(" AND month = ").bind(month.to_owned());
    sql.push(" GROUP BY billed_to, origin, pricing");
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for row in sql.fetch(conn).await? {
        let tally = tallies.entry(row.text("billed_to")?).or_default();
        tally.add(row.word("origin")?, row.word("pricing")?, row.int("conversations")?);
    }
    Ok(tallies)
}

/// Forget those of an account whose customers are forgotten; the month's count stays.
pub async fn anonymise(conn: &mut Conn, account_ids: &[String]) -> sqlx::Result<()> {
    with_list(conn, "UPDATE conversation SET contact_id = '' WHERE account_id IN", account_ids, "")
        .await?;
    Ok(())
}
