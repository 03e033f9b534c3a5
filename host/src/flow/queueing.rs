//! What the API is told at once of a message that could not leave: its time, what it answers, its file,
//! a day that is full. Plugins are told by the message's error.

use super::House;
use super::media::{self, MediaError};
use super::outbox;
use super::rules::{Case, Refused, refuse};
use super::send::Request;
use crate::model::{Account, Content, Millis};
use crate::store::account_day::{self, begin_of, day_of};
use crate::store::{Conn, message};

/// The first thing that stands against a request.
///
/// # Errors
/// When the database fails.
pub async fn check(
    house: &House,
    conn: &mut Conn,
    request: &Request,
    case: &Case<'_>,
) -> anyhow::Result<Result<(), Refused>> {
    if let Err(refused) = schedule(house, request.options.due_at) {
        return Ok(Err(refused));
    }
    if let Err(refused) = answered(conn, request, case).await? {
        return Ok(Err(refused));
    }
    if let Err(refused) =
        file(house, &request.team_id, &request.department_id, &request.content).await?
    {
        return Ok(Err(refused));
    }
    if matches!(request.content, Content::Note { .. }) || case.due_at > case.now {
        return Ok(Ok(()));
    }
    day(house, conn, case.account, case.now).await
}

/// A due time is neither long past nor far ahead.
pub fn schedule(house: &House, due_at: Option<Millis>) -> Result<(), Refused> {
    let (limits, now) = (&house.config.limits, house.clock.now());
    match due_at {
        Some(due_at) if due_at < now - limits.schedule_past => Err(refuse(
            "schedule_in_past",
            "scheduleAt has passed: give a moment to come, or leave it out",
        )),
        Some(due_at) if due_at > now + limits.schedule_ahead => {
            let days = limits.schedule_ahead / 86_400_000;
            Err(refuse("schedule_too_far", format!("scheduleAt is more than {days} days ahead")))
        }
        _ => Ok(()),
    }
}

/// What a message answers, or reacts to, is of its own chat.
async fn answered(
    conn: &mut Conn,
    request: &Request,
    case: &Case<'_>,
) -> anyhow::Result<Result<(), Refused>> {
    let named = match &request.content {
        Content::Reaction { reaction } => Some(&reaction.message_id),
        _ => request.options.reply_to.as_ref(),
    };
    let Some(id) = named else { return Ok(Ok(())) };
    let found = message::get(conn, &request.team_id, id).await?;
    let is_here = found.zip(case.chat).is_some_and(|(found, chat)| found.chat_id == chat.id);
    if is_here {
        return Ok(Ok(()));
    }
    Ok(Err(refuse("reply_not_found", format!("there is no message {id:?} in this chat"))))
}

/// A content's file is there (for a department where one is named) and fits, or its address may be
/// fetched from.
pub async fn file(
    house: &House,
    team_id: &str,
    department_id: &str,
    content: &Content,
) -> anyhow::Result<Result<(), Refused>> {
    let Some(named) = content.media() else { return Ok(Ok(())) };
    let checked = match (&named.id, &named.url) {
        (Some(id), _) => match media::describe(house, team_id, department_id, id).await? {
            Some(row) => {
                let size = u64::try_from(row.size).unwrap_or(u64::MAX);
                media::fits(&house.config.media, content.kind(), &row.mime_type, size)
            }
            None => Err(MediaError::NotFound(id.clone())),
        },
        (None, Some(url)) => media::refuse_early(house, url),
        (None, None) => Ok(()),
    };
    Ok(checked.map_err(|problem| refuse(problem.code(), format!("{}: {problem}", content.kind()))))
}

/// A number whose day is full takes no more for today. What it took before waits for tomorrow.
async fn day(
    house: &House,
    conn: &mut Conn,
    account: &Account,
    now: Millis,
) -> anyhow::Result<Result<(), Refused>> {
    let today = day_of(now);
    let sent = account_day::sent(conn, &account.id, today).await?;
    match outbox::most(&house.config.limits, account, &sent) {
        Some((most, _)) if sent.count >= most => {
            let seconds = (begin_of(today + 1) - now) / 1000;
            Ok(Err(refuse(
                "daily_limit",
                format!(
                    "{most} messages left this number today, and no more may: schedule it for tomorrow, or try again in {seconds} s"
                ),
            )))
        }
        _ => Ok(Ok(())),
    }
}
