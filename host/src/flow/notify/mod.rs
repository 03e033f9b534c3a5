//! Stage 8: tell the customer's own endpoints what happened, signed as Standard Webhooks are.
//!
//! At least once: a notice whose settlement is lost is sent again under the same `webhook-id`.

mod settle;
mod sign;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::House;
use super::batch::Batcher;
use crate::egress::{Egress, EgressError, Request, Response};
use crate::model::{Event, JobKind, Millis};
use crate::store::endpoint::Endpoint;
use crate::store::job::{Job, Wanted};
use crate::store::{endpoint, event, job};
use settle::{Settlement, Settler, Verdict};

pub use sign::{new_secret, secret_context};

/// How much of an answer is kept to be looked at.
const KEPT: usize = 1024;
/// How much of an answer is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Post events to endpoints until told to stop; then wait for the requests under way.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    let egress = match Egress::new(house.config.notify.allow.clone()) {
        Ok(egress) => egress,
        Err(error) => {
            tracing::error!(%error, "no notices can be sent: TLS cannot be set up");
            return;
        }
    };
    let slots = Arc::new(Semaphore::new(house.config.notify.concurrency));
    let settle = Batcher::start(Arc::new(Settler(house.clone())));
    let poster = Arc::new(Poster { house: house.clone(), egress, settle });
    let running = TaskTracker::new();
    loop {
        let looked = house.clock.now();
        let claimed = match claim(&house, &slots).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "notices: will try again");
                Vec::new()
            }
        };
        if claimed.is_empty() {
            if house.rest(&house.wake.notify, Some(JobKind::Notify), looked, &stop).await {
                break;
            }
            continue;
        }
        for (task, slot) in claimed {
            running.spawn(poster.clone().carry(task, slot));
        }
        if stop.is_cancelled() {
            break;
        }
    }
    running.close();
    running.wait().await;
}

/// A claimed notice; what is absent is gone.
struct Task {
    job: Job,
    event: Option<Event>,
    endpoint: Option<Endpoint>,
}

async fn claim(
    house: &House,
    slots: &Arc<Semaphore>,
) -> anyhow::Result<Vec<(Task, OwnedSemaphorePermit)>> {
    let wanted = Wanted {
        kind: JobKind::Notify,
        account: None,
        limit: slots.available_permits(),
        now: house.clock.now(),
        lease: house.config.delivery.lease,
    };
    let jobs = job::claim(&house.store, wanted).await?;
    let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    let tasks = prepare(house, jobs).await;
    if tasks.is_err() {
        job::give_back(&house.store, ids.iter().map(String::as_str)).await;
    }
    let mut claimed = Vec::new();
    for task in tasks? {
        // Only this loop takes slots, so those counted above are still free.
        claimed.push((task, slots.clone().acquire_owned().await?));
    }
    Ok(claimed)
}

async fn prepare(house: &House, jobs: Vec<Job>) -> anyhow::Result<Vec<Task>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut conn = house.store.read().await?;
    let subjects: Vec<String> = jobs.iter().map(|job| job.subject_id.clone()).collect();
    let targets: Vec<String> = jobs.iter().map(|job| job.target_id.clone()).collect();
    let events = event::by_ids(&mut conn, &subjects).await?;
    let endpoints: HashMap<String, Endpoint> = endpoint::by_ids(&mut conn, &targets).await?;
    let task = |job: Job| Task {
        event: events.get(&job.subject_id).cloned(),
        endpoint: endpoints.get(&job.target_id).filter(|endpoint| endpoint.enabled).cloned(),
        job,
    };
    Ok(jobs.into_iter().map(task).collect())
}

struct Poster {
    house: Arc<House>,
    egress: Egress,
    settle: Batcher<Settler>,
}

impl Poster {
    async fn carry(self: Arc<Self>, task: Task, slot: OwnedSemaphorePermit) {
        let id = task.job.id.clone();
        let settlement = self.post(task).await;
        match self.settle.submit(settlement).await {
            Ok(()) => job::release(&self.house.store, [id.as_str()]),
            Err(error) => {
                tracing::error!(
                    job = id,
                    error = format!("{error:#}"),
                    "a notice could not be settled; it will be sent again"
                );
                super::pause().await;
                job::give_back(&self.house.store, [id.as_str()]).await;
            }
        }
        drop(slot);
        self.house.wake.notify.notify_one();
    }

    async fn post(&self, task: Task) -> Settlement {
        let Task { job, event, endpoint } = task;
        let (Some(event), Some(endpoint)) = (event, endpoint) else {
            return Settlement::of(job, None, Verdict::Gone);
        };
        let house = &self.house;
        let at = house.clock.now();
        let begun = Instant::now();
        let answer = self.exchange(&event, &endpoint, at).await;
        let millis = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (status, response, retry_after) = match &answer {
            Ok(answer) => (answer.status, beginning(&answer.body), retry_after(&answer.headers)),
            Err(error) => (0, format!("{error:#}"), None),
        };
        let delivered = (200..300).contains(&status);
        let outcome = if delivered { "delivered" } else { "failed" };
        metrics::counter!("switchboard_notices_total", "outcome" => outcome).increment(1);
        let attempt = endpoint::Attempt {
            id: house.clock.id("att"),
            team_id: job.team_id.clone(),
            endpoint_id: endpoint.id.clone(),
            event_id: event.id,
            attempt: job.attempts + 1,
            at,
            millis,
            status: i64::from(status),
            response,
        };
        let verdict = if delivered {
            Verdict::Delivered
        } else if status == 410 {
            Verdict::Disable("it answered 410 Gone".to_owned())
        } else {
            self.failed(&job, &endpoint, retry_after)
        };
        Settlement::of(job, Some(attempt), verdict)
    }

    fn failed(&self, job: &Job, endpoint: &Endpoint, retry_after: Option<Millis>) -> Verdict {
        let (settings, now) = (&self.house.config.notify, self.house.clock.now());
        if endpoint.failing_since.is_some_and(|since| now - since >= settings.disable_after) {
            return Verdict::Disable(format!(
                "every attempt since {} failed",
                moment(endpoint.failing_since.unwrap_or(now))
            ));
        }
        let step = usize::try_from(job.attempts).ok().and_then(|step| settings.schedule.get(step));
        match step {
            Some(wait) => {
                Verdict::Again(now + pause(*wait, retry_after, rand::random_range(0.0..1.0)))
            }
            None => Verdict::GivenUp,
        }
    }

    async fn exchange(
        &self,
        event: &Event,
        endpoint: &Endpoint,
        at: Millis,
    ) -> anyhow::Result<Response> {
        let secret =
            self.house.seal.open(&secret_context(&endpoint.id), &endpoint.sealed_secret)?;
        let body = body(event).to_string();
        let timestamp = at.div_euclid(1000);
        let signature = sign::signature(&secret, &event.id, timestamp, &body)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("webhook-id"), HeaderValue::from_str(&event.id)?);
        headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(timestamp));
        headers.insert(
            HeaderName::from_static("webhook-signature"),
            HeaderValue::from_str(&signature)?,
        );
        let url = Url::parse(&endpoint.url)?;
        let request = Request { method: Method::POST, url, headers, body: Bytes::from(body) };
        let timeout =
            Duration::from_millis(u64::try_from(self.house.config.notify.timeout).unwrap_or(0));
        // A redirect comes back as an answer that is not 2xx: it is not followed.
        let sent = self.egress.send(request, timeout, MAX_ANSWER).await;
        sent.map_err(|error: EgressError| anyhow::anyhow!(error))
    }
}

/// What is posted: the fact with its name and time, and where it belongs.
pub fn body(event: &Event) -> Value {
    let named = |id: &str| if id.is_empty() { Value::Null } else { id.into() };
    json!({
        "type": event.kind,
        "timestamp": moment(event.at),
        "id": event.id,
        "cursor": event.cursor,
        "account": named(&event.account_id),
        "chat": named(&event.chat_id),
        "contact": named(&event.contact_id),
        "message": named(&event.message_id),
        "data": event.data,
    })
}

fn moment(at: Millis) -> String {
    let moment: DateTime<Utc> = DateTime::from_timestamp_millis(at).unwrap_or_default();
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The wait before the next attempt: as scheduled give or take a tenth (`chance` is 0 to 1), or as
/// long as the endpoint asks, up to a day.
fn pause(scheduled: Millis, asked: Option<Millis>, chance: f64) -> Millis {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a wait, give or take"
    )]
    let jittered = (scheduled as f64 * (0.9 + chance * 0.2)) as Millis;
    asked.map_or(jittered, |asked| jittered.max(asked.min(86_400_000)))
}

/// `Retry-After` in seconds; a date is not understood, and the schedule holds.
fn retry_after(headers: &HeaderMap) -> Option<Millis> {
    let seconds: i64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    seconds.checked_mul(1000).filter(|millis| *millis > 0)
}

/// The beginning of an answer as text that a database takes.
fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(KEPT)]).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_the_scheduled_one_or_the_one_asked_for() {
        assert_eq!(pause(10_000, None, 0.0), 9_000);
        assert_eq!(pause(10_000, None, 1.0), 11_000);
        assert_eq!(pause(10_000, Some(60_000), 0.5), 60_000);
        assert_eq!(
            pause(10_000, Some(1_000), 0.5),
            10_000,
            "asking for less than the schedule changes nothing"
        );
        assert_eq!(pause(0, Some(i64::MAX), 0.5), 86_400_000);
    }

    #[test]
    fn an_answer_is_kept_as_text_however_it_looks() {
        assert_eq!(beginning(b"ok\0\xff"), "ok\u{fffd}\u{fffd}");
        assert_eq!(beginning(&[b'x'; 5000]).len(), KEPT);
    }
}
