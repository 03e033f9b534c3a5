//! Forgetting a person: at once for the API, then row by row, in small transactions.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Task, event};
use crate::flow::{House, record, send, timers};
use crate::model::{EventKind, Scope};
use crate::store::job::Job;
use crate::store::{Conn, erase, job, merge, team};

/// Rows that go in one transaction.
const SET: i64 = 1000;

/// Hide a contact, cancel what waits for it, and put down to delete the rest; false where there is
/// no such contact.
pub async fn begin(house: &House, team_id: &str, contact_id: &str) -> anyhow::Result<bool> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    if !erase::hide(&mut tx, team_id, contact_id).await? {
        return Ok(false);
    }
    let pending = erase::pending(&mut tx, contact_id).await?;
    let withdrawn = send::withdraw(house, &mut tx, &pending).await?;
    job::promote(&mut tx, &withdrawn.lanes).await?;
    let task = Task::Erase { contact_id: contact_id.to_owned(), after: 0 };
    job::insert(&mut tx, &[super::job(house, team_id, contact_id, &task)?]).await?;
    house.commit(tx).await?;
    drop(withdrawn);
    Ok(true)
}

pub async fn step(house: &House, job: &Job, contact_id: &str, after: i64) -> anyhow::Result<()> {
    let mut tx = house.store.begin().await?;
    let wanted = BTreeMap::from([(job.team_id.clone(), 1)]);
    let mut numbers = team::draw(&mut tx, &wanted).await?;
    // Held first: what follows is deleted by whoever holds the job alone.
    let next = |after: i64| -> anyhow::Result<Job> {
        let task = Task::Erase { contact_id: contact_id.to_owned(), after };
        Ok(Job { payload: serde_json::to_string(&task)?, ..job.clone() })
    };
    let chats = merge::chats_of(&mut tx, contact_id).await?;
    if let Some((_, chat)) = chats.first() {
        if job::put_back(&mut tx, &[next(after)?]).await?.is_empty() {
            return Ok(());
        }
        forget_chat(&mut tx, &job.team_id, chat).await?;
        house.commit(tx).await?;
        return Ok(());
    }
    if let Some(last) = erase::events(&mut tx, &job.team_id, contact_id, after, SET).await? {
        if job::put_back(&mut tx, &[next(last)?]).await?.is_empty() {
            return Ok(());
        }
        house.commit(tx).await?;
        return Ok(());
    }
    if job::finish(&mut tx, std::slice::from_ref(job)).await?.is_empty() {
        return Ok(());
    }
    merge::forget_state(&mut tx, &job.team_id, "contact", contact_id).await?;
    erase::contact(&mut tx, contact_id).await?;
    let data = json!({ "contact": contact_id });
    let told = event(house, &job.team_id, EventKind::CONTACT_ERASED, "", data);
    record::events(house, &mut tx, &mut numbers, vec![told]).await?;
    house.commit(tx).await?;
    Ok(())
}

/// One set of a chat's messages, or, when they are gone, the chat.
async fn forget_chat(conn: &mut Conn, team_id: &str, chat: &str) -> anyhow::Result<()> {
    if erase::messages(conn, chat, SET).await? > 0 {
        return Ok(());
    }
    merge::forget_state(conn, team_id, "chat", chat).await?;
    let scope = Scope::Chat(chat.to_owned());
    for (install_id, name) in merge::timers_of(conn, team_id, "chat", chat).await? {
        timers::disarm(conn, &install_id, &scope, &name).await?;
    }
    Ok(erase::chat(conn, chat).await?)
}
