//! Lists of messages, newest first.

use super::from_row;
use crate::model::{Direction, Message, Millis, Status};
use crate::store::sql::Sql;
use crate::store::{Conn, forget};

/// Which messages to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Empty for any, as are the next two.
    pub account: String,
    pub chat: String,
    pub contact: String,
    pub status: Option<Status>,
    pub direction: Option<Direction>,
    /// Pending messages that are due later than this.
    pub scheduled_after: Option<Millis>,
}

/// A team's messages, newest first, older than the message `before` where it is not empty.
pub async fn find(
    conn: &mut Conn,
    team_id: &str,
    filter: &Filter,
    before: &str,
    limit: i64,
) -> sqlx::Result<Vec<Message>> {
    let mut sql = Sql::new("SELECT * FROM message WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(&forget::shown("message"));
    for (column, value) in [("account_id", &filter.account), ("chat_id", &filter.chat)] {
        if !value.is_empty() {
            sql.push(" AND ").push(column).push(" = ").bind(value.clone());
        }
    }
    if !filter.contact.is_empty() {
        sql.push(" AND chat_id IN (SELECT id FROM chat WHERE contact_id = ");
        sql.bind(filter.contact.clone()).push(")");
    }
    match filter.status {
        // Written out: these two have an index of their own.
        Some(Status::Pending) => sql.push(" AND rank = 0"),
        Some(Status::Error) => sql.push(" AND rank = 2"),
        Some(status) => sql.push(" AND status = ").bind(status.as_str().to_owned()),
        None => &mut sql,
    };
    if let Some(direction) = filter.direction {
        sql.push(" AND direction = ").bind(direction.as_str().to_owned());
    }
    if let Some(moment) = filter.scheduled_after {
        sql.push(" AND rank = 0 AND due_at > ").bind(moment);
    }
    if !before.is_empty() {
        sql.push(" AND place < (SELECT place FROM message AS mark WHERE mark.id = ")
            .bind(before.to_owned())
            .push(" AND mark.team_id = ")
            .bind(team_id.to_owned())
            .push(")");
    }
    sql.push(" ORDER BY place DESC LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// The newest messages between an account and a phone number, oldest first.
pub async fn with_phone(
    conn: &mut Conn,
    account_id: &str,
    phone: &str,
    limit: i64,
) -> sqlx::Result<Vec<Message>> {
    let mut sql = Sql::new(
        "SELECT message.* FROM message JOIN chat ON chat.id = message.chat_id \
         JOIN contact ON contact.id = chat.contact_id WHERE chat.account_id = ",
    );
    sql.bind(account_id.to_owned()).push(" AND contact.phone = ").bind(phone.to_owned());
    sql.push(" ORDER BY message.place DESC LIMIT ").bind(limit);
    let mut newest =
        sql.fetch(conn).await?.iter().map(from_row).collect::<sqlx::Result<Vec<_>>>()?;
    newest.reverse();
    Ok(newest)
}
