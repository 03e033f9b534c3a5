//! Stage 6: messages leave, in order in each chat, so many at a time per account as its channel
//! bears.
//!
//! An account that has something due gets a sender, which claims the heads of its chats and hands
//! them to the channel. Where the channel knows our ids and delivers each once, results settle in
//! sets behind the sender's back. Where it does not, `sending` is committed before each call, so
//! that after a crash we know that the message may have arrived.
//!
//! A file that is to be fetched from its address first holds up its chat and no other.

mod doubt;
mod fetch;
mod hold;
mod pace;
mod retry;
mod settle;
mod signs;
mod turn;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::House;
use super::batch::Batcher;
use super::media;
use super::rules::{self, Case, Refused, quota};
use super::spans;
use super::templates;
use crate::channel::{Channel, Outgoing};
use crate::model::{Account, JobKind, Millis, Status};
use crate::store::job::{Job, Wanted};
use crate::store::message::Sendable;
use crate::store::{account, job, message};
use doubt::{Next, Stage};
use fetch::Fetches;
use hold::Allowance;
use pace::{Paces, varied};
use settle::{Closing, Outboxer};

pub use hold::{DAILY_LIMIT, QUIET_HOURS, WARM_UP, most, quiet_until};
pub use retry::judge;
pub use settle::Left;

/// Messages that one sender claims at once.
const CLAIM: usize = 64;

/// An account while its messages leave.
#[derive(Clone, Copy)]
struct Line<'a> {
    account: &'a Account,
    channel: &'a dyn Channel,
    /// What may still leave today.
    allowance: &'a Allowance,
    fetches: &'a Arc<Fetches>,
}

/// How long a node stays an account's sender without saying so again (PostgreSQL).
const SENDER_LEASE: Millis = 30_000;

struct Outbox {
    house: Arc<House>,
    settle: Batcher<Outboxer>,
    /// Accounts that have a sender in this process.
    busy: Mutex<HashSet<String>>,
    paces: Paces,
    /// When each account's sender last made sure that it is the sender.
    kept: Mutex<HashMap<String, Millis>>,
    /// The files that are fetched for each account.
    fetches: Mutex<HashMap<String, Arc<Fetches>>>,
    fetching: TaskTracker,
    stop: CancellationToken,
}

/// Send what is due until told to stop; then wait for the calls under way.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    let settle = Batcher::start(Arc::new(Outboxer(house.clone())));
    let outbox = Arc::new(Outbox {
        house: house.clone(),
        settle,
        busy: Mutex::default(),
        paces: Paces::default(),
        kept: Mutex::default(),
        fetches: Mutex::default(),
        fetching: TaskTracker::new(),
        stop: stop.clone(),
    });
    let senders = TaskTracker::new();
    loop {
        let looked = house.clock.now();
        match outbox.clone().start_senders(&senders).await {
            Ok(()) => {}
            Err(error) => tracing::error!(error = format!("{error:#}"), "outbox: will try again"),
        }
        if house.rest(&house.wake.outbox, Some(JobKind::Send), looked, &stop).await {
            break;
        }
    }
    senders.close();
    senders.wait().await;
    outbox.fetching.close();
    outbox.fetching.wait().await;
}

impl Outbox {
    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sender for each account that has something due and none yet.
    async fn start_senders(self: Arc<Self>, senders: &TaskTracker) -> anyhow::Result<()> {
        let now = self.house.clock.now();
        for account in account::claim_senders(&self.house.store, now, now + SENDER_LEASE).await? {
            if self.busy().insert(account.id.clone()) {
                senders.spawn(self.clone().send_for(account));
            } else {
                self.tell_sender(&account.id);
            }
        }
        Ok(())
    }

    async fn send_for(self: Arc<Self>, account: Account) {
        if let Err(error) = self.send_all(&account).await {
            tracing::error!(
                account = account.id,
                error = format!("{error:#}"),
                "outbox: will try again"
            );
            super::pause().await;
        }
        self.forget_fetches(&account.id);
        self.busy().remove(&account.id);
        // Whatever came due after the last look.
        self.house.wake.outbox.notify_one();
    }

    /// Send what is due, claim by claim, until nothing is.
    async fn send_all(self: &Arc<Self>, account: &Account) -> anyhow::Result<()> {
        let Some(channel) = self.house.channels.get(account.channel) else { return Ok(()) };
        let settling = TaskTracker::new();
        let allowance = self.allowance(account).await?;
        let fetches = self.fetches_of(&account.id);
        while !self.stop.is_cancelled() {
            let now = self.house.clock.now();
            self.kept().remove(&account.id);
            if !self.stay_sender(account).await? {
                break;
            }
            // As it is set now: a sender may have work for days.
            let Some(account) = self.account_now(&account.id).await? else { break };
            if fetches.are_many() {
                self.wait_for_files(&fetches).await;
                continue;
            }
            let wanted = Wanted {
                kind: JobKind::Send,
                account: Some(&account.id),
                limit: CLAIM,
                now,
                lease: self.house.config.delivery.lease,
            };
            let jobs = job::claim(&self.house.store, wanted).await?;
            if jobs.is_empty() {
                // Those that settle now may make others the heads of their chats.
                if settling.is_empty() && fetches.are_over() {
                    break;
                }
                if settling.is_empty() {
                    self.wait_for_files(&fetches).await;
                    continue;
                }
                settling.close();
                settling.wait().await;
                settling.reopen();
                continue;
            }
            let line =
                Line { account: &account, channel, allowance: &allowance, fetches: &fetches };
            self.send_set(line, jobs, &settling).await?;
        }
        settling.close();
        settling.wait().await;
        Ok(())
    }

    async fn send_set(
        self: &Arc<Self>,
        line: Line<'_>,
        jobs: Vec<Job>,
        settling: &TaskTracker,
    ) -> anyhow::Result<()> {
        let ids: Vec<String> =
            jobs.iter().map(|job| job.subject_id.clone()).filter(|id| !id.is_empty()).collect();
        let found = message::sendable(&mut *self.house.store.read().await?, &ids).await;
        if found.is_err() {
            job::give_back(&self.house.store, jobs.iter().map(|job| job.id.as_str())).await;
        }
        let found = found?;
        let sends = jobs.into_iter().map(|job| {
            let sendable = found.get(&job.subject_id).cloned();
            async move {
                let message = sendable.as_ref().map(|sendable| sendable.message.clone());
                let left = match self.send_one(line, &job, sendable).await {
                    Ok(left) => left,
                    Err(error) => {
                        tracing::error!(
                            message = job.subject_id,
                            error = format!("{error:#}"),
                            "outbox: a send waits"
                        );
                        super::pause().await;
                        Left::Later
                    }
                };
                if let (Left::Fetch, Some(message)) = (&left, &message) {
                    self.fetch(line.fetches, job, message.clone());
                    return;
                }
                let outbox = self.clone();
                let conversations = line.account.counts_conversations();
                let closing = Closing { job, message, left, conversations };
                let settled = async move { outbox.settle(closing).await };
                if line.channel.deduplicates() {
                    settling.spawn(settled);
                } else {
                    settled.await;
                }
            }
        });
        let in_flight = match line.account.settings.in_flight {
            Some(in_flight) => usize::try_from(in_flight).unwrap_or(1),
            None => line.channel.in_flight(),
        };
        stream::iter(sends).buffer_unordered(in_flight.max(1)).collect::<Vec<()>>().await;
        Ok(())
    }

    async fn settle(&self, closing: Closing) {
        let id = closing.job.id.clone();
        let settled = match closing.left {
            Left::Later => false,
            _ => self.submit(&id, closing).await,
        };
        if settled {
            job::release(&self.house.store, [id.as_str()]);
        } else {
            job::give_back(&self.house.store, [id.as_str()]).await;
        }
    }

    async fn submit(&self, id: &str, closing: Closing) -> bool {
        let Err(error) = self.settle.submit(closing).await else { return true };
        tracing::error!(
            job = id,
            error = format!("{error:#}"),
            "a send could not be settled; it will be sent again"
        );
        super::pause().await;
        false
    }

    /// Hand one message over, by the rules of the moment of sending.
    async fn send_one(
        &self,
        line: Line<'_>,
        job: &Job,
        sendable: Option<Sendable>,
    ) -> anyhow::Result<Left> {
        let Line { account, channel, allowance, .. } = line;
        if self.stop.is_cancelled() {
            return Ok(Left::Later);
        }
        if job.subject_id.is_empty() {
            self.signal(account, channel, job).await?;
            return Ok(Left::Nothing);
        }
        let Some(mut sendable) =
            sendable.filter(|sendable| sendable.message.status == Status::Pending)
        else {
            return Ok(Left::Nothing);
        };
        let stage: Stage = job.stage.parse()?;
        match stage.next(channel.deduplicates(), self.house.config.outbox.on_doubt) {
            Next::Send => {}
            Next::Wait => return Ok(Left::Doubt),
            Next::GiveUp => return Ok(Left::in_doubt()),
            Next::Resend => sendable.message.possible_duplicate = true,
        }
        let mut checked = self.check(account, &sendable).await?;
        if checked.is_ok() {
            checked = quota::at_send(&self.house, account, &sendable).await?;
        }
        if let Err(refused) = checked {
            return Ok(Left::failed(refused.code, &refused.message));
        }
        let now = self.house.clock.now();
        if stage == Stage::Fresh {
            if sendable.message.due_at > now {
                // It was given another time while it was claimed.
                return Ok(Left::Later);
            }
            if let Some(hold) = hold::quiet(account, &sendable, job, now) {
                return Ok(Left::Held(hold));
            }
        }
        if media::is_remote(&sendable.message) {
            return Ok(Left::Fetch);
        }
        if let Err(problem) = media::prepare(&self.house, &mut sendable.message).await? {
            return Ok(problem.left(&self.house.config.outbox));
        }
        if let Err(hold) = allowance.take(account, now) {
            return Ok(Left::Held(hold));
        }
        let left = self.send_now(line, job, stage, sendable).await;
        if !matches!(left, Ok(Left::Sent { .. })) {
            allowance.give_back();
        }
        left
    }

    /// Nothing stands against it: wait for its turn and let it go.
    async fn send_now(
        &self,
        line: Line<'_>,
        job: &Job,
        stage: Stage,
        sendable: Sendable,
    ) -> anyhow::Result<Left> {
        let Line { account, channel, .. } = line;
        self.paces.wait(&self.house, account, &self.stop).await;
        if sendable.options.typing {
            self.show_typing(account, channel, &sendable.contact.phone).await;
        }
        // All that may take long is behind us: from here on bytes may leave.
        if self.stop.is_cancelled() || !self.stay_sender(account).await? {
            return Ok(Left::Later);
        }
        if !channel.deduplicates() && !settle::begin(&self.house, job, stage.begun()).await? {
            return Ok(Left::Later);
        }
        self.hand_over(account, channel, job, sendable).await
    }

    /// The rules again, as things stand now.
    async fn check(
        &self,
        account: &Account,
        sendable: &Sendable,
    ) -> anyhow::Result<Result<(), Refused>> {
        let content = &sendable.message.content;
        let template = templates::to_send(&self.house, account, content).await?;
        Ok(rules::check(&Case {
            account,
            chat: Some(&sendable.chat),
            contact: Some(&sendable.contact),
            content,
            template: template.as_ref(),
            opt_out_notice: sendable.opt_out_notice,
            due_at: sendable.message.due_at,
            now: self.house.clock.now(),
        }))
    }

    async fn hand_over(
        &self,
        account: &Account,
        channel: &dyn Channel,
        job: &Job,
        sendable: Sendable,
    ) -> anyhow::Result<Left> {
        let Sendable { message, options, contact, reply_to_provider, .. } = sendable;
        let outgoing = Outgoing {
            id: message.id.clone(),
            to: contact.phone,
            content: if options.randomise {
                varied(message.content, &message.id)
            } else {
                message.content
            },
            reply_to: reply_to_provider,
            typing: options.typing,
            possible_duplicate: message.possible_duplicate,
        };
        self.house.pulses.asked(&account.id, self.house.clock.now());
        let sent = channel.send(account, &outgoing);
        let sent = spans::sent(&self.house, job, account, &message.trace, sent).await;
        Ok(match sent {
            Ok(sent) => Left::Sent {
                provider_id: sent.provider_id,
                possible_duplicate: outgoing.possible_duplicate,
            },
            Err(error) => judge(&self.house.config.outbox, error, channel.deduplicates()),
        })
    }
}
