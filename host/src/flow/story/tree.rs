//! Rows become steps: first each below what led to it, then all in order of time.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{Rows, Step, StepKind};
use crate::flow::effect::told::Detail;
use crate::model::{Direction, Event, JobKind, Message, Millis, trace};
use crate::store::plugin_call::CallRow;
use crate::store::plugin_log::LogRow;

/// All steps of these rows.
pub fn steps(rows: &Rows) -> Vec<Step> {
    let mut teller = Teller::new(rows);
    let began = |of: &str| !teller.known.contains(of);
    let messages: Vec<&Message> =
        rows.messages.iter().filter(|message| began(&message.trace.cause())).collect();
    let events: Vec<&Event> = rows
        .events
        .iter()
        .filter(|event| began(&event.trace.cause()) && began(&event.message_id))
        .collect();
    for message in messages {
        teller.message(message, "", Millis::MIN);
    }
    for event in events {
        teller.event(event, "", Millis::MIN);
    }
    // What is told below something is told behind it where both are of one moment.
    teller.steps.sort_by_key(|step| step.at);
    teller.steps
}

struct Teller<'a> {
    rows: &'a Rows,
    calls: HashMap<&'a str, Vec<(&'a CallRow, Detail)>>,
    /// What other rows may name as what led to them: messages, and the spans of calls.
    known: HashSet<String>,
    told: HashSet<String>,
    steps: Vec<Step>,
}

impl<'a> Teller<'a> {
    fn new(rows: &'a Rows) -> Self {
        let mut calls: HashMap<&str, Vec<(&CallRow, Detail)>> = HashMap::new();
        let mut known: HashSet<String> =
            rows.messages.iter().map(|message| message.id.clone()).collect();
        for call in &rows.calls {
            let detail: Detail = serde_json::from_str(&call.detail).unwrap_or_default();
            known.insert(detail.span.clone());
            calls.entry(&call.event_id).or_default().push((call, detail));
        }
        known.remove("");
        Self { rows, calls, known, told: HashSet::new(), steps: Vec::new() }
    }

    fn message(&mut self, message: &'a Message, of: &str, not_before: Millis) {
        if !self.told.insert(message.id.clone()) {
            return;
        }
        let at = message.created_at.max(not_before);
        let came = message.direction == Direction::In;
        let way = if came { "from a customer" } else { "to a customer" };
        self.steps.push(Step {
            name: format!("{} {way}", message.content.kind()),
            outcome: message.status.to_string(),
            detail: json!({
                "account": message.account_id, "chat": message.chat_id,
                "errorCode": message.error_code, "errorMessage": message.error_message,
            }),
            ..step(at, StepKind::Message, &message.id, of)
        });
        for event in self.rows.events.iter().filter(|event| event.message_id == message.id) {
            self.event(event, &message.id, at);
        }
        self.waiting(&message.id);
    }

    fn event(&mut self, event: &'a Event, of: &str, not_before: Millis) {
        if !self.told.insert(event.id.clone()) {
            return;
        }
        let at = event.at.max(not_before);
        self.steps.push(Step {
            name: event.kind.clone(),
            outcome: event.status().unwrap_or_default().to_owned(),
            detail: json!({ "chat": event.chat_id, "depth": event.depth }),
            ..step(at, StepKind::Event, &event.id, of)
        });
        let calls = self.calls.remove(event.id.as_str()).unwrap_or_default();
        let mut before = String::new();
        for (call, detail) in calls {
            self.call(event, call, &detail, &before);
            before.clone_from(&call.id);
        }
        for letter in self.rows.letters.iter().filter(|letter| letter.event_id == event.id) {
            self.steps.push(Step {
                name: letter.reason.clone(),
                outcome: letter.fault.clone(),
                install_id: letter.install_id.clone(),
                attempt: letter.attempts,
                detail: json!({ "replayed": letter.replayed_at.is_some() }),
                ..step(letter.created_at, StepKind::DeadLetter, &letter.id, &event.id)
            });
        }
        for notice in self.rows.notices.iter().filter(|notice| notice.event_id == event.id) {
            let outcome = match notice.status {
                0 => notice.response.clone(),
                status => status.to_string(),
            };
            self.steps.push(Step {
                name: format!("endpoint {}", notice.endpoint_id),
                outcome,
                attempt: notice.attempt,
                micros: Some(notice.millis.saturating_mul(1000)),
                ..step(notice.at, StepKind::Notice, &notice.id, &event.id)
            });
        }
        self.waiting(&event.id);
    }

    fn call(&mut self, event: &'a Event, call: &'a CallRow, detail: &Detail, before: &str) {
        let failed = self.rows.failures.iter().rfind(|failure| {
            failure.event_id == event.id
                && failure.install_id == call.install_id
                && failure.attempt == detail.attempt
        });
        self.steps.push(Step {
            name: failed.map(|failure| failure.reason.clone()).unwrap_or_default(),
            outcome: detail.outcome.clone(),
            install_id: call.install_id.clone(),
            attempt: detail.attempt,
            micros: i64::try_from(detail.wall_micros).ok(),
            detail: json!({
                "version": detail.version_id, "cpuMicros": detail.cpu_micros,
                "memoryBytes": detail.memory_bytes, "effects": detail.effects, "stop": detail.stop,
            }),
            ..step(call.at, StepKind::Call, &call.id, &event.id)
        });
        let end = call.at + i64::try_from(detail.wall_micros / 1000).unwrap_or(0);
        for (number, request) in detail.requests.iter().enumerate() {
            let id = format!("{}/{number}", call.id);
            let status = request.status.to_string();
            let after = i64::try_from(request.after_micros / 1000).unwrap_or(0);
            self.steps.push(Step {
                name: format!("{} {}", request.method, request.host),
                outcome: if request.code.is_empty() { status } else { request.code.clone() },
                install_id: call.install_id.clone(),
                micros: i64::try_from(request.micros).ok(),
                ..step(call.at + after, StepKind::Request, &id, &call.id)
            });
        }
        // A call's lines are written just before it.
        let own = |line: &&LogRow| {
            line.event_id == event.id
                && line.install_id == call.install_id
                && line.id.trim_start_matches("log") > before.trim_start_matches("call")
                && line.id.trim_start_matches("log") < call.id.trim_start_matches("call")
        };
        for line in self.rows.logs.iter().filter(own) {
            self.steps.push(Step {
                name: line.message.clone(),
                outcome: line.level.clone(),
                install_id: line.install_id.clone(),
                ..step(line.at, StepKind::Log, &line.id, &call.id)
            });
        }
        self.caused(call, &detail.span, end);
    }

    /// What a call led to.
    fn caused(&mut self, call: &CallRow, span: &str, end: Millis) {
        let rows = self.rows;
        let by = |cause: &trace::Trace| !span.is_empty() && cause.cause() == span;
        for message in rows.messages.iter().filter(|message| by(&message.trace)) {
            self.message(message, &call.id, end.min(message.created_at));
        }
        for event in rows.events.iter().filter(|event| by(&event.trace)) {
            self.event(event, &call.id, end.min(event.at));
        }
    }

    /// What is still to be done about a message or an event.
    fn waiting(&mut self, subject: &str) {
        for job in self.rows.jobs.iter().filter(|job| job.subject_id == subject) {
            let name = match job.kind {
                JobKind::Send => "to be sent",
                JobKind::Event => "to be handed to plugins",
                JobKind::Notify => "to be posted to an endpoint",
                _ => "to be done",
            };
            let why = if job.held.is_empty() { &job.stage } else { &job.held };
            self.steps.push(Step {
                name: name.to_owned(),
                outcome: why.clone(),
                attempt: job.attempts + 1,
                detail: json!({ "target": job.target_id }),
                ..step(job.due_at, StepKind::Waiting, &job.id, subject)
            });
        }
    }
}

fn step(at: Millis, kind: StepKind, id: &str, of: &str) -> Step {
    Step {
        at,
        kind,
        id: id.to_owned(),
        of: of.to_owned(),
        name: String::new(),
        outcome: String::new(),
        install_id: String::new(),
        attempt: 0,
        micros: None,
        detail: Value::Null,
    }
}
