//! What a phone brings along when it logs in: chats and messages that are no news.

use std::collections::HashSet;

use super::message::{self, NewMessage};
use super::sql::{Column, Sql, rows, with_list};
use super::{Conn, search};
use crate::model::{Millis, Past};

/// The place of a past message: by its time, and before every place that a team's counter gives.
/// `index` keeps those of one moment apart.
pub fn place(at: Millis, index: usize) -> i64 {
    const BEFORE_ALL: i64 = 1_000_000_000_000_000_000;
    let moment = at.clamp(0, 100_000_000_000_000) * 1000;
    moment + i64::try_from(index % 1000).unwrap_or(0) - BEFORE_ALL
}

/// Add messages of a history; those that the account has already are left out. Gives the ids of those added.
pub async fn insert(conn: &mut Conn, past: &[NewMessage]) -> sqlx::Result<HashSet<String>> {
    let returned = rows(
        conn,
        "INSERT INTO message (id, team_id, account_id, chat_id, contact_id, place, direction, content, status, rank, \
         provider_id, reply_to, due_at, created_at, sent_at, error_code, error_message, possible_duplicate, depth, \
         options, cancel_if_replied, opt_out_notice, synced, media_id) VALUES",
        "ON CONFLICT DO NOTHING RETURNING id",
        past,
        |row, NewMessage { message: m, place, .. }| {
            row.text(&m.id).text(&m.team_id).text(&m.account_id).text(&m.chat_id).text(&m.contact_id);
            row.add(*place).text(m.direction.as_str());
            row.text(serde_json::to_string(&m.content).unwrap_or_default()).text(m.status.as_str());
            row.add(m.status.rank()).text(&m.provider_id).text("").add(m.due_at).add(m.created_at);
            row.add(m.sent_at).text("").text("").truth(false).add(0_i64).text("{}").truth(false);
            row.truth(false).truth(true).text(message::file_of(&m.content));
        },
    )
    .await?;
    let added: HashSet<String> =
        returned.iter().map(|row| row.text("id")).collect::<sqlx::Result<_>>()?;
    search::add(conn, past.iter().filter(|new| added.contains(&new.message.id))).await?;
    Ok(added)
}

/// Which of these the account has already, by the channel's id.
pub async fn known(
    conn: &mut Conn,
    account_id: &str,
    past: &[Past],
) -> sqlx::Result<HashSet<String>> {
    let ids: Vec<&str> = past.iter().map(|past| past.provider_id.as_str()).collect();
    let mut known = HashSet::new();
    for part in ids.chunks(512) {
        let mut sql = Sql::new("SELECT provider_id FROM message WHERE account_id = ");
        sql.bind(account_id.to_owned()).push(" AND provider_id IN ").bind_list(part);
        for row in sql.fetch(conn).await? {
            known.insert(row.text("provider_id")?);
        }
    }
    Ok(known)
}

/// Mark chats that came with a history.
pub async fn mark_chats(conn: &mut Conn, chat_ids: &[String]) -> sqlx::Result<()> {
    with_list(conn, "UPDATE chat SET synced = 1 WHERE id IN", chat_ids, "").await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_before_all_that_comes_by_itself_and_in_order() {
        let places = [
            place(0, 0),
            place(1_700_000_000_000, 0),
            place(1_700_000_000_000, 7),
            place(i64::MAX, 999),
        ];
        assert!(places.is_sorted_by(|a, b| a < b));
        assert!(places.iter().all(|place| *place < 0));
    }
}
