//! How a send ends: message, event and job, a set in one transaction.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::doubt::Stage;
use super::hold::Hold;
use super::retry;
use crate::flow::batch::Work;
use crate::flow::{House, backoff, conversations, record};
use crate::model::{Event, Message, Millis, Status};
use crate::store::job::Job;
use crate::store::message::Forward;
use crate::store::team::Numbers;
use crate::store::{Conn, account_day, chat, job, message, team};

/// A claimed send and what came of it.
#[derive(Clone)]
pub struct Closing {
    pub job: Job,
    /// Absent for signs.
    pub message: Option<Message>,
    pub left: Left,
    /// Whether the account's conversations are counted.
    pub conversations: bool,
}

/// What came of handing a message over.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    Sent {
        provider_id: String,
        possible_duplicate: bool,
    },
    Failed {
        code: String,
        message: String,
    },
    Retry {
        code: String,
        message: String,
        after: Option<Millis>,
    },
    /// It waits for another hour or day.
    Held(Hold),
    /// Its file is to be fetched first: its claim goes on.
    Fetch,
    /// It may have arrived.
    Doubt,
    /// There was nothing (any more) to send.
    Nothing,
    /// The host is stopping: the job stays as it is.
    Later,
}

impl Left {
    pub fn failed(code: &str, message: &str) -> Self {
        Self::Failed { code: code.to_owned(), message: message.to_owned() }
    }

    pub fn in_doubt() -> Self {
        Self::failed(
            "in_doubt",
            "no answer came, and no status since: it may or may not have arrived",
        )
    }
}

/// Commit that bytes may leave from now on; false where the claim no longer holds.
pub async fn begin(house: &House, job: &Job, stage: Stage) -> anyhow::Result<bool> {
    let mut tx = house.store.begin().await?;
    let marked = job::set_stage(&mut tx, std::slice::from_ref(job), stage.as_str()).await?;
    if stage == Stage::Resending {
        message::mark_possible_duplicate(&mut tx, &job.subject_id).await?;
    }
    tx.commit().await?;
    Ok(!marked.is_empty())
}

/// Settles sets.
pub struct Outboxer(pub Arc<House>);

#[async_trait]
impl Work for Outboxer {
    type Item = Closing;
    type Done = ();

    async fn commit(&self, items: &[Closing]) -> anyhow::Result<Vec<()>> {
        let house = &self.0;
        let mut wanted = BTreeMap::new();
        for item in items {
            *wanted.entry(item.job.team_id.clone()).or_insert(0) += 1;
        }
        let mut tx = house.store.begin().await?;
        let mut numbers = team::draw(&mut tx, &wanted).await?;
        let (mut finished, mut kept, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match (fate(house, item), &item.left) {
                (None, _) => finished.push(item.job.clone()),
                (Some(job), Left::Held(_)) => waiting.push(job),
                (Some(job), _) => kept.push(job),
            }
        }
        let mut held = job::finish(&mut tx, &finished).await?;
        held.extend(job::put_back(&mut tx, &kept).await?);
        held.extend(job::hold(&mut tx, &waiting).await?);
        let mut lanes = move_on(house, &mut tx, &mut numbers, items, &held).await?;
        count_sent(house, &mut tx, items, &held).await?;
        lanes.extend(finished.into_iter().chain(waiting).map(|job| job.lane));
        job::promote(&mut tx, &lanes).await?;
        house.commit(tx).await?;
        Ok(vec![(); items.len()])
    }
}

/// The job as it goes back to the table; `None`: it is done.
fn fate(house: &House, item: &Closing) -> Option<Job> {
    let (job, settings, now) = (&item.job, &house.config.outbox, house.clock.now());
    match &item.left {
        Left::Retry { code, after, .. } if job.attempts + 1 < retry::patience(settings, code).0 => {
            let (_, first) = retry::patience(settings, code);
            let wait = after
                .unwrap_or_else(|| backoff(first, settings.retry_max.max(first), job.attempts));
            // Back in the stage of the claim: this attempt did not arrive, an earlier one still may have.
            Some(Job { attempts: job.attempts + 1, due_at: now + wait, ..job.clone() })
        }
        Left::Held(hold) => {
            Some(Job { due_at: hold.until, held: hold.why.to_owned(), ..job.clone() })
        }
        Left::Doubt => {
            let stage =
                job.stage.parse::<Stage>().unwrap_or(Stage::Fresh).doubtful().as_str().to_owned();
            Some(Job { due_at: now + settings.doubt_window, stage, ..job.clone() })
        }
        Left::Sent { .. }
        | Left::Failed { .. }
        | Left::Retry { .. }
        | Left::Nothing
        | Left::Fetch
        | Left::Later => None,
    }
}

/// Count what left, for the limits of the day.
async fn count_sent(
    house: &House,
    conn: &mut Conn,
    items: &[Closing],
    held: &HashSet<String>,
) -> anyhow::Result<()> {
    let today = account_day::day_of(house.clock.now());
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for item in items.iter().filter(|item| held.contains(&item.job.id)) {
        if matches!(item.left, Left::Sent { .. }) {
            *counts.entry(&item.job.account_id).or_insert(0) += 1;
        }
    }
    let counts: Vec<(String, i64, i64)> =
        counts.into_iter().map(|(account, sent)| (account.to_owned(), today, sent)).collect();
    account_day::count(conn, &counts).await?;
    Ok(())
}

/// Move the messages on whose claim still held, with an event for each that moved.
async fn move_on(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    items: &[Closing],
    held: &HashSet<String>,
) -> anyhow::Result<Vec<String>> {
    let now = house.clock.now();
    let steps: Vec<(&Message, Forward)> = items
        .iter()
        .filter(|item| held.contains(&item.job.id))
        .filter_map(|item| Some((item.message.as_ref()?, step(house, item, now)?)))
        .collect();
    let forwards: Vec<Forward> = steps.iter().map(|(_, step)| step.clone()).collect();
    let moved = message::forward(conn, &forwards).await?;
    // A status that overtook us has moved the message further already; the channel's id is still news.
    let overtaken: Vec<Forward> = forwards
        .into_iter()
        .filter(|step| step.status == Status::Sent && !moved.contains(&step.id))
        .collect();
    message::note_sent(conn, &overtaken).await?;
    let sent = steps.iter().filter(|(_, step)| step.status == Status::Sent);
    let chats: BTreeMap<&str, Millis> =
        sent.map(|(message, _)| (message.chat_id.as_str(), now)).collect();
    chat::note_sent(conn, &chats.into_iter().collect::<Vec<_>>()).await?;
    open_conversations(house, conn, items, held).await?;
    let events: Vec<Event> = steps
        .iter()
        .filter(|(_, step)| moved.contains(&step.id))
        .map(|(message, step)| {
            record::status(house, message, step, now, numbers.next(&message.team_id))
        })
        .collect();
    record::numbered(house, conn, &events).await
}

/// What left may open conversations.
async fn open_conversations(
    house: &House,
    conn: &mut Conn,
    items: &[Closing],
    held: &HashSet<String>,
) -> anyhow::Result<()> {
    let sent: Vec<&Message> = items
        .iter()
        .filter(|item| held.contains(&item.job.id))
        .filter(|item| item.conversations && matches!(item.left, Left::Sent { .. }))
        .filter_map(|item| item.message.as_ref())
        .collect();
    conversations::opened_by_sends(house, conn, &sent).await
}

fn step(house: &House, item: &Closing, now: Millis) -> Option<Forward> {
    let id = &item.job.subject_id;
    match &item.left {
        Left::Sent { provider_id, possible_duplicate } => Some(Forward {
            provider_id: provider_id.clone(),
            sent_at: Some(now),
            possible_duplicate: *possible_duplicate,
            ..Forward::to(id, Status::Sent)
        }),
        Left::Failed { code, message } => Some(error(id, code, message)),
        Left::Retry { code, message, .. } if fate(house, item).is_none() => {
            Some(error(id, code, message))
        }
        _ => None,
    }
}

fn error(id: &str, code: &str, message: &str) -> Forward {
    Forward {
        error_code: code.to_owned(),
        error_message: message.to_owned(),
        ..Forward::to(id, Status::Error)
    }
}
