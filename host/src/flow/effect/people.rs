//! Effects on people and chats: tags, names, opt-in and opt-out, who answers.

use serde_json::{Value, json};

use crate::flow::House;
use crate::model::{Effect, Event, EventKind, OptIn};
use crate::store::contact::Change;
use crate::store::team::Numbers;
use crate::store::{Conn, chat, contact};

/// Apply one such effect; gives the event that tells of it, where anything changed.
pub async fn apply(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    cause: &Event,
    effect: &Effect,
) -> anyhow::Result<Option<Event>> {
    let team_id = &cause.team_id;
    let told = match effect {
        Effect::Tag { contact_id, tag, value } => {
            if contact::get(conn, team_id, contact_id).await?.is_none() {
                return Ok(None);
            }
            contact::set_tag(conn, contact_id, tag, value.as_deref()).await?;
            Some((EventKind::CONTACT_UPDATED, contact_id, json!({ "tag": tag, "value": value })))
        }
        Effect::Rename { contact_id, name } => {
            let change = Change { name: Some(name.clone()), ..Change::default() };
            contact::change(conn, team_id, contact_id, &change)
                .await?
                .then(|| (EventKind::CONTACT_UPDATED, contact_id, json!({ "name": name })))
        }
        Effect::Consent { contact_id, opt_in, reason } => {
            let kind = if *opt_in == OptIn::Out {
                EventKind::CONTACT_OPTED_OUT
            } else {
                EventKind::CONTACT_OPTED_IN
            };
            contact::set_opt_in(conn, team_id, contact_id, *opt_in)
                .await?
                .then(|| (kind, contact_id, json!({ "reason": reason })))
        }
        Effect::Assign { chat_id, who, reason } => {
            chat::assign(conn, team_id, chat_id, who).await?.then(|| {
                (
                    EventKind::CHAT_ASSIGNED,
                    &cause.contact_id,
                    json!({ "assigned": who, "reason": reason }),
                )
            })
        }
        _ => None,
    };
    Ok(told.map(|(kind, contact_id, data)| Event {
        contact_id: contact_id.clone(),
        ..event(house, numbers, cause, kind, data)
    }))
}

/// An event that another one caused, one step further from the customer's act.
pub fn event(
    house: &House,
    numbers: &mut Numbers,
    cause: &Event,
    kind: &str,
    data: Value,
) -> Event {
    Event {
        id: house.clock.id("evt"),
        team_id: cause.team_id.clone(),
        cursor: numbers.next(&cause.team_id),
        kind: kind.to_owned(),
        account_id: cause.account_id.clone(),
        chat_id: cause.chat_id.clone(),
        contact_id: cause.contact_id.clone(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: cause.depth + 1,
        data,
        trace: cause.trace.onward(&cause.id, 0),
    }
}
