//! Messages changed by hand: edited while they wait, sent once more, forgotten.

use std::collections::BTreeMap;

use super::rules::{self, Case, Refused, quota, refuse};
use super::{House, media, queueing, send, templates};
use crate::model::{Content, Direction, Message, Millis, Status};
use crate::store::job::Job;
use crate::store::{self, Conn, account, chat, contact, job, message, team};

/// What to change in a message that waits.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub content: Option<Content>,
    pub due_at: Option<Millis>,
    /// Only this department's files may be named; empty: any of the team.
    pub department_id: String,
}

/// Change a message that nobody has begun to send. It keeps its place in its chat, unless its time
/// changes. `None`: the team has no such message.
///
/// # Errors
/// When the database fails and nothing was written.
pub async fn edit(
    house: &House,
    team_id: &str,
    id: &str,
    edit: Edit,
) -> anyhow::Result<Option<Result<(), Refused>>> {
    if let Err(refused) = check(house, team_id, &edit).await? {
        return Ok(Some(Err(refused)));
    }
    let mut tx = house.store.begin().await?;
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let Some(mut found) = message::get(&mut tx, team_id, id).await? else { return Ok(None) };
    let now = house.clock.now();
    let reserved = job::reserve(&house.store, &mut tx, &[id.to_owned()], now).await?;
    let waiting = reserved.jobs.first().filter(|_| found.status == Status::Pending);
    let Some(waiting) = waiting else { return Ok(Some(Err(not_pending(&found)))) };
    if let Some(content) = edit.content {
        found.content = content;
    }
    if let Some(due_at) = edit.due_at {
        if let Err(refused) = quota::retime(house, &mut tx, &found, due_at).await? {
            return Ok(Some(Err(refused)));
        }
        found.due_at = due_at;
        let place = if due_at > now { 0 } else { numbers.next(team_id) };
        job::retime(&mut tx, &Job { due_at, place, ..waiting.clone() }).await?;
    }
    message::edit(&mut tx, &found).await?;
    media::mark_used(house, &mut tx, std::iter::once(&found)).await?;
    job::promote(&mut tx, std::slice::from_ref(&waiting.lane)).await?;
    house.commit(tx).await?;
    drop(reserved);
    Ok(Some(Ok(())))
}

async fn check(house: &House, team_id: &str, edit: &Edit) -> anyhow::Result<Result<(), Refused>> {
    if let Err(refused) = queueing::schedule(house, edit.due_at) {
        return Ok(Err(refused));
    }
    let Some(content) = &edit.content else { return Ok(Ok(())) };
    if let Err(problem) = content.check() {
        return Ok(Err(refuse("invalid_content", problem.to_string())));
    }
    if matches!(content, Content::Note { .. } | Content::Reaction { .. }) {
        return Ok(Err(refuse("invalid_content", "a message cannot become a note or a reaction")));
    }
    queueing::file(house, team_id, &edit.department_id, content).await
}

fn not_pending(message: &Message) -> Refused {
    let status = message.status;
    refuse(
        "not_pending",
        format!(
            "message {:?} cannot be changed any more: it is {status}, or being sent now",
            message.id
        ),
    )
}

/// Send a message that failed once more, behind what waits in its chat. `None`: the team has none.
///
/// # Errors
/// When the database fails and nothing was written.
pub async fn retry(
    house: &House,
    team_id: &str,
    id: &str,
) -> anyhow::Result<Option<Result<(), Refused>>> {
    let now = house.clock.now();
    let mut tx = house.store.begin().await?;
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let Some(found) = message::get(&mut tx, team_id, id).await? else { return Ok(None) };
    if !message::retry(&mut tx, team_id, id, now).await? {
        let text =
            format!("message {id:?} is {}: only one that failed is sent once more", found.status);
        return Ok(Some(Err(refuse("not_failed", text))));
    }
    if let Err(refused) = may_again(house, &mut tx, &found, now).await? {
        return Ok(Some(Err(refused)));
    }
    let job = Job {
        lane: format!("send/{}", found.chat_id),
        place: numbers.next(team_id),
        account_id: found.account_id,
        subject_id: found.id,
        ..Job::new(house.clock.id("job"), team_id, crate::model::JobKind::Send, now)
    };
    job::insert(&mut tx, std::slice::from_ref(&job)).await?;
    job::promote(&mut tx, &[job.lane]).await?;
    house.commit(tx).await?;
    Ok(Some(Ok(())))
}

/// The rules that a message must keep to be sent, as for a new one, and its unit of the quota.
async fn may_again(
    house: &House,
    conn: &mut Conn,
    message: &Message,
    now: Millis,
) -> anyhow::Result<Result<(), Refused>> {
    let account = account::get(conn, &message.team_id, &message.account_id).await?;
    let Some(account) = account else { return Ok(Err(refuse("not_found", "the account is gone"))) };
    let chat = chat::get(conn, &message.team_id, &message.chat_id).await?;
    let contact = contact::get(conn, &message.team_id, &message.contact_id).await?;
    let template = templates::named(conn, &account, &message.content).await?;
    let case = Case {
        account: &account,
        chat: chat.as_ref(),
        contact: contact.as_ref(),
        content: &message.content,
        template: template.as_ref(),
        opt_out_notice: false,
        due_at: now,
        now,
    };
    if let Err(refused) = rules::check(&case) {
        return Ok(Err(refused));
    }
    quota::again(house, conn, &account, message).await
}

/// Forget a stored message, and its file where no other names it. `None`: the team has none.
///
/// # Errors
/// When the database fails and nothing was written.
pub async fn forget(
    house: &House,
    team_id: &str,
    id: &str,
) -> anyhow::Result<Option<Result<Message, Refused>>> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let Some(found) = message::get(&mut tx, team_id, id).await? else { return Ok(None) };
    if !message::forgettable(&mut tx, team_id, id).await? {
        let text = format!("message {id:?} is still to be sent: cancel it first");
        return Ok(Some(Err(refuse("still_pending", text))));
    }
    let lanes = store::forget::messages(&mut tx, std::slice::from_ref(&found.id)).await?;
    job::promote(&mut tx, &lanes).await?;
    house.commit(tx).await?;
    Ok(Some(Ok(found)))
}

/// Tell the customer that we read a message of theirs. `None`: the team has none.
///
/// # Errors
/// When the database fails and nothing was written.
pub async fn mark_read(
    house: &House,
    team_id: &str,
    id: &str,
) -> anyhow::Result<Option<Result<(), Refused>>> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let Some(found) = message::get(&mut tx, team_id, id).await? else { return Ok(None) };
    if found.direction != Direction::In {
        return Ok(Some(Err(refuse(
            "not_incoming",
            "only what a customer wrote can be marked as read",
        ))));
    }
    let signal = send::read_signal(house, &mut tx, team_id, id).await?;
    job::insert(&mut tx, signal.as_slice()).await?;
    house.commit(tx).await?;
    Ok(Some(Ok(())))
}

/// How many are taken off the queue in one transaction.
const SET: i64 = 500;

/// Cancel what waits to leave an account and nobody has begun to send; gives how many.
///
/// # Errors
/// When the database fails; what was cancelled before stays so.
pub async fn clear(house: &House, team_id: &str, account_id: &str) -> anyhow::Result<u64> {
    let mut cleared = 0;
    loop {
        let mut conn = house.store.read().await?;
        let ids = message::pending_of(&mut conn, team_id, account_id, SET).await?;
        drop(conn);
        let gone = cancel_all(house, team_id, &ids).await?;
        cleared += gone;
        // What is left is being sent now.
        if gone == 0 {
            return Ok(cleared);
        }
    }
}

/// Cancel those of these messages that nobody has begun to send; gives how many.
///
/// # Errors
/// When the database fails and nothing was written.
pub async fn cancel_all(house: &House, team_id: &str, ids: &[String]) -> anyhow::Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let withdrawn = send::withdraw(house, &mut tx, ids).await?;
    job::promote(&mut tx, &withdrawn.lanes).await?;
    house.commit(tx).await?;
    Ok(withdrawn.subjects.len() as u64)
}
