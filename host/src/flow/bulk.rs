//! Bulk sends: one content for many recipients, each with words of its own, queued at a pace.
//!
//! Recipients are rows. One job at a time queues the next few messages and says when it comes again,
//! all in one transaction: after a crash it goes on where it was, and nobody is written to twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::rules::quota::{self, Due};
use super::rules::{self, Refused, refuse};
use super::send::{self, Draft};
use super::{House, pending, repeat};
use crate::model::{Account, Content, JobKind, Millis, Recipient, SendOptions};
use crate::store::bulk::{self, Bulk, Recipient as Row};
use crate::store::job::{Job, Wanted};
use crate::store::{Conn, account, job, team};

pub const RUNNING: &str = "running";
pub const PAUSED: &str = "paused";
pub const CANCELLED: &str = "cancelled";
pub const DONE: &str = "done";

/// Bulk sends that are worked on at once.
const CLAIM: usize = 16;
const MINUTE: Millis = 60_000;
/// No more are queued in one transaction.
const MOST: i64 = 500;

/// Work on bulk sends until told to stop.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    loop {
        let looked = house.clock.now();
        match tick(&house).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "bulk sends: will try again");
                super::pause().await;
            }
        }
        if house.rest(&house.wake.bulk, Some(JobKind::Bulk), looked, &stop).await {
            return;
        }
    }
}

async fn tick(house: &House) -> anyhow::Result<usize> {
    let (now, lease) = (house.clock.now(), house.config.delivery.lease);
    let wanted = Wanted { kind: JobKind::Bulk, account: None, limit: CLAIM, now, lease };
    let jobs = job::claim(&house.store, wanted).await?;
    let count = jobs.len();
    let mut failed = false;
    for job in jobs {
        if let Err(error) = step(house, &job).await {
            tracing::error!(
                bulk = job.subject_id,
                error = format!("{error:#}"),
                "a bulk send waits"
            );
            job::give_back(&house.store, [job.id.as_str()]).await;
            failed = true;
        } else {
            job::release(&house.store, [job.id.as_str()]);
        }
    }
    if failed {
        super::pause().await;
    }
    Ok(count)
}

/// Queue the next few messages of one bulk send.
async fn step(house: &House, job: &Job) -> anyhow::Result<()> {
    let now = house.clock.now();
    let mut tx = house.store.begin().await?;
    let found = bulk::get(&mut tx, &job.team_id, &job.subject_id).await?;
    let count = found.as_ref().map_or(1, |bulk| burst(bulk.pace));
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(job.team_id.clone(), count)])).await?;
    // Read again: until the team was held it could be paused.
    let found = bulk::get(&mut tx, &job.team_id, &job.subject_id).await?;
    let going = found.filter(|bulk| bulk.state == RUNNING && bulk.revision == job.step);
    let Some(mut bulk) = going else {
        job::finish(&mut tx, std::slice::from_ref(job)).await?;
        house.commit(tx).await?;
        return Ok(());
    };
    let mut next = bulk::recipients(&mut tx, &bulk.id, bulk.next_index, count).await?;
    bulk.next_index += i64::try_from(next.len()).unwrap_or(0);
    let is_over = bulk.next_index >= bulk.total || next.is_empty();
    let held = if is_over {
        DONE.clone_into(&mut bulk.state);
        job::finish(&mut tx, std::slice::from_ref(job)).await?
    } else {
        let wait = MINUTE * i64::try_from(next.len()).unwrap_or(1) / bulk.pace;
        let again = Job { due_at: now + wait.max(1), ..job.clone() };
        job::put_back(&mut tx, &[again]).await?
    };
    if held.is_empty() {
        // Another node has taken it over.
        return Ok(());
    }
    // A place without a name is of somebody who is forgotten.
    next.retain(|one| !one.recipient.is_empty());
    let mut drafts = Vec::with_capacity(next.len());
    for one in &mut next {
        let draft = draft(house, &bulk, one, numbers.next(&bulk.team_id))?;
        one.message_id.clone_from(&draft.message_id);
        drafts.push(draft);
    }
    let lanes = send::write(house, &mut tx, drafts).await?.lanes;
    bulk::set_messages(&mut tx, &bulk.id, &next).await?;
    bulk::set_progress(&mut tx, &bulk).await?;
    job::promote(&mut tx, &lanes).await?;
    house.commit(tx).await?;
    Ok(())
}

/// How many are queued at once: those of one second.
fn burst(pace: i64) -> i64 {
    (pace / 60).clamp(1, MOST)
}

fn draft(house: &House, bulk: &Bulk, one: &Row, place: i64) -> anyhow::Result<Draft> {
    let template: Value = serde_json::from_str(&bulk.content)?;
    let variables: BTreeMap<String, String> = serde_json::from_str(&one.variables)?;
    let content: Content = serde_json::from_value(filled(&template, &variables))?;
    let to = if one.recipient.starts_with('+') {
        Recipient::Phone { account_id: bulk.account_id.clone(), phone: one.recipient.clone() }
    } else {
        Recipient::Chat(one.recipient.clone())
    };
    Ok(Draft {
        to,
        content,
        options: serde_json::from_str::<SendOptions>(&bulk.options)?,
        client_id: Some(format!("{}/{}", bulk.id, one.number)),
        place,
        bulk: bulk.id.clone(),
        ..Draft::new(house.clock.id("msg"), &bulk.team_id)
    })
}

/// A content with each `{{name}}` in its texts replaced; names without a value stay.
pub fn filled(template: &Value, variables: &BTreeMap<String, String>) -> Value {
    match template {
        Value::String(text) => Value::String(filled_text(text, variables)),
        Value::Array(items) => items.iter().map(|item| filled(item, variables)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, variables)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn filled_text(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // What a value says is never looked at again.
    while let Some((before, name, after)) = next_placeholder(rest) {
        out.push_str(before);
        match variables.get(name.trim()) {
            Some(value) => out.push_str(value),
            None => out.extend(["{{", name, "}}"]),
        }
        rest = after;
    }
    out + rest
}

fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name, after))
}

/// The names that a content's placeholders ask for.
pub fn asked(template: &Value, names: &mut Vec<String>) {
    match template {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some((_, name, after)) = next_placeholder(rest) {
                names.push(name.trim().to_owned());
                rest = after;
            }
        }
        Value::Array(items) => items.iter().for_each(|item| asked(item, names)),
        Value::Object(fields) => fields.values().for_each(|value| asked(value, names)),
        _ => {}
    }
}

/// The bulk send that was begun before under the caller's own id, where what was asked is the same.
///
/// # Errors
/// When the database fails.
pub async fn known(
    conn: &mut Conn,
    team_id: &str,
    client_id: Option<&str>,
    hash: &str,
) -> anyhow::Result<Result<Option<Bulk>, Refused>> {
    let Some(client_id) = client_id else { return Ok(Ok(None)) };
    let Some(found) = bulk::by_client_id(conn, team_id, client_id).await? else {
        return Ok(Ok(None));
    };
    Ok(repeat::check(client_id, &found.request_hash, hash).map(|()| Some(found)))
}

/// When the messages of a bulk send from here on are due, beginning at a moment.
fn due(bulk: &Bulk, account: &Account, begins_at: Millis) -> Due {
    let mut due = Due::new();
    let mut index = bulk.next_index;
    while index < bulk.total {
        let period =
            account.period(begins_at + (index - bulk.next_index) * MINUTE / bulk.pace.max(1));
        let in_time = (period.end - begins_at).saturating_mul(bulk.pace) / MINUTE;
        let until = (bulk.next_index + in_time).clamp(index + 1, bulk.total);
        *due.entry(period.start).or_insert(0) += until - index;
        index = until;
    }
    due
}

/// What can be known now stands against it: the account, or that its quota does not reach for all,
/// with those of other bulk sends that are to come.
async fn check(house: &House, conn: &mut Conn, new: &Bulk) -> anyhow::Result<Result<(), Refused>> {
    let Some(account) = account::get(conn, &new.team_id, &new.account_id).await? else {
        return Ok(Err(refuse("account_not_found", "name one of your accounts in `account`")));
    };
    let now = house.clock.now();
    if let Err(refused) = rules::account(&account, new.due_at, now) {
        return Ok(Err(refused));
    }
    let mut others = Due::new();
    for other in bulk::unfinished(conn, &account.id).await? {
        for (start, count) in due(&other, &account, other.due_at.max(now)) {
            *others.entry(start).or_insert(0) += count;
        }
    }
    quota::room(house, conn, &account, &due(new, &account, new.due_at), &others).await
}

/// Begin a bulk send that was checked. Gives it as it is: the one that was begun before under the
/// same id of the caller's, where there is one.
///
/// # Errors
/// When the database fails and nothing was written.
pub async fn begin(
    house: &House,
    new: Bulk,
    recipients: &[Row],
) -> anyhow::Result<Result<Bulk, Refused>> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(new.team_id.clone(), 1)])).await?;
    let before = known(&mut tx, &new.team_id, new.client_id.as_deref(), &new.request_hash).await?;
    match before {
        Ok(Some(before)) => return Ok(Ok(before)),
        Ok(None) => {}
        Err(refused) => return Ok(Err(refused)),
    }
    if let Err(refused) = check(house, &mut tx, &new).await? {
        return Ok(Err(refused));
    }
    if !bulk::insert(&mut tx, &new).await? {
        anyhow::bail!("a bulk send's id is taken by one that nobody sees");
    }
    bulk::insert_recipients(&mut tx, &new.id, recipients).await?;
    job::insert(&mut tx, &[job_of(house, &new, new.due_at)]).await?;
    house.commit(tx).await?;
    Ok(Ok(new))
}

/// It stands in no line, and is a head from the beginning.
fn job_of(house: &House, bulk: &Bulk, due_at: Millis) -> Job {
    Job {
        place: 1,
        account_id: bulk.account_id.clone(),
        subject_id: bulk.id.clone(),
        step: bulk.revision,
        ..Job::new(house.clock.id("job"), &bulk.team_id, JobKind::Bulk, due_at)
    }
}

/// Pause, go on or end a bulk send; what it has queued is cancelled only at its end. `None`: the team
/// has none.
///
/// # Errors
/// When the database fails; what was written stays.
pub async fn turn(
    house: &House,
    team_id: &str,
    id: &str,
    to: &'static str,
) -> anyhow::Result<Option<Result<Bulk, Refused>>> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let Some(mut bulk) = bulk::get(&mut tx, team_id, id).await? else { return Ok(None) };
    if bulk.state == to {
        return Ok(Some(Ok(bulk)));
    }
    if bulk.state == CANCELLED || (bulk.state == DONE && to != CANCELLED) {
        let text = format!("bulk send {id:?} is {}: begin another", bulk.state);
        return Ok(Some(Err(refuse("bulk_over", text))));
    }
    to.clone_into(&mut bulk.state);
    bulk.revision += 1;
    bulk::set_progress(&mut tx, &bulk).await?;
    if to == RUNNING {
        let due_at = bulk.due_at.max(house.clock.now());
        job::insert(&mut tx, &[job_of(house, &bulk, due_at)]).await?;
    }
    // Its job sees that it is stale, or goes now.
    job::remove_others(&mut tx, &bulk.id, bulk.revision).await?;
    house.commit(tx).await?;
    if to == CANCELLED {
        let waiting = bulk::pending(&mut *house.store.read().await?, id).await?;
        for set in waiting.chunks(500) {
            pending::cancel_all(house, team_id, set).await?;
        }
    }
    Ok(Some(Ok(bulk)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ChannelType;

    #[test]
    fn each_recipient_has_words_of_their_own() {
        let template =
            json!({ "type": "text", "text": "Hi {{name}}, {{ what }} is {{missing}} {{" });
        let variables = BTreeMap::from([
            ("name".to_owned(), "{{what}}".to_owned()),
            ("what".to_owned(), "it".to_owned()),
        ]);
        assert_eq!(filled(&template, &variables)["text"], "Hi {{what}}, it is {{missing}} {{");
        let mut names = Vec::new();
        asked(&template, &mut names);
        assert_eq!(names, ["name", "what", "missing"]);
    }

    #[test]
    fn each_message_is_due_in_the_period_of_its_turn() {
        const DAY: Millis = 86_400_000;
        let account = Account::new("acc".to_owned(), "team", ChannelType::Sandbox, 0);
        let bulk = |next_index, total, pace| Bulk {
            id: String::new(),
            team_id: String::new(),
            account_id: String::new(),
            client_id: None,
            content: String::new(),
            options: String::new(),
            pace,
            state: RUNNING.to_owned(),
            total,
            next_index,
            revision: 1,
            due_at: 0,
            created_at: 0,
            request_hash: String::new(),
        };
        assert_eq!(due(&bulk(10, 100, 60), &account, 0), Due::from([(0, 90)]));
        assert_eq!(due(&bulk(5, 5, 60), &account, 0), Due::new());
        // One a minute, ten minutes before February.
        let over = due(&bulk(0, 100, 1), &account, 31 * DAY - 10 * MINUTE);
        assert_eq!(over, Due::from([(0, 10), (31 * DAY, 90)]));
    }

    #[test]
    fn the_pace_is_kept_by_the_second() {
        assert_eq!([1, 59, 60, 600, 60_000].map(burst), [1, 1, 1, 10, 500]);
    }
}
