//! Stage 8: tell the customer's own endpoints what happened, signed as Standard Webhooks are.
//!
//! At least once: a notice whose settlement is lost is sent again under the same `webhook-id`.

mod body;
mod resend;
mod settle;
mod sign;
mod wait;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::House;
use super::batch::Batcher;
use super::spans::Attempt;
use crate::egress::{Egress, EgressError, Request, Response};
use crate::model::{Event, JobKind, Millis};
use crate::store::endpoint::Endpoint;
use crate::store::job::{Job, Wanted};
use crate::store::{endpoint, event, job};
use settle::{Settlement, Settler, Verdict};

pub use body::{EventView, body};
pub use resend::{range, single};
pub use sign::{check_secret, headers_context, new_secret, old_secret_context, secret_context};

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
        let resent = resend::step(&house).await.unwrap_or_else(|error| {
            tracing::error!(error = format!("{error:#}"), "sending again: will try again");
            0
        });
        if claimed.is_empty() && resent == 0 {
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
        let span = house.spans.of_notice(&event, &job);
        let answer = self.exchange(&event, &endpoint, at, &span.header()).await;
        let took = begun.elapsed();
        let millis = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        let (status, response, retry_after) = match &answer {
            Ok(answer) => {
                (answer.status, beginning(&answer.body), wait::asked(&answer.headers, at))
            }
            Err(error) => (0, format!("{error:#}"), None),
        };
        let delivered = (200..300).contains(&status);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let failure = if delivered { "" } else { "failed" };
        house.spans.notice(&event, &job, status, Attempt { at, micros, failure });
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
                body::moment(endpoint.failing_since.unwrap_or(now))
            ));
        }
        let step = usize::try_from(job.attempts).ok().and_then(|step| settings.schedule.get(step));
        match step {
            Some(wait) => {
                Verdict::Again(now + wait::pause(*wait, retry_after, rand::random_range(0.0..1.0)))
            }
            None => Verdict::GivenUp,
        }
    }

    async fn exchange(
        &self,
        event: &Event,
        endpoint: &Endpoint,
        at: Millis,
        traceparent: &str,
    ) -> anyhow::Result<Response> {
        let body = serde_json::to_string(&body(event))?;
        let timestamp = at.div_euclid(1000);
        let mut signatures = Vec::new();
        for secret in self.secrets(endpoint, at)? {
            signatures.push(sign::signature(&secret, &event.id, timestamp, &body)?);
        }
        let mut headers = self.own_headers(endpoint)?;
        let trace = HeaderName::from_static("traceparent");
        headers.entry(trace).or_insert(HeaderValue::from_str(traceparent)?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("webhook-id"), HeaderValue::from_str(&event.id)?);
        headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(timestamp));
        headers.insert(
            HeaderName::from_static("webhook-signature"),
            HeaderValue::from_str(&signatures.join(" "))?,
        );
        let url = Url::parse(&endpoint.url)?;
        let request = Request { method: Method::POST, url, headers, body: Bytes::from(body) };
        let timeout =
            Duration::from_millis(u64::try_from(self.house.config.notify.timeout).unwrap_or(0));
        // A redirect comes back as an answer that is not 2xx: it is not followed.
        let sent = self.egress.send(request, timeout, MAX_ANSWER).await;
        sent.map_err(|error: EgressError| anyhow::anyhow!(error))
    }

    /// The secrets that sign now: the present one, and the one before while it still counts.
    fn secrets(&self, endpoint: &Endpoint, at: Millis) -> anyhow::Result<Vec<String>> {
        let seal = &self.house.seal;
        let mut secrets = vec![seal.open(&secret_context(&endpoint.id), &endpoint.sealed_secret)?];
        if at < endpoint.old_secret_until {
            secrets
                .push(seal.open(&old_secret_context(&endpoint.id), &endpoint.old_sealed_secret)?);
        }
        Ok(secrets)
    }

    /// The headers that the customer wants to see.
    fn own_headers(&self, endpoint: &Endpoint) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if endpoint.sealed_headers.is_empty() {
            return Ok(headers);
        }
        let sealed = &endpoint.sealed_headers;
        let opened = self.house.seal.open(&headers_context(&endpoint.id), sealed)?;
        let own: BTreeMap<String, String> = serde_json::from_str(&opened)?;
        for (name, value) in own {
            headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        Ok(headers)
    }
}

/// The beginning of an answer as text that a database takes.
fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(KEPT)]).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_as_text_however_it_looks() {
        assert_eq!(beginning(b"ok\0\xff"), "ok\u{fffd}\u{fffd}");
        assert_eq!(beginning(&[b'x'; 5000]).len(), KEPT);
    }
}
