//! Bulk sends and their recipients.

use sqlx::any::AnyRow;

use super::Conn;
use super::department::narrow;
use super::sql::{Column, Sql, rows};
use crate::model::{Millis, Status};

/// One content for many recipients.
#[derive(Clone, Debug, PartialEq)]
pub struct Bulk {
    pub id: String,
    pub team_id: String,
    pub account_id: String,
    pub client_id: Option<String>,
    /// JSON of a content, with placeholders.
    pub content: String,
    /// JSON of the options of a send.
    pub options: String,
    /// Messages a minute.
    pub pace: i64,
    /// `running`, `paused`, `cancelled` or `done`.
    pub state: String,
    pub total: i64,
    /// The first recipient whose message is not queued yet.
    pub next_index: i64,
    pub revision: i64,
    pub due_at: Millis,
    pub created_at: Millis,
    /// What was asked, where the caller gave an id of its own.
    pub request_hash: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Recipient {
    pub number: i64,
    /// A phone number or the id of a chat; empty: the person is forgotten.
    pub recipient: String,
    /// JSON
    pub variables: String,
    /// Empty until its message is queued.
    pub message_id: String,
}

fn from_row(row: &AnyRow) -> sqlx::Result<Bulk> {
    Ok(Bulk {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        account_id: row.text("account_id")?,
        client_id: row.maybe_text("client_id")?,
        content: row.text("content")?,
        options: row.text("options")?,
        pace: row.int("pace")?,
        state: row.text("state")?,
        total: row.int("total")?,
        next_index: row.int("next_index")?,
        revision: row.int("revision")?,
        due_at: row.int("due_at")?,
        created_at: row.int("created_at")?,
        request_hash: row.text("request_hash")?,
    })
}

/// Add a bulk send; false where the team has one with that id of the caller's already.
pub async fn insert(conn: &mut Conn, bulk: &Bulk) -> sqlx::Result<bool> {
    let added = rows(
        conn,
        "INSERT INTO bulk (id, team_id, account_id, client_id, content, options, pace, state, total, next_index, \
         revision, due_at, created_at, request_hash) VALUES",
        "ON CONFLICT DO NOTHING RETURNING id",
        std::slice::from_ref(bulk),
        |row, bulk| {
            row.text(&bulk.id).text(&bulk.team_id).text(&bulk.account_id).add(bulk.client_id.clone());
            row.text(&bulk.content).text(&bulk.options).add(bulk.pace).text(&bulk.state).add(bulk.total);
            row.add(bulk.next_index).add(bulk.revision).add(bulk.due_at).add(bulk.created_at);
            row.text(&bulk.request_hash);
        },
    )
    .await?;
    Ok(!added.is_empty())
}

pub async fn insert_recipients(
    conn: &mut Conn,
    bulk_id: &str,
    recipients: &[Recipient],
) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO bulk_recipient (bulk_id, number, recipient, variables, message_id) VALUES",
        "",
        recipients,
        |row, one| {
            row.text(bulk_id)
                .add(one.number)
                .text(&one.recipient)
                .text(&one.variables)
                .text(&one.message_id);
        },
    )
    .await?;
    Ok(())
}

/// Those of an account that is deleted go with it, and nobody sees them until then.
const OF_TEAM: &str = "SELECT * FROM bulk WHERE account_id NOT IN \
                       (SELECT id FROM account WHERE deleted_at > 0) AND team_id = ";

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Bulk>> {
    let mut sql = Sql::new(OF_TEAM);
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

pub async fn by_client_id(
    conn: &mut Conn,
    team_id: &str,
    client_id: &str,
) -> sqlx::Result<Option<Bulk>> {
    let mut sql = Sql::new("SELECT * FROM bulk WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND client_id = ").bind(client_id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Those of an account that still have recipients to come.
pub async fn unfinished(conn: &mut Conn, account_id: &str) -> sqlx::Result<Vec<Bulk>> {
    let mut sql =
        Sql::new("SELECT * FROM bulk WHERE state IN ('running', 'paused') AND account_id = ");
    sql.bind(account_id.to_owned());
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// A team's bulk sends (of a department's accounts where one is named), newest first, older than the
/// one with id `before` where it is not empty.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    department_id: &str,
    before: &str,
    limit: i64,
) -> sqlx::Result<Vec<Bulk>> {
    let mut sql = Sql::new(OF_TEAM);
    sql.bind(team_id.to_owned());
    narrow(&mut sql, "account_id", team_id, department_id);
    if !before.is_empty() {
        sql.push(" AND id < ").bind(before.to_owned());
    }
    sql.push(" ORDER BY id DESC LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Its recipients from a number on.
pub async fn recipients(
    conn: &mut Conn,
    bulk_id: &str,
    from: i64,
    limit: i64,
) -> sqlx::Result<Vec<Recipient>> {
    let mut sql = Sql::new("SELECT * FROM bulk_recipient WHERE bulk_id = ");
    sql.bind(bulk_id.to_owned()).push(" AND number >= ").bind(from);
    sql.push(" ORDER BY number LIMIT ").bind(limit);
    let found = sql.fetch(conn).await?;
    found
        .iter()
        .map(|row| {
            Ok(Recipient {
                number: row.int("number")?,
                recipient: row.text("recipient")?,
                variables: row.text("variables")?,
                message_id: row.text("message_id")?,
            })
        })
        .collect()
}

/// The messages of these recipients are queued.
pub async fn set_messages(
    conn: &mut Conn,
    bulk_id: &str,
    queued: &[Recipient],
) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE bulk_recipient SET message_id = v.column3 FROM (VALUES",
        ") AS v WHERE bulk_recipient.bulk_id = v.column1 AND bulk_recipient.number = v.column2",
        queued,
        |row, one| {
            row.text(bulk_id).add(one.number).text(&one.message_id);
        },
    )
    .await?;
    Ok(())
}

/// Write how far it is.
pub async fn set_progress(conn: &mut Conn, bulk: &Bulk) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE bulk SET state = ");
    sql.bind(bulk.state.clone()).push(", next_index = ").bind(bulk.next_index);
    sql.push(", revision = ").bind(bulk.revision).push(" WHERE id = ").bind(bulk.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// The account sends nothing more: its bulk sends that are not over are cancelled, with their jobs.
pub async fn cancel_all(conn: &mut Conn, account_id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new(
        "UPDATE bulk SET state = 'cancelled', revision = revision + 1 WHERE state IN ('running', 'paused') \
         AND account_id = ",
    );
    sql.bind(account_id.to_owned());
    sql.execute(conn).await?;
    let mut sql =
        Sql::new("DELETE FROM job WHERE kind = 'bulk' AND head IN (0, 1) AND account_id = ");
    sql.bind(account_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// How many of its messages have each status; those that were forgotten are in none.
pub async fn counts(conn: &mut Conn, bulk_id: &str) -> sqlx::Result<Vec<(Status, i64)>> {
    let mut sql = Sql::new(
        "SELECT message.status AS status, COUNT(*) AS messages FROM bulk_recipient \
         JOIN message ON message.id = bulk_recipient.message_id WHERE bulk_recipient.bulk_id = ",
    );
    sql.bind(bulk_id.to_owned()).push(" GROUP BY message.status");
    let found = sql.fetch(conn).await?;
    found.iter().map(|row| Ok((row.word("status")?, row.int("messages")?))).collect()
}

/// Its messages that wait to be sent.
pub async fn pending(conn: &mut Conn, bulk_id: &str) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new(
        "SELECT message.id AS id FROM bulk_recipient JOIN message ON message.id = bulk_recipient.message_id \
         WHERE message.rank = 0 AND bulk_recipient.bulk_id = ",
    );
    sql.bind(bulk_id.to_owned());
    sql.fetch(conn).await?.iter().map(|row| row.text("id")).collect()
}
