//! Messages, in and out.

mod change;
mod listing;
mod quota;

use std::collections::{HashMap, HashSet};

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, rows, with_list};
use super::{Conn, chat, contact, forget, search};
use crate::model::{Chat, Contact, Content, Direction, Message, Millis, Status, Trace};

pub use change::{edit, forgettable, pending_of, retry, set_content};
pub use listing::{Filter, find, with_phone};
pub use quota::{Quota, counted, known_clients, options, set_options};

/// What a queued message still needs when it is sent.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    pub typing: bool,
    pub randomise: bool,
    /// The bulk send that it is one of; empty where it is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bulk: String,
    #[serde(default)]
    pub quota: Quota,
    /// What was asked under the caller's own id, as a hash; empty where none was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_hash: String,
}

/// A message to write, with what only its row knows.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub message: Message,
    /// Its place in the chat's history.
    pub place: i64,
    /// The caller's own id, against doubles.
    pub client_id: Option<String>,
    pub options: Options,
    pub cancel_if_replied: bool,
    /// It tells the contact that it was opted out, and may leave all the same.
    pub opt_out_notice: bool,
}

pub fn from_row(row: &AnyRow) -> sqlx::Result<Message> {
    Ok(Message {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        account_id: row.text("account_id")?,
        chat_id: row.text("chat_id")?,
        contact_id: row.text("contact_id")?,
        direction: row.word("direction")?,
        content: row.json("content")?,
        status: row.word("status")?,
        provider_id: row.maybe_text("provider_id")?.unwrap_or_default(),
        reply_to: row.text("reply_to")?,
        due_at: row.int("due_at")?,
        created_at: row.int("created_at")?,
        sent_at: row.maybe_int("sent_at")?,
        error_code: row.text("error_code")?,
        error_message: row.text("error_message")?,
        possible_duplicate: row.int("possible_duplicate")? != 0,
        depth: row.int("depth")?,
        trace: Trace::kept(row.text("trace")?, &row.text("cause")?),
    })
}

/// Add messages; those whose provider id or client id the account has already are left out. Gives
/// the ids of those added. From then on their words are found.
pub async fn insert(conn: &mut Conn, messages: &[NewMessage]) -> sqlx::Result<HashSet<String>> {
    let returned = rows(
        conn,
        "INSERT INTO message (id, team_id, account_id, chat_id, contact_id, place, direction, content, status, rank, \
         provider_id, client_id, reply_to, due_at, created_at, sent_at, error_code, error_message, possible_duplicate, \
         depth, options, cancel_if_replied, opt_out_notice, media_id, trace, cause) VALUES",
        "ON CONFLICT DO NOTHING RETURNING id",
        messages,
        |row, new| {
            let m = &new.message;
            row.text(&m.id).text(&m.team_id).text(&m.account_id).text(&m.chat_id).text(&m.contact_id);
            row.add(new.place).text(m.direction.as_str()).text(json(&m.content)).text(m.status.as_str());
            row.add(m.status.rank()).add(Some(m.provider_id.clone()).filter(|id| !id.is_empty()));
            row.add(new.client_id.clone()).text(&m.reply_to).add(m.due_at).add(m.created_at).add(m.sent_at);
            row.text(&m.error_code).text(&m.error_message).truth(m.possible_duplicate).add(m.depth);
            row.text(json(&new.options)).truth(new.cancel_if_replied).truth(new.opt_out_notice);
            row.text(file_of(&m.content)).text(&m.trace.root).text(m.trace.cause());
        },
    )
    .await?;
    let added = returned.iter().map(|row| row.text("id")).collect::<sqlx::Result<HashSet<_>>>()?;
    search::add(conn, messages.iter().filter(|new| added.contains(&new.message.id))).await?;
    Ok(added)
}

/// The stored file that a content names; empty where none.
pub(super) fn file_of(content: &Content) -> &str {
    content.media().and_then(|media| media.id.as_deref()).unwrap_or_default()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Message>> {
    let mut sql = Sql::new("SELECT * FROM message WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.push(&forget::shown("message"));
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// A team's messages that came of this root, or are it; in order of their ids, at most `limit`.
pub async fn of_trace(
    conn: &mut Conn,
    team_id: &str,
    root: &str,
    limit: i64,
) -> sqlx::Result<Vec<Message>> {
    let mut sql = forget::of_trace("message", team_id, root);
    sql.push(&forget::shown("message")).push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// The message that carries the caller's own id on an account, and what was asked under it.
pub async fn by_client_id(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
    client_id: &str,
) -> sqlx::Result<Option<(Message, String)>> {
    let mut sql = Sql::new("SELECT * FROM message WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND account_id = ").bind(account_id.to_owned());
    sql.push(" AND client_id = ").bind(client_id.to_owned()).push(&forget::shown("message"));
    let Some(row) = sql.fetch_one(conn).await? else { return Ok(None) };
    Ok(Some((from_row(&row)?, row.json::<Options>("options")?.request_hash)))
}

/// A message on its way out, with what the send claim must check.
#[derive(Clone, Debug)]
pub struct Sendable {
    pub message: Message,
    pub options: Options,
    pub chat: Chat,
    pub contact: Contact,
    /// It tells the contact that it was opted out, and may leave all the same.
    pub opt_out_notice: bool,
    /// The channel's id of the message that it answers; empty where none.
    pub reply_to_provider: String,
}

/// What is needed to send these messages, of any team: their jobs carry the team.
pub async fn sendable(conn: &mut Conn, ids: &[String]) -> sqlx::Result<HashMap<String, Sendable>> {
    let found = with_list(
        conn,
        "SELECT message.*, answered.provider_id AS answered_provider_id FROM message \
         LEFT JOIN message AS answered ON answered.id = message.reply_to AND answered.team_id = message.team_id \
         WHERE message.id IN",
        ids,
        "",
    )
    .await?;
    let messages = found.iter().map(from_row).collect::<sqlx::Result<Vec<_>>>()?;
    let mut chats: Vec<String> = messages.iter().map(|message| message.chat_id.clone()).collect();
    let mut contacts: Vec<String> =
        messages.iter().map(|message| message.contact_id.clone()).collect();
    for ids in [&mut chats, &mut contacts] {
        ids.sort_unstable();
        ids.dedup();
    }
    let (chats, contacts) =
        (chat::by_ids(conn, &chats).await?, contact::by_ids(conn, &contacts).await?);
    let mut sendable = HashMap::new();
    for (row, message) in found.iter().zip(messages) {
        let (Some(chat), Some(contact)) =
            (chats.get(&message.chat_id), contacts.get(&message.contact_id))
        else {
            continue;
        };
        let one = Sendable {
            chat: chat.clone(),
            contact: contact.clone(),
            message,
            options: row.json("options")?,
            opt_out_notice: row.int("opt_out_notice")? != 0,
            reply_to_provider: row.maybe_text("answered_provider_id")?.unwrap_or_default(),
        };
        sendable.insert(one.message.id.clone(), one);
    }
    Ok(sendable)
}

/// How a message moves forward.
#[derive(Clone, Debug)]
pub struct Forward {
    pub id: String,
    pub status: Status,
    /// Empty: as it was.
    pub provider_id: String,
    /// Set where the message left just now.
    pub sent_at: Option<Millis>,
    pub error_code: String,
    pub error_message: String,
    pub possible_duplicate: bool,
}

impl Forward {
    /// To a status, with nothing else to say.
    pub fn to(id: &str, status: Status) -> Self {
        Self {
            id: id.to_owned(),
            status,
            provider_id: String::new(),
            sent_at: None,
            error_code: String::new(),
            error_message: String::new(),
            possible_duplicate: false,
        }
    }
}

/// Move messages forward; a status that ranks no higher is ignored. Gives the ids of those that
/// moved. One entry per message, please.
pub async fn forward(conn: &mut Conn, moves: &[Forward]) -> sqlx::Result<HashSet<String>> {
    let returned = rows(
        conn,
        "UPDATE message SET status = v.column2, rank = v.column3, \
         provider_id = CASE WHEN v.column4 = '' THEN message.provider_id ELSE v.column4 END, \
         sent_at = COALESCE(message.sent_at, v.column5), error_code = v.column6, error_message = v.column7, \
         possible_duplicate = CASE WHEN v.column8 = 1 THEN 1 ELSE message.possible_duplicate END FROM (VALUES",
        ") AS v WHERE message.id = v.column1 AND message.rank < v.column3 RETURNING message.id",
        moves,
        |row, m| {
            row.text(&m.id).text(m.status.as_str()).add(m.status.rank()).text(&m.provider_id).add(m.sent_at);
            row.text(&m.error_code).text(&m.error_message).truth(m.possible_duplicate);
        },
    )
    .await?;
    returned.iter().map(|row| row.text("id")).collect()
}

/// A resend begins: the customer may get it twice.
pub async fn mark_possible_duplicate(conn: &mut Conn, id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE message SET possible_duplicate = 1 WHERE id = ");
    sql.bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// Our own send became known after a status had overtaken it: keep the channel's id and the time.
pub async fn note_sent(conn: &mut Conn, moves: &[Forward]) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE message SET provider_id = COALESCE(message.provider_id, v.column2), \
         sent_at = COALESCE(message.sent_at, v.column3) FROM (VALUES",
        ") AS v WHERE message.id = v.column1",
        moves,
        |row, m| {
            row.text(&m.id).text(&m.provider_id).add(m.sent_at);
        },
    )
    .await?;
    Ok(())
}

/// Outgoing messages by the channel's ids, on one account.
pub async fn by_provider_ids(
    conn: &mut Conn,
    account_id: &str,
    ids: &[String],
) -> sqlx::Result<Vec<Message>> {
    let mut found = Vec::new();
    for part in ids.chunks(512) {
        let mut sql = Sql::new("SELECT * FROM message WHERE account_id = ");
        sql.bind(account_id.to_owned()).push(" AND provider_id IN ").bind_list(part);
        for row in sql.fetch(conn).await? {
            found.push(from_row(&row)?);
        }
    }
    Ok(found)
}

/// Messages by our ids, of any team: for statuses, which carry our id and their account.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<Vec<Message>> {
    with_list(conn, "SELECT * FROM message WHERE id IN", ids, "")
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// Pending messages of these chats that were to be dropped if the customer wrote.
pub async fn cancellable(conn: &mut Conn, chat_ids: &[String]) -> sqlx::Result<Vec<String>> {
    let found = with_list(
        conn,
        "SELECT id FROM message WHERE cancel_if_replied = 1 AND rank = 0 AND chat_id IN",
        chat_ids,
        "",
    )
    .await?;
    found.iter().map(|row| row.text("id")).collect()
}

/// How many messages there are by direction and status, of one team.
pub async fn counts(conn: &mut Conn, team_id: &str) -> sqlx::Result<Vec<(Direction, Status, i64)>> {
    let mut sql =
        Sql::new("SELECT direction, status, COUNT(*) AS messages FROM message WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" GROUP BY direction, status ORDER BY direction, status");
    let found = sql.fetch(conn).await?;
    found
        .iter()
        .map(|row| Ok((row.word("direction")?, row.word("status")?, row.int("messages")?)))
        .collect()
}
