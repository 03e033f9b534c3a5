//! Stage 3: claim events in the order of their chats, call the plugins, and hand in what came of it.
//!
//! One job walks the chain: each call settles by itself, moves the job one step on, and the next
//! claim finds the next plugin. Jobs of a claim run side by side; a slow one holds back only itself.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::batch::Batcher;
use super::effect::{Conclusion, Settled, Settlement, Settler};
use super::reads::Reads;
use super::registry::{Active, Team};
use super::timers::Fire;
use super::{House, input, media};
use crate::model::{Chat, Event, FaultClass, JobKind};
use crate::plugin::manifest::On;
use crate::plugin::{Call, Fault, Input, Outcome, Usage, Verdict};
use crate::store::job::{Job, Wanted};
use crate::store::{chat, event, job, timer};

/// A call whose reads were overtaken runs again at once; after so many times, one by one.
const RACES: u32 = 3;

struct Dispatcher {
    house: Arc<House>,
    settle: Batcher<Settler>,
    /// Held by calls that lost too often, so that of these only one runs at a time.
    serial: tokio::sync::Mutex<()>,
}

/// Call plugins until told to stop; then wait for the calls under way.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(house.config.delivery.concurrency));
    let settle = Batcher::start(Arc::new(Settler(house.clone())));
    let dispatcher =
        Arc::new(Dispatcher { house: house.clone(), settle, serial: tokio::sync::Mutex::new(()) });
    let running = TaskTracker::new();
    loop {
        let looked = house.clock.now();
        let claimed = match claim(&house, &slots).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "events: will try again");
                Vec::new()
            }
        };
        if claimed.is_empty() {
            if house.rest(&house.wake.dispatch, Some(JobKind::Event), looked, &stop).await {
                break;
            }
            continue;
        }
        for (task, slot) in claimed {
            running.spawn(dispatcher.clone().carry(task, slot));
        }
        if stop.is_cancelled() {
            break;
        }
    }
    running.close();
    running.wait().await;
}

/// A claimed job with what it takes to run it.
struct Task {
    job: Job,
    /// Absent for a fire that turned stale.
    event: Option<Arc<Event>>,
    chat: Option<Chat>,
    team: Arc<Team>,
}

async fn claim(
    house: &Arc<House>,
    slots: &Arc<Semaphore>,
) -> anyhow::Result<Vec<(Task, OwnedSemaphorePermit)>> {
    let free = slots.available_permits();
    let wanted = Wanted {
        kind: JobKind::Event,
        account: None,
        limit: free,
        now: house.clock.now(),
        lease: house.config.delivery.lease,
    };
    let jobs = job::claim(&house.store, wanted).await?;
    let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    let prepared = prepare(house, jobs).await;
    if prepared.is_err() {
        job::give_back(&house.store, ids.iter().map(String::as_str)).await;
    }
    let mut claimed = Vec::new();
    for task in prepared? {
        // Only this loop takes slots, so those counted above are still free.
        claimed.push((task, slots.clone().acquire_owned().await?));
    }
    Ok(claimed)
}

async fn prepare(house: &Arc<House>, jobs: Vec<Job>) -> anyhow::Result<Vec<Task>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut conn = house.store.read().await?;
    let subjects: Vec<String> = jobs.iter().map(|job| job.subject_id.clone()).collect();
    let events: HashMap<String, Arc<Event>> = event::by_ids(&mut conn, &subjects)
        .await?
        .into_iter()
        .map(|(id, event)| (id, Arc::new(event)))
        .collect();
    let chat_ids: Vec<String> =
        events.values().map(|event| event.chat_id.clone()).filter(|id| !id.is_empty()).collect();
    let chats = chat::by_ids(&mut conn, &chat_ids).await?;
    drop(conn);
    let mut tasks = Vec::with_capacity(jobs.len());
    for job in jobs {
        let event = events.get(&job.subject_id).cloned();
        let chat = event.as_ref().and_then(|event| chats.get(&event.chat_id)).cloned();
        let team = house.registry.team(&house.store, &job.team_id).await?;
        tasks.push(Task { job, event, chat, team });
    }
    Ok(tasks)
}

impl Dispatcher {
    async fn carry(self: Arc<Self>, task: Task, slot: OwnedSemaphorePermit) {
        let id = task.job.id.clone();
        let ended = AssertUnwindSafe(self.run(&task)).catch_unwind().await;
        match ended.unwrap_or_else(|_| Err(anyhow::anyhow!("the host failed at it"))) {
            Ok(()) => job::release(&self.house.store, [id.as_str()]),
            Err(error) => {
                tracing::error!(
                    job = id,
                    error = format!("{error:#}"),
                    "an event could not be settled; it stays queued"
                );
                super::pause().await;
                job::give_back(&self.house.store, [id.as_str()]).await;
            }
        }
        // First the place, then the news of it.
        drop(slot);
        self.house.wake.dispatch.notify_one();
    }

    /// Run one step of a job and settle it.
    async fn run(&self, task: &Task) -> anyhow::Result<()> {
        let mut lost = 0;
        loop {
            let serial = if lost >= RACES { Some(self.serial.lock().await) } else { None };
            let settlement = self.settlement(task).await?;
            let (files, done) = (settlement.files(), settlement.is_done());
            let discard = || media::discard(&self.house, &task.job.team_id, &files);
            if !done {
                discard().await;
            }
            let settled = match self.settle.submit(settlement.clone()).await {
                // What cannot be written would not be written the next time either: an attempt is
                // spent, so that the chat goes on some day.
                Err(error) => self.settle.submit(unwritten(settlement, &error)).await,
                settled => settled,
            };
            drop(serial);
            if done {
                // Those that are not ready by now came to nothing.
                discard().await;
            }
            match settled? {
                Settled::Written | Settled::Zombie => return Ok(()),
                Settled::Overtaken => {
                    metrics::counter!("switchboard_plugin_calls_overtaken_total").increment(1);
                    lost += 1;
                }
            }
        }
    }

    async fn settlement(&self, task: &Task) -> anyhow::Result<Settlement> {
        let (job, team) = (task.job.clone(), task.team.clone());
        let conclude = |conclusion| Settlement { job: job.clone(), team: team.clone(), conclusion };
        let Some(event) = &task.event else { return Ok(conclude(Conclusion::Nothing)) };
        let Some(active) = target(task, event) else { return Ok(conclude(Conclusion::Nothing)) };
        if self.must_wait(active, event, job.lane.as_str()).await? {
            return Ok(conclude(Conclusion::Park {
                event: event.clone(),
                install_id: active.install.id.clone(),
                until: active.suspended_until,
            }));
        }
        let Some(input) = self.input(event, active, &job).await? else {
            return Ok(conclude(Conclusion::Nothing));
        };
        let attempt = task.job.attempts + 1;
        let outcome = if attempt > self.house.config.delivery.attempts {
            died(task.job.attempts)
        } else {
            self.house.runtime.call(self.call(active, event, input, job.id.clone(), attempt)).await
        };
        Ok(conclude(Conclusion::Ran {
            event: event.clone(),
            install_id: active.install.id.clone(),
            outcome: Arc::new(outcome),
        }))
    }

    fn call(
        &self,
        active: &Active,
        event: &Arc<Event>,
        input: Input,
        job: String,
        attempt: i64,
    ) -> Call {
        Call {
            install: active.install.clone(),
            event: event.clone(),
            input,
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            job,
            host: Arc::new(Reads::new(self.house.clone())),
        }
    }

    /// A suspended install's events wait, and so do those behind others that wait already.
    async fn must_wait(&self, active: &Active, event: &Event, lane: &str) -> anyhow::Result<bool> {
        if active.suspended_until == 0 {
            return Ok(false);
        }
        if active.is_suspended(self.house.clock.now()) {
            return Ok(true);
        }
        let parked = super::effect::parked_lane(&active.install.id, event);
        if lane == parked {
            return Ok(false);
        }
        let mut conn = self.house.store.read().await?;
        Ok(job::others_in_lane(&mut conn, &parked, &event.id).await?)
    }

    /// What the handler is given; `None` for a timer that was set anew or cancelled meanwhile.
    async fn input(
        &self,
        event: &Event,
        active: &Active,
        job: &Job,
    ) -> anyhow::Result<Option<Input>> {
        Ok(Some(match On::of(&event.kind) {
            On::Timer if job.stage != job::REPLAY && !event.data["timer"].is_null() => {
                let fire: Fire = serde_json::from_value(event.data["timer"].clone())?;
                let mut conn = self.house.store.read().await?;
                let timer =
                    timer::get(&mut conn, &active.install.id, &fire.scope, &fire.name).await?;
                let Some(timer) = timer.filter(|timer| timer.revision == fire.revision) else {
                    return Ok(None);
                };
                Input::Timer { name: timer.spec.name, payload: timer.spec.payload }
            }
            // The timer of a dead letter is long gone, and one that a person fired never was; what it
            // says stands in the event.
            _ => input::of(event)?,
        }))
    }
}

/// The install that this step is for: the one that the job names, or the next of the chain. Where a
/// human answers, messages reach only the plugins that must hear them even then; those of a blocked
/// contact reach none.
fn target<'a>(task: &'a Task, event: &Event) -> Option<&'a Active> {
    if On::of(&event.kind) == On::Message && task.chat.as_ref().is_some_and(|chat| chat.blocked) {
        return None;
    }
    let silent = On::of(&event.kind) == On::Message
        && task.chat.as_ref().is_some_and(|chat| !chat.assigned.is_empty());
    if !task.job.target_id.is_empty() {
        let named = task.team.install(&task.job.target_id);
        named.filter(|active| !silent || active.install.manifest.always)
    } else if silent {
        task.team.next_always(event, task.job.step)
    } else {
        task.team.next(event, task.job.step)
    }
}

/// The settlement of a call whose own settlement failed: as a call that failed.
fn unwritten(settlement: Settlement, error: &anyhow::Error) -> Settlement {
    let conclusion = match settlement.conclusion {
        Conclusion::Ran { event, install_id, .. } => {
            let reason = format!("the host could not write what it wants done: {error:#}");
            Conclusion::Ran { event, install_id, outcome: Arc::new(host_fault(reason)) }
        }
        conclusion => conclusion,
    };
    Settlement { conclusion, ..settlement }
}

/// The outcome of an event that the process died of, again and again.
fn died(attempts: i64) -> Outcome {
    host_fault(format!("the host stopped {attempts} times while this event was being handled"))
}

fn host_fault(reason: String) -> Outcome {
    Outcome {
        verdict: Verdict::Failed(Fault {
            class: FaultClass::Host,
            reason: reason.replace('\0', ""),
            backtrace: String::new(),
        }),
        effects: Vec::new(),
        reads: Vec::new(),
        logs: Vec::new(),
        files: Vec::new(),
        requests: Vec::new(),
        usage: Usage::default(),
    }
}
