//! What happens, told as spans: to a collector, where the settings name one.
//!
//! Their ids are made of what rows hold ([`trace`]), so that each stage finds its parent by itself. No
//! span holds what people wrote, or their numbers.

use std::time::Instant;

use serde_json::{Value, json};

use super::House;
use crate::config::Telemetry;
use crate::egress::otlp::{self, Exporter, Kind};
use crate::model::trace::{self, Span};
use crate::model::{Account, Direction, Event, Message, Millis, Trace};
use crate::plugin::{Outcome, Verdict};
use crate::store::job::Job;

/// The spans of a house.
pub struct Spans {
    settings: Telemetry,
    exporter: Option<Exporter>,
}

/// One attempt at something outside: when it began, how long it took, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub at: Millis,
    pub micros: u64,
    /// Why it failed; empty where it did not.
    pub failure: &'a str,
}

impl Spans {
    pub fn start(settings: &Telemetry) -> Self {
        Self {
            exporter: Exporter::start(&settings.otlp, &settings.service_name),
            settings: settings.clone(),
        }
    }

    /// Tell what is left.
    pub async fn close(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.close().await;
        }
    }

    /// A span of what came of this root, for receivers outside.
    pub fn of(&self, root: &str, id: u64) -> Span {
        let trace = trace::trace_id(root);
        let sampled = self.settings.samples(trace, trace::given_sampled(root));
        Span { trace, id, sampled }
    }

    /// Nothing is made where nothing is told.
    fn tell(&self, root: &str, span: impl FnOnce(u128) -> otlp::Span) {
        let Some(exporter) = &self.exporter else { return };
        let Span { trace, sampled, .. } = self.of(root, 0);
        if sampled {
            exporter.tell(span(trace));
        }
    }

    /// A message came in, or was queued.
    pub fn message(&self, message: &Message) {
        let root = message.trace.root(&message.id);
        self.tell(root, |trace| {
            let came = message.direction == Direction::In;
            let name = if came { "message.intake" } else { "message.queued" };
            let kind = if came { Kind::Consumer } else { Kind::Producer };
            let attributes = vec![
                ("switchboard.message", json!(message.id)),
                ("switchboard.account", json!(message.account_id)),
                ("switchboard.chat", json!(message.chat_id)),
                ("switchboard.message.type", json!(message.content.kind())),
                ("switchboard.status", json!(message.status)),
            ];
            let parent = parent(&message.trace, &message.id);
            otlp::Span {
                parent,
                attributes,
                ..point(trace, trace::message_span(&message.id), name, kind, message.created_at)
            }
        });
    }

    /// A fact was committed.
    pub fn event(&self, event: &Event, now: Millis) {
        self.tell(event.trace.root(&event.id), |trace| {
            let parent = match (event.trace.parent, event.message_id.as_str()) {
                // Of a message in this trace, or in another.
                (0, message) if !message.is_empty() && !event.trace.root.is_empty() => {
                    trace::message_span(message)
                }
                (0, _) => parent(&event.trace, &event.id),
                (caused, _) => caused,
            };
            let name = match event.status() {
                Some(status) => format!("{} {status}", event.kind),
                None => event.kind.clone(),
            };
            let attributes = vec![
                ("switchboard.event", json!(event.id)),
                ("switchboard.account", json!(event.account_id)),
                ("switchboard.chat", json!(event.chat_id)),
                ("switchboard.depth", json!(event.depth)),
            ];
            let id = trace::event_span(&event.id);
            otlp::Span { parent, attributes, ..point(trace, id, &name, Kind::Internal, now) }
        });
    }

    /// A plugin was called, with the requests that it made.
    pub fn call(
        &self,
        event: &Event,
        job: &Job,
        install_id: &str,
        plugin: &str,
        outcome: &Outcome,
    ) {
        let id = trace::job_span(&job.id, install_id, job.attempts + 1);
        let root = event.trace.root(&event.id);
        self.tell(root, |trace| {
            let usage = &outcome.usage;
            let attributes = vec![
                ("switchboard.plugin", json!(plugin)),
                ("switchboard.install", json!(install_id)),
                ("switchboard.attempt", json!(job.attempts + 1)),
                ("switchboard.cpu_micros", json!(usage.cpu_micros)),
                ("switchboard.memory_bytes", json!(usage.memory_bytes)),
                ("switchboard.effects", json!(outcome.effects.len())),
            ];
            otlp::Span {
                parent: trace::event_span(&event.id),
                micros: usage.wall_micros,
                attributes,
                failure: failure(&outcome.verdict),
                ..point(trace, id, &format!("plugin {plugin}"), Kind::Consumer, usage.at)
            }
        });
        for request in &outcome.requests {
            self.tell(root, |trace| otlp::Span {
                parent: id,
                after_micros: request.after_micros,
                micros: request.micros,
                attributes: vec![
                    ("http.request.method", json!(request.method)),
                    ("server.address", json!(request.host)),
                    ("http.response.status_code", json!(request.status)),
                ],
                failure: Some(request.code.to_owned()).filter(|code| !code.is_empty()),
                ..point(trace, request.span, &request.method, Kind::Client, outcome.usage.at)
            });
        }
    }

    /// A message was handed to its channel.
    fn send(&self, job: &Job, account: &Account, of: &Trace, attempt: Attempt<'_>) {
        self.tell(of.root(&job.subject_id), |trace| {
            let channel = account.channel.as_str();
            let id = trace::job_span(&job.id, channel, job.attempts + 1);
            let attributes = vec![
                ("switchboard.message", json!(job.subject_id)),
                ("switchboard.account", json!(account.id)),
                ("switchboard.attempt", json!(job.attempts + 1)),
            ];
            let name = format!("send {channel}");
            let parent = trace::message_span(&job.subject_id);
            attempted(
                attempt,
                parent,
                attributes,
                point(trace, id, &name, Kind::Client, attempt.at),
            )
        });
    }

    /// The span of a notice: what its receiver is told.
    pub fn of_notice(&self, event: &Event, job: &Job) -> Span {
        let id = trace::job_span(&job.id, &job.target_id, job.attempts + 1);
        self.of(event.trace.root(&event.id), id)
    }

    /// An event was posted to an endpoint.
    pub fn notice(&self, event: &Event, job: &Job, status: u16, attempt: Attempt<'_>) {
        let id = self.of_notice(event, job).id;
        self.tell(event.trace.root(&event.id), |trace| {
            let attributes = vec![
                ("switchboard.endpoint", json!(job.target_id)),
                ("switchboard.attempt", json!(job.attempts + 1)),
                ("http.response.status_code", json!(status)),
            ];
            let parent = trace::event_span(&event.id);
            attempted(
                attempt,
                parent,
                attributes,
                point(trace, id, "notice", Kind::Client, attempt.at),
            )
        });
    }
}

/// Hand a message to its channel, count it, and tell of it.
pub async fn sent<T, E>(
    house: &House,
    job: &Job,
    account: &Account,
    of: &Trace,
    sending: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let (at, begun) = (house.clock.now(), Instant::now());
    let sent = sending.await;
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    let (outcome, failure) = if sent.is_ok() { ("sent", "") } else { ("failed", "failed") };
    metrics::counter!("switchboard_sends_total", "outcome" => outcome).increment(1);
    house.spans.send(job, account, of, Attempt { at, micros, failure });
    sent
}

/// What caused a thing that no message of ours did: a call, or somebody outside.
fn parent(of: &Trace, own_id: &str) -> u64 {
    if of.parent == 0 { trace::given_parent(of.root(own_id)) } else { of.parent }
}

fn point(trace: u128, id: u64, name: &str, kind: Kind, at: Millis) -> otlp::Span {
    let name = name.to_owned();
    let attributes = Vec::new();
    otlp::Span {
        trace,
        id,
        parent: 0,
        name,
        kind,
        at,
        after_micros: 0,
        micros: 0,
        attributes,
        failure: None,
    }
}

fn attempted(
    attempt: Attempt<'_>,
    parent: u64,
    attributes: Vec<(&'static str, Value)>,
    span: otlp::Span,
) -> otlp::Span {
    let failure = Some(attempt.failure.to_owned()).filter(|failure| !failure.is_empty());
    otlp::Span { parent, attributes, micros: attempt.micros, failure, ..span }
}

/// The class alone: the reason may hold what people wrote.
fn failure(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Done { .. } => None,
        Verdict::RetryAfter(_) => Some("retry".to_owned()),
        Verdict::Rejected(_) => Some("rejected".to_owned()),
        Verdict::Failed(fault) => Some(fault.class.to_string()),
    }
}
