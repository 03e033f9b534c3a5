//! How an endpoint takes what is posted to it, counted over time.

use super::Conn;
use super::sql::{Column, Sql};
use crate::model::Millis;

/// The attempts of one span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// How many spans of its length since 1970 lie before it.
    pub number: i64,
    pub attempts: i64,
    /// Those that a 2xx answered.
    pub delivered: i64,
    /// How long they all took.
    pub millis: i64,
}

/// An endpoint's attempts from one moment and before another, in spans of `length` milliseconds, in
/// order; spans without any are left out.
pub async fn spans(
    conn: &mut Conn,
    team_id: &str,
    endpoint_id: &str,
    (from, to): (Millis, Millis),
    length: Millis,
) -> sqlx::Result<Vec<Span>> {
    let mut sql = Sql::new(&format!(
        "SELECT at / {length} AS number, COUNT(*) AS attempts, \
         CAST(SUM(CASE WHEN status BETWEEN 200 AND 299 THEN 1 ELSE 0 END) AS BIGINT) AS delivered, \
         CAST(SUM(millis) AS BIGINT) AS millis FROM attempt WHERE team_id = "
    ));
    sql.bind(team_id.to_owned()).push(" AND endpoint_id = ").bind(endpoint_id.to_owned());
    sql.push(" AND at >= ").bind(from).push(" AND at < ").bind(to);
    sql.push(&format!(" GROUP BY at / {length} ORDER BY at / {length}"));
    let span = |row| -> sqlx::Result<Span> {
        let row: &sqlx::any::AnyRow = row;
        Ok(Span {
            number: row.int("number")?,
            attempts: row.int("attempts")?,
            delivered: row.int("delivered")?,
            millis: row.int("millis")?,
        })
    };
    sql.fetch(conn).await?.iter().map(span).collect()
}

/// When the oldest event happened that an endpoint has not acknowledged yet.
pub async fn oldest_pending(
    conn: &mut Conn,
    team_id: &str,
    endpoint_id: &str,
) -> sqlx::Result<Option<Millis>> {
    // `<> ''` leads to the index of those that have a target.
    let mut sql = Sql::new(
        "SELECT MIN(event.at) AS oldest FROM job JOIN event ON event.id = job.subject_id \
         WHERE job.kind = 'notify' AND job.target_id <> '' AND job.team_id = ",
    );
    sql.bind(team_id.to_owned()).push(" AND job.target_id = ").bind(endpoint_id.to_owned());
    Ok(match sql.fetch_one(conn).await? {
        Some(row) => row.maybe_int("oldest")?,
        None => None,
    })
}
