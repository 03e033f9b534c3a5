//! Lists of messages, newest first.
//!
//! Messages are indexed by chat, by account and by team, each in the order of their places. A list
//! over several chats or accounts reads the newest page of each by its index, and puts those together:
//! it costs what its page does, however many messages there are.

use super::from_row;
use crate::model::{Direction, Message, Millis, Status};
use crate::store::department::narrow;
use crate::store::sql::{Column, Sql};
use crate::store::{Conn, forget};

/// Which messages to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this department's accounts. Empty for any, as are the next three.
    pub department: String,
    pub account: String,
    pub chat: String,
    pub contact: String,
    pub status: Option<Status>,
    pub direction: Option<Direction>,
    /// Pending messages that are due later than this.
    pub scheduled_after: Option<Millis>,
}

impl Filter {
    /// The messages of one chat.
    pub fn chat(id: &str) -> Self {
        Self { chat: id.to_owned(), ..Self::default() }
    }

    /// Those that an index of their own holds for the whole team.
    fn is_of_few(&self) -> bool {
        self.scheduled_after.is_some()
            || matches!(self.status, Some(Status::Pending | Status::Error))
    }
}

/// Messages that one index holds in order of their places.
struct Run {
    column: &'static str,
    id: String,
}

/// Runs that are read by one statement.
const RUNS: usize = 64;

/// A team's messages, newest first, older than the message `before` where it is not empty.
pub async fn find(
    conn: &mut Conn,
    team_id: &str,
    filter: &Filter,
    before: &str,
    limit: i64,
) -> sqlx::Result<Vec<Message>> {
    let before = match before {
        "" => None,
        id => match place_of(conn, team_id, id).await? {
            None => return Ok(Vec::new()),
            place => place,
        },
    };
    let runs = runs(conn, team_id, filter).await?;
    let mut found = Vec::new();
    for set in runs.chunks(RUNS) {
        let mut sql = Sql::default();
        sql.push("SELECT * FROM (");
        for (index, run) in set.iter().enumerate() {
            sql.push(if index == 0 { "" } else { " UNION ALL " });
            sql.push("SELECT * FROM (SELECT * FROM message WHERE ").push(run.column);
            sql.push(" = ").bind(run.id.clone());
            conditions(&mut sql, team_id, filter);
            if let Some(place) = before {
                sql.push(" AND place < ").bind(place);
            }
            sql.push(" ORDER BY place DESC LIMIT ").bind(limit).push(") AS newest");
        }
        sql.push(") AS page ORDER BY place DESC LIMIT ").bind(limit);
        for row in sql.fetch(conn).await? {
            found.push((row.int("place")?, from_row(&row)?));
        }
    }
    found.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    found.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(found.into_iter().map(|(_, message)| message).collect())
}

async fn place_of(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<i64>> {
    let mut sql = Sql::new("SELECT place FROM message WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.map(|row| row.int("place")).transpose()
}

/// The runs in which all that is asked for lies. Each is the team's own: it was looked up so.
async fn runs(conn: &mut Conn, team_id: &str, filter: &Filter) -> sqlx::Result<Vec<Run>> {
    let Filter { department, account, chat, contact, .. } = filter;
    let (mut sql, column) = if !chat.is_empty() || !contact.is_empty() {
        let mut sql = Sql::new("SELECT id FROM chat WHERE team_id = ");
        sql.bind(team_id.to_owned());
        equal(&mut sql, &[("id", chat), ("contact_id", contact), ("account_id", account)]);
        narrow(&mut sql, "account_id", team_id, department);
        (sql, "chat_id")
    } else if !filter.is_of_few() && (!account.is_empty() || !department.is_empty()) {
        let mut sql = Sql::new("SELECT id FROM account WHERE team_id = ");
        sql.bind(team_id.to_owned());
        equal(&mut sql, &[("id", account), ("department_id", department)]);
        (sql, "account_id")
    } else {
        return Ok(vec![Run { column: "team_id", id: team_id.to_owned() }]);
    };
    sql.push(" ORDER BY id");
    let found = sql.fetch(conn).await?;
    found.iter().map(|row| Ok(Run { column, id: row.text("id")? })).collect()
}

fn equal(sql: &mut Sql, wanted: &[(&str, &String)]) {
    for (column, value) in wanted.iter().filter(|(_, value)| !value.is_empty()) {
        sql.push(" AND ").push(column).push(" = ").bind((*value).clone());
    }
}

/// What a run does not say by itself.
fn conditions(sql: &mut Sql, team_id: &str, filter: &Filter) {
    sql.push(&forget::shown("message"));
    if filter.is_of_few() && filter.chat.is_empty() && filter.contact.is_empty() {
        equal(sql, &[("account_id", &filter.account)]);
        narrow(sql, "account_id", team_id, &filter.department);
    }
    match filter.status {
        // Written out: these three have an index of their own.
        Some(Status::Pending) => sql.push(" AND rank = 0"),
        Some(Status::Error) => sql.push(" AND rank = 2"),
        Some(Status::Note) => sql.push(" AND status = 'note'"),
        Some(status) => sql.push(" AND status = ").bind(status.as_str().to_owned()),
        None => sql,
    };
    if let Some(direction) = filter.direction {
        sql.push(" AND direction = ").bind(direction.as_str().to_owned());
    }
    if let Some(moment) = filter.scheduled_after {
        sql.push(" AND rank = 0 AND due_at > ").bind(moment);
    }
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
