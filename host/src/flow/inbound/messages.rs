//! Messages from customers: contact, chat, message, event and jobs.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Context;

use super::senders;
use crate::flow::{House, conversations, record, send};
use crate::model::{
    Account, Chat, Content, Direction, Event, EventKind, InboundMessage, Message, Status, Trace,
};
use crate::store::job::Withdrawn;
use crate::store::message::{NewMessage, Options};
use crate::store::team::Numbers;
use crate::store::{Conn, chat, contact, message};

/// Write a set. Gives the lanes to promote, and what must be held until the commit has ended.
pub async fn store(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    items: &[(&Account, &InboundMessage)],
) -> anyhow::Result<(Vec<String>, Option<Withdrawn>)> {
    if items.is_empty() {
        return Ok((Vec::new(), None));
    }
    let (contacts, merges) = senders::of(house, conn, items).await?;
    let chats = chats_of(house, conn, items, &contacts).await?;
    let answered = answered(conn, items).await?;
    let mut new = Vec::with_capacity(items.len());
    for ((account, item), contact) in items.iter().zip(&contacts) {
        let chat = &chats[&(account.id.clone(), contact.clone())];
        let place = numbers.next(&account.team_id);
        let reply_to = answered
            .get(&(account.id.as_str(), item.reply_to.as_str()))
            .cloned()
            .unwrap_or_default();
        new.push(row(house, item, chat, place, reply_to));
    }
    let stored = message::insert(conn, &new).await?;
    new.retain(|new| stored.contains(&new.message.id));
    new.iter().for_each(|new| house.spans.message(&new.message));
    touch(conn, house, items, &contacts, &new).await?;
    conversations::opened_by_customers(house, conn, items, &new).await?;
    let withdrawn = cancel_if_replied(house, conn, &new).await?;
    let firsts = firsts(conn, &chats, &merges, &new).await?;
    let mut lanes = record_received(house, conn, &new, &firsts).await?;
    lanes.extend(withdrawn.iter().flat_map(|withdrawn| withdrawn.lanes.clone()));
    Ok((lanes, withdrawn))
}

async fn chats_of(
    house: &House,
    conn: &mut Conn,
    items: &[(&Account, &InboundMessage)],
    contacts: &[String],
) -> anyhow::Result<HashMap<(String, String), Chat>> {
    let mut wanted = BTreeMap::new();
    for ((account, _), contact) in items.iter().zip(contacts) {
        wanted
            .entry((account.id.clone(), contact.clone()))
            .or_insert_with(|| new_chat(house, account, contact));
    }
    Ok(chat::ensure(conn, &wanted.into_values().collect::<Vec<_>>()).await?)
}

/// A chat that nobody has written in yet.
pub fn new_chat(house: &House, account: &Account, contact_id: &str) -> Chat {
    Chat {
        id: house.clock.id("chat"),
        team_id: account.team_id.clone(),
        account_id: account.id.clone(),
        contact_id: contact_id.to_owned(),
        ..Chat::default()
    }
}

/// Our ids of the messages that these answer, by account and the channel's id.
async fn answered<'a>(
    conn: &mut Conn,
    items: &[(&'a Account, &'a InboundMessage)],
) -> anyhow::Result<HashMap<(&'a str, &'a str), String>> {
    let mut asked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (account, item) in items.iter().filter(|(_, item)| !item.reply_to.is_empty()) {
        asked.entry(&account.id).or_default().push(item.reply_to.clone());
    }
    let mut answered = HashMap::new();
    for (account_id, provider_ids) in asked {
        let found = message::by_provider_ids(conn, account_id, &provider_ids).await?;
        for (account, item) in items.iter().filter(|(account, _)| account.id == account_id) {
            if let Some(message) = found.iter().find(|message| message.provider_id == item.reply_to)
            {
                answered.insert((account.id.as_str(), item.reply_to.as_str()), message.id.clone());
            }
        }
    }
    Ok(answered)
}

fn row(
    house: &House,
    item: &InboundMessage,
    chat: &Chat,
    place: i64,
    reply_to: String,
) -> NewMessage {
    let message = Message {
        id: house.clock.id("msg"),
        team_id: chat.team_id.clone(),
        account_id: chat.account_id.clone(),
        chat_id: chat.id.clone(),
        contact_id: chat.contact_id.clone(),
        direction: Direction::In,
        content: storable(&item.content),
        status: Status::Delivered,
        provider_id: item.provider_id.clone(),
        reply_to,
        due_at: item.at,
        created_at: house.clock.now(),
        sent_at: Some(item.at),
        error_code: String::new(),
        error_message: String::new(),
        possible_duplicate: false,
        depth: 0,
        trace: Trace::default(),
    };
    NewMessage {
        message,
        place,
        client_id: None,
        options: Options::default(),
        cancel_if_replied: false,
        opt_out_notice: false,
    }
}

/// PostgreSQL refuses NUL in a text; a customer's message is kept without it.
fn storable(content: &Content) -> Content {
    let text = serde_json::to_string(content).unwrap_or_default();
    if !text.contains("\\u0000") {
        return content.clone();
    }
    serde_json::from_str(&text.replace("\\u0000", "")).unwrap_or_else(|_| Content::text("…"))
}

pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

async fn touch(
    conn: &mut Conn,
    house: &House,
    items: &[(&Account, &InboundMessage)],
    contacts: &[String],
    new: &[NewMessage],
) -> anyhow::Result<()> {
    let names: BTreeMap<String, String> = contacts
        .iter()
        .zip(items)
        .map(|(contact, (_, item))| (contact.clone(), without_nul(&item.name)))
        .collect();
    contact::touch(conn, &names.into_iter().collect::<Vec<_>>(), house.clock.now()).await?;
    let mut touches: BTreeMap<&str, chat::Touch> = BTreeMap::new();
    for NewMessage { message, .. } in new {
        let touch = touches.entry(&message.chat_id).or_insert_with(|| chat::Touch {
            chat_id: message.chat_id.clone(),
            unread: 0,
            last_message_at: 0,
            last_inbound_at: 0,
        });
        touch.unread += 1;
        touch.last_message_at = touch.last_message_at.max(message.due_at);
        touch.last_inbound_at = touch.last_inbound_at.max(message.due_at);
    }
    chat::touch(conn, &touches.into_values().collect::<Vec<_>>()).await?;
    Ok(())
}

/// What was to be dropped if the customer wrote, and has not begun to leave, is dropped now.
async fn cancel_if_replied(
    house: &House,
    conn: &mut Conn,
    new: &[NewMessage],
) -> anyhow::Result<Option<Withdrawn>> {
    let mut chats: Vec<String> = new.iter().map(|new| new.message.chat_id.clone()).collect();
    chats.sort_unstable();
    chats.dedup();
    let doomed = message::cancellable(conn, &chats).await?;
    if doomed.is_empty() {
        return Ok(None);
    }
    Ok(Some(send::withdraw(house, conn, &doomed).await?))
}

/// The first messages ever of contacts to accounts, told by chats in which no customer wrote before:
/// neither live nor in a phone's history, nor in a chat that was or is to be merged into this one. The
/// transaction holds the teams, so nobody else writes one meanwhile.
async fn firsts(
    conn: &mut Conn,
    chats: &HashMap<(String, String), Chat>,
    merges: &[(String, String)],
    new: &[NewMessage],
) -> anyhow::Result<HashSet<String>> {
    let silent = || chats.iter().filter(|(_, chat)| chat.last_inbound_at == 0);
    let mut ids: HashSet<&str> = silent().map(|(_, chat)| chat.id.as_str()).collect();
    for (older, younger) in merges {
        for ((account, _), chat) in silent().filter(|((_, contact), _)| contact == older) {
            let other = chat::between(conn, account, younger).await?;
            if other.is_some_and(|other| other.last_inbound_at > 0) {
                ids.remove(chat.id.as_str());
            }
        }
    }
    let first = |new: &&NewMessage| ids.remove(new.message.chat_id.as_str());
    Ok(new.iter().filter(first).map(|new| new.message.id.clone()).collect())
}

/// One event for each new message. Its cursor is the message's own place: they were drawn together.
async fn record_received(
    house: &House,
    conn: &mut Conn,
    new: &[NewMessage],
    firsts: &HashSet<String>,
) -> anyhow::Result<Vec<String>> {
    let mut events = Vec::with_capacity(new.len());
    for NewMessage { message, place, .. } in new {
        let mut data = serde_json::to_value(message).context("a message as JSON")?;
        if firsts.contains(&message.id) {
            data["first"] = true.into();
        }
        events.push(Event {
            id: house.clock.id("evt"),
            team_id: message.team_id.clone(),
            cursor: *place,
            kind: EventKind::MESSAGE_RECEIVED.to_owned(),
            account_id: message.account_id.clone(),
            chat_id: message.chat_id.clone(),
            contact_id: message.contact_id.clone(),
            message_id: message.id.clone(),
            at: message.due_at,
            depth: 0,
            data,
            trace: message.trace.onward(&message.id, 0),
        });
    }
    record::numbered(house, conn, &events).await
}
