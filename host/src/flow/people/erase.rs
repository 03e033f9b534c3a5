//! Forgetting a person: at once for the API, then row by row, in small transactions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Task, event};
use crate::flow::media::{self, DOOMED};
use crate::flow::{House, record, send};
use crate::model::EventKind;
use crate::store::erase::{self, Names, TABLES};
use crate::store::job::Job;
use crate::store::{Conn, forget, job, merge, team};

/// Rows that go in one transaction.
const SET: i64 = 1000;

/// How far the forgetting of a contact has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Erasure {
    pub contact_id: String,
    /// Its events up to this cursor are gone; so are its chats, once there is one.
    #[serde(default)]
    pub after: i64,
    /// What leads to it, and is kept nowhere else any more.
    #[serde(default)]
    pub names: Names,
    /// The events are done: which table of words is looked through, and up to which row.
    #[serde(default)]
    pub table: Option<(usize, String)>,
}

/// Hide a contact, cancel what waits for it, and put down to delete the rest; false where there is
/// no such contact.
pub async fn begin(house: &House, team_id: &str, contact_id: &str) -> anyhow::Result<bool> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let names = erase::names(&mut tx, contact_id).await?;
    if !erase::hide(&mut tx, team_id, contact_id).await? {
        return Ok(false);
    }
    erase::recipients(&mut tx, team_id, &names).await?;
    let pending = erase::pending(&mut tx, contact_id).await?;
    let withdrawn = send::withdraw(house, &mut tx, &pending).await?;
    job::promote(&mut tx, &withdrawn.lanes).await?;
    let erasure = Erasure { contact_id: contact_id.to_owned(), names, ..Erasure::default() };
    let task = Task::Erase(erasure);
    job::insert(&mut tx, &[super::job(house, team_id, contact_id, &task)?]).await?;
    house.commit(tx).await?;
    drop(withdrawn);
    Ok(true)
}

pub async fn step(house: &House, job: &Job, mut now: Erasure) -> anyhow::Result<()> {
    // The files of messages that went in the step before.
    media::sweep(house, DOOMED).await?;
    if now.names.contacts.is_empty() {
        now.names.contacts.push(now.contact_id.clone());
    }
    let mut tx = house.store.begin().await?;
    let wanted = BTreeMap::from([(job.team_id.clone(), 1)]);
    let mut numbers = team::draw(&mut tx, &wanted).await?;
    let next = set(&mut tx, &job.team_id, now.clone()).await?;
    let is_last = next.is_none();
    // Who lost the claim has deleted nothing.
    let held = match next {
        Some(next) => {
            let payload = serde_json::to_string(&Task::Erase(next))?;
            job::put_back(&mut tx, &[Job { payload, ..job.clone() }]).await?
        }
        None => job::finish(&mut tx, std::slice::from_ref(job)).await?,
    };
    if held.is_empty() {
        return Ok(());
    }
    if is_last {
        erase::contact(&mut tx, &job.team_id, &now.contact_id, &now.names).await?;
        let data = json!({ "contact": now.contact_id });
        let told = event(house, &job.team_id, EventKind::CONTACT_ERASED, "", data);
        record::events(house, &mut tx, &mut numbers, vec![told]).await?;
    }
    house.commit(tx).await?;
    Ok(())
}

/// Delete one set; gives how far it is then, `None` where nothing is left but the contact.
async fn set(conn: &mut Conn, team_id: &str, now: Erasure) -> anyhow::Result<Option<Erasure>> {
    if let Some((_, chat)) = merge::chats_of(conn, &now.contact_id).await?.first() {
        if erase::messages(conn, chat, SET).await? == 0 {
            forget::chats(conn, team_id, std::slice::from_ref(chat)).await?;
        }
        return Ok(Some(now));
    }
    let Some((table, after)) = now.table.clone() else {
        let found = erase::events(conn, team_id, &now.names, now.after, SET).await?;
        let Some((last, lanes)) = found else {
            erase::problems(conn, team_id, &now.names).await?;
            return Ok(Some(Erasure { table: Some((0, String::new())), ..now }));
        };
        job::promote(conn, &lanes).await?;
        return Ok(Some(Erasure { after: last, ..now }));
    };
    let last = erase::words(conn, team_id, &now.names, table, &after, 5 * SET).await?;
    Ok(match last {
        Some(last) => Some(Erasure { table: Some((table, last)), ..now }),
        None if table + 1 < TABLES => {
            Some(Erasure { table: Some((table + 1, String::new())), ..now })
        }
        None => None,
    })
}
