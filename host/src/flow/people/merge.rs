//! Two contacts become one: the older stands. Only once both are at rest, so that no event and no
//! message of a chat is overtaken.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::{Task, event, finish, postpone};
use crate::flow::{House, record, timers};
use crate::model::{Contact, EventKind, Millis, OptIn, Scope};
use crate::store::job::Job;
use crate::store::timer::{self, Timer};
use crate::store::{Conn, contact, job, merge, team};

const FIRST_WAIT: Millis = 1_000;
const LONGEST_WAIT: Millis = 30_000;

/// Put down that two contacts are one person.
pub async fn ask(house: &House, team_id: &str, one: &str, other: &str) -> anyhow::Result<()> {
    let task = Task::Merge { one: one.to_owned(), other: other.to_owned() };
    let job = super::job(house, team_id, &format!("merge/{one}/{other}"), &task)?;
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    if !job::exists(&mut tx, &job.subject_id).await? {
        job::insert(&mut tx, &[job]).await?;
    }
    house.commit(tx).await?;
    Ok(())
}

pub async fn step(house: &House, job: &Job, one: &str, other: &str) -> anyhow::Result<()> {
    let team = house.registry.team(&house.store, &job.team_id).await?;
    let mut consumers = vec![String::new(), "send".to_owned()];
    consumers.extend(team.endpoints.iter().map(|endpoint| endpoint.id.clone()));
    consumers.extend(team.installs.iter().map(|active| format!("parked/{}", active.install.id)));
    let mut tx = house.store.begin().await?;
    let wanted = BTreeMap::from([(job.team_id.clone(), 1)]);
    let mut numbers = team::draw(&mut tx, &wanted).await?;
    let one = contact::get(&mut tx, &job.team_id, one).await?;
    let other = contact::get(&mut tx, &job.team_id, other).await?;
    let (Some(one), Some(other)) = (one, other) else {
        drop(tx);
        return finish(house, job).await;
    };
    if one.id == other.id {
        drop(tx);
        return finish(house, job).await;
    }
    let (stays, goes) =
        if merge::age(&one) <= merge::age(&other) { (one, other) } else { (other, one) };
    let kept: HashMap<String, String> =
        merge::chats_of(&mut tx, &stays.id).await?.into_iter().collect();
    let moved = merge::chats_of(&mut tx, &goes.id).await?;
    let lanes: Vec<String> = kept
        .values()
        .chain(moved.iter().map(|(_, chat)| chat))
        .flat_map(|chat| consumers.iter().map(move |consumer| format!("{consumer}/{chat}")))
        .collect();
    if merge::is_busy(&mut tx, &lanes).await? {
        drop(tx);
        let doubled = FIRST_WAIT << job.attempts.clamp(0, 5);
        return postpone(house, job, doubled.min(LONGEST_WAIT)).await;
    }
    if job::finish(&mut tx, std::slice::from_ref(job)).await?.is_empty() {
        return Ok(());
    }
    for (account_id, chat) in &moved {
        merge::rename_messages(&mut tx, chat, &stays.id).await?;
        let into = kept.get(account_id).unwrap_or(chat);
        move_timers(house, &mut tx, &stays, chat, into).await?;
        if into != chat {
            merge::chat(&mut tx, &job.team_id, into, chat).await?;
        }
    }
    merge::contact(&mut tx, &merged(&stays, &goes), &goes).await?;
    let data = json!({ "contact": stays.id, "merged": goes.id });
    let told = event(house, &job.team_id, EventKind::CONTACT_MERGED, &stays.id, data);
    record::events(house, &mut tx, &mut numbers, vec![told]).await?;
    house.commit(tx).await?;
    Ok(())
}

/// Timers of a chat go with it; where the other chat has one of that name, that one counts.
async fn move_timers(
    house: &House,
    conn: &mut Conn,
    stays: &Contact,
    from: &str,
    into: &str,
) -> anyhow::Result<()> {
    let (old, new) = (Scope::Chat(from.to_owned()), Scope::Chat(into.to_owned()));
    for (install_id, name) in merge::timers_of(conn, &stays.team_id, "chat", from).await? {
        let Some(found) = timer::get(conn, &install_id, &old, &name).await? else { continue };
        timers::disarm(conn, &install_id, &old, &name).await?;
        if timer::get(conn, &install_id, &new, &name).await?.is_some() {
            continue;
        }
        let mut spec = found.spec.clone();
        spec.scope = new.clone();
        let (chat_id, contact_id) = (into.to_owned(), stays.id.clone());
        timers::arm(conn, house, &Timer { spec, chat_id, contact_id, ..found }).await?;
    }
    Ok(())
}

/// What the older contact says counts; what it does not say is taken from the other. Who opted out
/// or was blocked stays so.
fn merged(stays: &Contact, goes: &Contact) -> Contact {
    let or = |own: &String, other: &String| {
        if own.is_empty() { other.clone() } else { own.clone() }
    };
    let opt_in = match (stays.opt_in, goes.opt_in) {
        (OptIn::Out, _) | (_, OptIn::Out) => OptIn::Out,
        (OptIn::In, _) | (_, OptIn::In) => OptIn::In,
        _ => OptIn::Unknown,
    };
    let mut fields = goes.fields.clone();
    fields.extend(stays.fields.clone());
    Contact {
        name: or(&stays.name, &goes.name),
        phone: or(&stays.phone, &goes.phone),
        profile_image: or(&stays.profile_image, &goes.profile_image),
        opt_in,
        blocked: stays.blocked || goes.blocked,
        fields,
        first_seen_at: stays.first_seen_at.min(goes.first_seen_at),
        last_seen_at: stays.last_seen_at.max(goes.last_seen_at),
        ..stays.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_ones_words_count_and_a_no_stays_a_no() {
        let mut old = Contact::new("con_1".to_owned(), "team", "+15550101", 1);
        let mut young = Contact::new("con_2".to_owned(), "team", "+15550102", 5);
        old.name = "Ann".to_owned();
        young.name = "Anna".to_owned();
        young.opt_in = OptIn::Out;
        young.profile_image = "https://example.com/a.jpg".to_owned();
        young.fields.insert("city".to_owned(), "Berlin".into());
        let one = merged(&old, &young);
        assert_eq!(
            (one.name.as_str(), one.phone.as_str(), one.opt_in),
            ("Ann", "+15550101", OptIn::Out)
        );
        assert_eq!((one.profile_image, one.fields), (young.profile_image, young.fields));
    }
}
