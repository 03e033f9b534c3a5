//! A phone's history: stored in sets, for those whose tier has it, and told to nobody, since it is no
//! news.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::flow::House;
use crate::flow::inbound::new_chat;
use crate::flow::send::is_phone;
use crate::model::{Account, Chat, Direction, Message, Past, Removal, Status};
use crate::store::message::{NewMessage, Options};
use crate::store::{Conn, account, chat, contact, history, team};

/// Store one set of a history, newest first; `last`: no other follows. False where the account takes
/// no more: its tier has none, or it has as many as its tier allows.
pub async fn sync(
    house: &House,
    account_id: &str,
    past: &[Past],
    last: bool,
) -> anyhow::Result<bool> {
    let found = account::by_ids(&mut *house.store.read().await?, &[account_id.to_owned()]).await?;
    let Some(team_id) = found.into_iter().next().map(|account| account.team_id) else {
        return Ok(false);
    };
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.clone(), 1)])).await?;
    let Some(account) = account::get(&mut tx, &team_id, account_id).await? else {
        return Ok(false);
    };
    if account.removing != Removal::Nothing {
        anyhow::bail!("what came with an earlier login is still being removed");
    }
    let room = house.config.billing.terms(account.tier).history - account.synced_messages;
    if house.config.billing.terms(account.tier).history == 0 || account.is_archived() {
        return Ok(false);
    }
    let known = history::known(&mut tx, account_id, past).await?;
    let past: Vec<&Past> = past
        .iter()
        .filter(|past| is_phone(&past.phone) && !known.contains(&past.provider_id))
        .take(usize::try_from(room).unwrap_or(0))
        .collect();
    let stored = store(house, &mut tx, &account, &past).await?;
    let full = i64::try_from(past.len()).unwrap_or(i64::MAX) >= room;
    let done = (last || full).then(|| house.clock.now());
    account::add_synced(&mut tx, account_id, stored, done).await?;
    house.commit(tx).await?;
    Ok(!full)
}

/// Write contacts, chats and messages; gives how many messages were new.
async fn store(
    house: &House,
    conn: &mut Conn,
    account: &Account,
    past: &[&Past],
) -> anyhow::Result<i64> {
    let mut wanted = BTreeMap::new();
    for one in past {
        wanted.entry(&one.phone).or_insert_with(|| contact::Wanted {
            team_id: account.team_id.clone(),
            phone: one.phone.clone(),
            name: one.name.replace('\0', ""),
            new_id: house.clock.id("con"),
            now: house.clock.now(),
        });
    }
    let contacts = contact::ensure(conn, &wanted.into_values().collect::<Vec<_>>()).await?;
    let chats: BTreeMap<&str, Chat> = contacts
        .values()
        .map(|contact| (contact.id.as_str(), new_chat(house, account, &contact.id)))
        .collect();
    let made: HashSet<String> = chats.values().map(|chat| chat.id.clone()).collect();
    let chats = chat::ensure(conn, &chats.into_values().collect::<Vec<_>>()).await?;
    let mut rows = Vec::with_capacity(past.len());
    for (index, one) in past.iter().enumerate() {
        let contact = &contacts[&(account.team_id.clone(), one.phone.clone())];
        let chat = &chats[&(account.id.clone(), contact.id.clone())];
        rows.push(row(house, account, chat, one, past.len() - index));
    }
    let stored = history::insert(conn, &rows).await?;
    let new: Vec<String> =
        chats.into_values().map(|chat| chat.id).filter(|id| made.contains(id)).collect();
    history::mark_chats(conn, &new).await?;
    touch(conn, &rows).await?;
    Ok(i64::try_from(stored.len()).unwrap_or(i64::MAX))
}

fn row(house: &House, account: &Account, chat: &Chat, past: &Past, index: usize) -> NewMessage {
    let message = Message {
        id: house.clock.id("msg"),
        team_id: account.team_id.clone(),
        account_id: account.id.clone(),
        chat_id: chat.id.clone(),
        contact_id: chat.contact_id.clone(),
        direction: if past.from_me { Direction::Out } else { Direction::In },
        content: past.content.clone(),
        // Both sides have it.
        status: Status::Read,
        provider_id: past.provider_id.clone(),
        reply_to: String::new(),
        due_at: past.at,
        created_at: house.clock.now(),
        sent_at: Some(past.at),
        error_code: String::new(),
        error_message: String::new(),
        possible_duplicate: false,
        depth: 0,
        trace: Default::default(),
    };
    NewMessage {
        message,
        place: history::place(past.at, index),
        client_id: None,
        options: Options::default(),
        cancel_if_replied: false,
        opt_out_notice: false,
    }
}

/// Chats show when they were last used; nothing of it is unread.
async fn touch(conn: &mut Conn, rows: &[NewMessage]) -> anyhow::Result<()> {
    let mut touches: HashMap<&str, chat::Touch> = HashMap::new();
    for NewMessage { message, .. } in rows {
        let touch = touches.entry(&message.chat_id).or_insert_with(|| chat::Touch {
            chat_id: message.chat_id.clone(),
            unread: 0,
            last_message_at: 0,
            last_inbound_at: 0,
        });
        touch.last_message_at = touch.last_message_at.max(message.due_at);
        if message.direction == Direction::In {
            touch.last_inbound_at = touch.last_inbound_at.max(message.due_at);
        }
    }
    chat::touch(conn, &touches.into_values().collect::<Vec<_>>()).await?;
    Ok(())
}
