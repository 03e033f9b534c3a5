//! Signs to customers: that we read what they wrote, that somebody is typing.

use serde_json::json;

use super::House;
use crate::model::{Direction, JobKind};
use crate::store::job::Job;
use crate::store::{Conn, chat, message};

/// The job that tells the customer that we read a message; none where it is not theirs.
pub async fn read_signal(
    house: &House,
    conn: &mut Conn,
    team_id: &str,
    message_id: &str,
) -> anyhow::Result<Option<Job>> {
    let found = message::get(conn, team_id, message_id).await?;
    let Some(message) = found.filter(|message| message.direction == Direction::In) else {
        return Ok(None);
    };
    chat::mark_read(conn, team_id, &message.chat_id).await?;
    let payload = json!({ "signal": "read", "provider_id": message.provider_id, "contact_id": message.contact_id });
    Ok(Some(signal(house, team_id, &message.account_id, payload)))
}

/// The job that shows "typing…" in a chat; none where there is no such chat.
pub async fn typing_signal(
    house: &House,
    conn: &mut Conn,
    team_id: &str,
    chat_id: &str,
) -> anyhow::Result<Option<Job>> {
    let Some(chat) = chat::get(conn, team_id, chat_id).await? else { return Ok(None) };
    let payload = json!({ "signal": "typing", "contact_id": chat.contact_id });
    Ok(Some(signal(house, team_id, &chat.account_id, payload)))
}

/// A sign stands in no line: it is worth nothing later.
fn signal(house: &House, team_id: &str, account_id: &str, payload: serde_json::Value) -> Job {
    Job {
        place: 1,
        account_id: account_id.to_owned(),
        payload: payload.to_string(),
        ..Job::new(house.clock.id("job"), team_id, JobKind::Send, house.clock.now())
    }
}
