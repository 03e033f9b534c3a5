//! What waits to leave an account, for people to look at.

use super::Job;
use crate::model::Millis;
use crate::store::Conn;
use crate::store::sql::{Column, Sql};

/// The sends of an account that wait for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Empty: for their turn or their time.
    pub held: String,
    pub priority: i64,
    /// Whether they have become due: they stand in their chats.
    pub placed: bool,
    pub count: i64,
    /// The first moment at which one of them may leave.
    pub next_at: Millis,
}

/// How many sends of an account wait, and for what.
pub async fn waiting(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
) -> sqlx::Result<Vec<Waiting>> {
    let mut sql = Sql::new(
        "SELECT held, priority, CASE WHEN place > 0 THEN 1 ELSE 0 END AS placed, COUNT(*) AS jobs, \
         MIN(due_at) AS next_at FROM job WHERE kind = 'send' AND head IN (0, 1) AND subject_id <> '' AND team_id = ",
    );
    sql.bind(team_id.to_owned()).push(" AND account_id = ").bind(account_id.to_owned());
    sql.push(" GROUP BY held, priority, CASE WHEN place > 0 THEN 1 ELSE 0 END");
    let found = sql.fetch(conn).await?;
    found
        .iter()
        .map(|row| {
            Ok(Waiting {
                held: row.text("held")?,
                priority: row.int("priority")?,
                placed: row.int("placed")? != 0,
                count: row.int("jobs")?,
                next_at: row.int("next_at")?,
            })
        })
        .collect()
}

/// The jobs about these subjects: events, and messages on their way out.
pub async fn of_subjects(
    conn: &mut Conn,
    team_id: &str,
    subject_ids: &[String],
) -> sqlx::Result<Vec<Job>> {
    let mut sql = Sql::new("SELECT * FROM job WHERE subject_id IN ");
    sql.bind_list(subject_ids).push(" AND team_id = ").bind(team_id.to_owned());
    sql.push(" ORDER BY due_at, id");
    sql.fetch(conn).await?.iter().map(Job::from_row).collect()
}

/// Sends of an account in the order in which they may leave, with their lease's end, after the one
/// with id `after`.
pub async fn of_account(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<(Job, Millis)>> {
    let mut sql = Sql::new(
        "SELECT * FROM job WHERE kind = 'send' AND head IN (0, 1) AND subject_id <> '' AND team_id = ",
    );
    sql.bind(team_id.to_owned()).push(" AND account_id = ").bind(account_id.to_owned());
    sql.push(" AND id > ").bind(after.to_owned()).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn)
        .await?
        .iter()
        .map(|row| Ok((Job::from_row(row)?, row.int("lease_until")?)))
        .collect()
}

/// Let a send be due at another time: now, with the place that it has drawn, or later, without one.
/// In a transaction that has reserved it; call [`super::promote`] for its lane.
pub async fn retime(conn: &mut Conn, job: &Job) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE job SET held = '', turn = 0, head = 0, due_at = ");
    sql.bind(job.due_at).push(", place = ").bind(job.place);
    sql.push(" WHERE id = ").bind(job.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// Take the jobs of a bulk send off the table but those of its present revision, those under way too:
/// they then settle nothing.
pub async fn remove_others(conn: &mut Conn, bulk_id: &str, revision: i64) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM job WHERE subject_id = ");
    sql.bind(bulk_id.to_owned()).push(" AND step <> ").bind(revision);
    sql.execute(conn).await?;
    Ok(())
}
