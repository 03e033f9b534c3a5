//! Delivery statuses: forward only, and matched by our id first, then by the channel's.

use std::collections::{BTreeMap, HashMap};

use super::Door;
use crate::flow::{House, record};
use crate::model::{Account, Direction, Inbound, InboundStatus, JobKind, Message, Millis, Status};
use crate::store::job::{Job, Wanted};
use crate::store::message::Forward;
use crate::store::team::{self, Numbers};
use crate::store::{Conn, chat, job, message};

/// A status that matches nothing is tried this often, a little later each time; it may speak of a
/// message whose send we have not committed yet, or of one that the phone itself sent.
const TRIES: i64 = 6;
const FIRST_RETRY: i64 = 500;

/// Write a set. Gives the lanes to promote.
pub async fn store(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    items: &[(&Account, &InboundStatus)],
) -> anyhow::Result<Vec<String>> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = Known::load(conn, items).await?;
    let mut events = Vec::new();
    let mut moves: BTreeMap<String, Forward> = BTreeMap::new();
    let mut vouched = Vec::new();
    let mut unmatched = Vec::new();
    let mut left: BTreeMap<String, Millis> = BTreeMap::new();
    for (account, item) in items {
        let Some(message) = known.find(account, item) else {
            unmatched.push(waiting(house, account, item)?);
            continue;
        };
        if item.message_id == message.id {
            vouched.push(message.id.clone());
        }
        if item.status.rank() <= message.status.rank() {
            continue;
        }
        message.status = item.status;
        let step = forward(item, message);
        // A send in doubt that arrived: nobody else says when it left.
        if message.sent_at.is_none() && item.status != Status::Error {
            let at = left.entry(message.chat_id.clone()).or_default();
            *at = item.at.max(*at);
        }
        events.push(record::status(house, message, &step, item.at, numbers.next(&account.team_id)));
        moves.insert(message.id.clone(), step);
    }
    message::forward(conn, &moves.into_values().collect::<Vec<_>>()).await?;
    let left: Vec<(&str, Millis)> = left.iter().map(|(chat, at)| (chat.as_str(), *at)).collect();
    chat::note_sent(conn, &left).await?;
    job::insert(conn, &unmatched).await?;
    // Whoever carries our id back has the message: a send in doubt is settled by it.
    let mut lanes = job::settle_doubt(conn, &vouched).await?;
    lanes.extend(record::numbered(house, conn, &events).await?);
    Ok(lanes)
}

/// The messages that a set of statuses speaks of, as they move on within the set.
struct Known {
    by_id: HashMap<String, Message>,
    /// Account and channel's id to ours.
    by_provider_id: HashMap<(String, String), String>,
}

impl Known {
    async fn load(conn: &mut Conn, items: &[(&Account, &InboundStatus)]) -> anyhow::Result<Self> {
        let ours: Vec<String> = items
            .iter()
            .map(|(_, item)| item.message_id.clone())
            .filter(|id| !id.is_empty())
            .collect();
        let mut found = message::by_ids(conn, &ours).await?;
        let mut theirs: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (account, item) in items.iter().filter(|(_, item)| !item.provider_id.is_empty()) {
            theirs.entry(&account.id).or_default().push(item.provider_id.clone());
        }
        for (account_id, provider_ids) in theirs {
            found.extend(message::by_provider_ids(conn, account_id, &provider_ids).await?);
        }
        let mut known = Self { by_id: HashMap::new(), by_provider_id: HashMap::new() };
        for message in found.into_iter().filter(|message| message.direction == Direction::Out) {
            let key = (message.account_id.clone(), message.provider_id.clone());
            known.by_provider_id.insert(key, message.id.clone());
            known.by_id.insert(message.id.clone(), message);
        }
        Ok(known)
    }

    fn find(&mut self, account: &Account, item: &InboundStatus) -> Option<&mut Message> {
        let by_provider = Some(&item.provider_id)
            .filter(|id| !id.is_empty())
            .and_then(|id| self.by_provider_id.get(&(account.id.clone(), id.clone())));
        let id =
            if self.by_id.contains_key(&item.message_id) { &item.message_id } else { by_provider? };
        self.by_id.get_mut(id).filter(|message| message.account_id == account.id)
    }
}

fn forward(item: &InboundStatus, message: &Message) -> Forward {
    Forward {
        provider_id: item.provider_id.clone(),
        sent_at: Some(message.sent_at.unwrap_or(item.at)),
        error_code: item.error_code.clone(),
        error_message: item.error_message.clone(),
        ..Forward::to(&message.id, item.status)
    }
}

fn waiting(house: &House, account: &Account, item: &InboundStatus) -> anyhow::Result<Job> {
    Ok(Job {
        place: 1,
        account_id: account.id.clone(),
        payload: serde_json::to_string(item)?,
        ..Job::new(
            house.clock.id("job"),
            &account.team_id,
            JobKind::Status,
            house.clock.now() + FIRST_RETRY,
        )
    })
}

/// Offer the statuses that matched nothing again; give up what never matches.
pub async fn run_unmatched(door: &Door) -> anyhow::Result<()> {
    let house = &door.house;
    loop {
        let now = house.clock.now();
        let wanted = Wanted {
            kind: JobKind::Status,
            account: None,
            limit: 256,
            now,
            lease: house.config.delivery.lease,
        };
        let jobs = job::claim(&house.store, wanted).await?;
        if jobs.is_empty() {
            return Ok(());
        }
        let settled = settle_unmatched(house, &jobs).await;
        let ids = jobs.iter().map(|job| job.id.as_str());
        match settled {
            Ok(()) => job::release(&house.store, ids),
            Err(error) => {
                job::give_back(&house.store, ids).await;
                return Err(error);
            }
        }
    }
}

async fn settle_unmatched(house: &House, jobs: &[Job]) -> anyhow::Result<()> {
    let now = house.clock.now();
    let mut items = Vec::new();
    for job in jobs {
        items.push((job, serde_json::from_str::<InboundStatus>(&job.payload)?));
    }
    let accounts = super::accounts_of(
        house,
        &items.iter().map(|(_, item)| Inbound::Status(item.clone())).collect::<Vec<_>>(),
    )
    .await?;
    let mut wanted = BTreeMap::new();
    for job in jobs {
        *wanted.entry(job.team_id.clone()).or_insert(0) += 1;
    }
    let mut tx = house.store.begin().await?;
    let mut numbers = team::draw(&mut tx, &wanted).await?;
    let pairs: Vec<(&Account, &InboundStatus)> = items
        .iter()
        .filter_map(|(_, item)| Some((accounts.get(&item.account_id)?, item)))
        .collect();
    let mut known = Known::load(&mut tx, &pairs).await?;
    let mut matched = Vec::new();
    let (mut done, mut again) = (Vec::new(), Vec::new());
    for (job, item) in &items {
        let account = accounts.get(&item.account_id);
        match account.filter(|account| known.find(account, item).is_some()) {
            Some(account) => {
                matched.push((account, item));
                done.push((*job).clone());
            }
            None if account.is_none() || job.attempts + 1 >= TRIES => {
                tracing::debug!(provider_id = item.provider_id, "a status of no message of ours");
                done.push((*job).clone());
            }
            None => again.push(Job {
                attempts: job.attempts + 1,
                due_at: now + (FIRST_RETRY << (job.attempts + 1)),
                ..(*job).clone()
            }),
        }
    }
    job::finish(&mut tx, &done).await?;
    job::put_back(&mut tx, &again).await?;
    let lanes = store(house, &mut tx, &mut numbers, &matched).await?;
    job::promote(&mut tx, &lanes).await?;
    house.commit(tx).await?;
    Ok(())
}
