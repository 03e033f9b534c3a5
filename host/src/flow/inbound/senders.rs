//! Who wrote: the contact of each message, by all the names that came with it.

use std::collections::{BTreeMap, HashMap};

use super::messages::without_nul;
use crate::flow::House;
use crate::flow::people::identity::{Person, Resolved, resolve};
use crate::flow::people::{self, Task};
use crate::model::{Account, Alias, Contact, InboundMessage};
use crate::store::{Conn, contact, job};

/// The contact's id of each message; those that nobody knows are made, and two contacts that turn
/// out to be one person are put down to be merged: those pairs are given too, the older first.
pub async fn of(
    house: &House,
    conn: &mut Conn,
    items: &[(&Account, &InboundMessage)],
) -> anyhow::Result<(Vec<String>, Vec<(String, String)>)> {
    let mut teams: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (account, _)) in items.iter().enumerate() {
        teams.entry(&account.team_id).or_default().push(index);
    }
    let mut contacts = vec![String::new(); items.len()];
    let mut merges = Vec::new();
    for (team_id, places) in teams {
        let messages: Vec<&InboundMessage> = places.iter().map(|place| items[*place].1).collect();
        let resolved = of_team(house, conn, team_id, &messages).await?;
        for (place, id) in places.into_iter().zip(resolved.of) {
            contacts[place] = id;
        }
        merges.extend(resolved.merges);
    }
    Ok((contacts, merges))
}

async fn of_team(
    house: &House,
    conn: &mut Conn,
    team_id: &str,
    messages: &[&InboundMessage],
) -> anyhow::Result<Resolved> {
    let names: Vec<Vec<Alias>> = messages.iter().map(|message| names(message)).collect();
    let mut all: Vec<Alias> = names.iter().flatten().cloned().collect();
    all.sort_unstable();
    all.dedup();
    let known: HashMap<Alias, Person> = contact::by_aliases(conn, team_id, &all)
        .await?
        .into_iter()
        .map(|(alias, it)| (alias, Person { id: it.id, since: it.first_seen_at }))
        .collect();
    let now = house.clock.now();
    let resolved = resolve(known, &names, now, || house.clock.id("con"));
    let made: Vec<Contact> = resolved
        .new
        .iter()
        .map(|(id, first)| {
            let message = messages[*first];
            let name = without_nul(&message.name);
            Contact { name, ..Contact::new(id.clone(), team_id, &message.from, now) }
        })
        .collect();
    contact::insert(conn, &made).await?;
    let learned: Vec<(&str, Alias, &str)> =
        resolved.learned.iter().map(|(alias, id)| (team_id, alias.clone(), id.as_str())).collect();
    contact::add_aliases(conn, &learned).await?;
    for (older, younger) in &resolved.merges {
        let task = Task::Merge { one: older.clone(), other: younger.clone() };
        let job = people::job(house, team_id, &format!("merge/{older}/{younger}"), &task)?;
        if !job::exists(conn, &job.subject_id).await? {
            job::insert(conn, &[job]).await?;
        }
    }
    Ok(resolved)
}

/// All names that came with a message, the number first.
fn names(message: &InboundMessage) -> Vec<Alias> {
    let phone = (!message.from.is_empty()).then(|| Alias::phone(&message.from));
    let mut names: Vec<Alias> = phone.into_iter().collect();
    for alias in &message.aliases {
        if !alias.value.is_empty() && !alias.value.contains('\0') && !names.contains(alias) {
            names.push(alias.clone());
        }
    }
    names
}
