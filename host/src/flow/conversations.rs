//! Conversations are opened by the messages that open them, in the same transaction, for accounts
//! whose channel charges for them.

use std::collections::{BTreeMap, HashMap};

use super::House;
use crate::model::{
    Account, Conversation, InboundMessage, Message, Millis, month_of, opening, pricing,
};
use crate::store::message::NewMessage;
use crate::store::{Conn, account, conversation};

/// A message that may open a conversation.
struct Act<'a> {
    account: &'a Account,
    contact_id: &'a str,
    at: Millis,
    /// Whether the customer wrote it, and by way of a free entry point.
    by_customer: Option<bool>,
}

/// By what customers wrote. In a transaction that holds the teams.
pub async fn opened_by_customers(
    house: &House,
    conn: &mut Conn,
    items: &[(&Account, &InboundMessage)],
    new: &[NewMessage],
) -> anyhow::Result<()> {
    let written: HashMap<(&str, &str), &Message> = new
        .iter()
        .map(|new| {
            ((new.message.account_id.as_str(), new.message.provider_id.as_str()), &new.message)
        })
        .collect();
    let acts = items.iter().filter_map(|(account, item)| {
        let message = written.get(&(account.id.as_str(), item.provider_id.as_str()))?;
        let free = item.referral.as_ref().is_some_and(|referral| referral.is_free_entry());
        let contact_id = message.contact_id.as_str();
        Some(Act { account, contact_id, at: item.at, by_customer: Some(free) })
    });
    open(house, conn, acts.filter(|act| act.account.counts_conversations()).collect()).await
}

/// By what we sent, where the customer opened none. In a transaction that holds the teams.
pub async fn opened_by_sends(
    house: &House,
    conn: &mut Conn,
    sent: &[&Message],
) -> anyhow::Result<()> {
    if sent.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = sent.iter().map(|message| message.account_id.clone()).collect();
    let found = account::by_ids(conn, &ids).await?;
    let accounts: HashMap<&str, &Account> =
        found.iter().map(|account| (account.id.as_str(), account)).collect();
    let at = house.clock.now();
    let acts = sent.iter().filter_map(|message| {
        let account = *accounts.get(message.account_id.as_str())?;
        Some(Act { account, contact_id: &message.contact_id, at, by_customer: None })
    });
    open(house, conn, acts.filter(|act| act.account.counts_conversations()).collect()).await
}

async fn open(house: &House, conn: &mut Conn, acts: Vec<Act<'_>>) -> anyhow::Result<()> {
    let mut by_account: BTreeMap<&str, Vec<Act<'_>>> = BTreeMap::new();
    for act in acts {
        by_account.entry(&act.account.id).or_default().push(act);
    }
    let mut counts: HashMap<(String, String), i64> = HashMap::new();
    let mut opened = Vec::new();
    for (account_id, acts) in by_account {
        let contacts: Vec<String> = acts.iter().map(|act| act.contact_id.to_owned()).collect();
        let mut until = conversation::open_until(conn, account_id, &contacts).await?;
        for act in acts {
            let running = until.get(act.contact_id).copied().unwrap_or(0);
            let Some(opening) = opening(running, act.by_customer, act.at) else { continue };
            until.insert(act.contact_id.to_owned(), opening.expires_at);
            opened.push(priced(house, conn, &mut counts, &act, opening).await?);
        }
    }
    conversation::insert(conn, &opened).await?;
    Ok(())
}

/// A conversation with its price: whether it is one of its month's free ones.
async fn priced(
    house: &House,
    conn: &mut Conn,
    counts: &mut HashMap<(String, String), i64>,
    act: &Act<'_>,
    opening: crate::model::Opening,
) -> anyhow::Result<Conversation> {
    let (account, month) = (act.account, month_of(opening.opened_at));
    let free = house.config.billing.conversations.free;
    let key = (account.billed_to().to_owned(), month.clone());
    let counted = match counts.get(&key) {
        Some(counted) => *counted,
        None => conversation::counted(conn, &account.team_id, &key.0, &month, free).await?,
    };
    let pricing = pricing(opening.origin, counted, free);
    let uses_up = pricing != crate::model::Pricing::FreeEntryPoint;
    counts.insert(key.clone(), counted + i64::from(uses_up));
    Ok(Conversation {
        id: house.clock.id("cnv"),
        team_id: account.team_id.clone(),
        billed_to: key.0,
        account_id: account.id.clone(),
        contact_id: act.contact_id.to_owned(),
        opening,
        month,
        pricing,
    })
}
