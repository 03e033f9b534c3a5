//! Spans on their way to a collector: OTLP over HTTP, as JSON, in batches.
//!
//! Nobody waits for it: what finds the queue full, and what a collector does not take, is dropped and
//! counted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Spans that wait, at most.
const QUEUE: usize = 8192;
/// Spans of one request.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const LINGER: Duration = Duration::from_millis(500);
/// A collector that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a stop waits for what is left.
const LAST: Duration = Duration::from_secs(2);

/// What a span is, in the words of OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal = 1,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// One span, over.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub trace: u128,
    pub id: u64,
    /// 0: it began the trace.
    pub parent: u64,
    pub name: String,
    pub kind: Kind,
    /// Unix milliseconds.
    pub at: i64,
    /// From then on.
    pub after_micros: u64,
    pub micros: u64,
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed; `None` where it did not.
    pub failure: Option<String>,
}

/// The way to a collector.
pub struct Exporter {
    queue: mpsc::Sender<Span>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Exporter {
    /// A task that sends what it is told to a collector's address, in the name of a service; `None` where
    /// there is no collector.
    pub fn start(collector: &str, service: &str) -> Option<Self> {
        if collector.is_empty() {
            return None;
        }
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        let client = client
            .inspect_err(|error| tracing::error!(%error, "no client for traces; none are exported"))
            .ok()?;
        let (queue, spans) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let sender = Sender {
            client,
            url: format!("{}/v1/traces", collector.trim_end_matches('/')),
            service: service.to_owned(),
        };
        let task = tokio::spawn(sender.run(spans, stop.clone()));
        Some(Self { queue, stop, task: Mutex::new(Some(task)) })
    }

    /// Take a span along; it is dropped where too many wait.
    pub fn tell(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            count("dropped", 1);
        }
    }

    /// Send what is left, for a moment at most.
    pub async fn close(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && tokio::time::timeout(LAST, task).await.is_err()
        {
            tracing::warn!("some spans were not exported any more");
        }
    }
}

fn count(outcome: &'static str, spans: usize) {
    metrics::counter!("switchboard_spans_total", "outcome" => outcome).increment(spans as u64);
}

struct Sender {
    client: reqwest::Client,
    url: String,
    service: String,
}

impl Sender {
    async fn run(self, mut spans: mpsc::Receiver<Span>, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                // First what waits, also while stopping.
                biased;
                taken = spans.recv_many(&mut batch, BATCH) => if taken == 0 { return },
                () = stop.cancelled() => return,
            }
            let full = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if spans.recv_many(&mut batch, room).await == 0 {
                        return;
                    }
                }
            };
            tokio::select! {
                () = full => {}
                () = tokio::time::sleep(LINGER) => {}
                () = stop.cancelled() => {}
            }
            failing = self.send(&batch, failing).await;
        }
    }

    /// Send a batch, once; true where it failed.
    async fn send(&self, batch: &[Span], was_failing: bool) -> bool {
        let sent = self.client.post(&self.url).json(&self.body(batch)).send().await;
        match sent.and_then(reqwest::Response::error_for_status) {
            Ok(_) => {
                count("exported", batch.len());
                false
            }
            Err(error) => {
                count("failed", batch.len());
                if !was_failing {
                    tracing::warn!(%error, "the collector takes no spans; those are dropped");
                }
                true
            }
        }
    }

    fn body(&self, batch: &[Span]) -> Value {
        json!({ "resourceSpans": [{
            "resource": { "attributes": [attribute("service.name", &json!(self.service))] },
            "scopeSpans": [{
                "scope": { "name": "switchboard", "version": env!("CARGO_PKG_VERSION") },
                "spans": batch.iter().map(shown).collect::<Vec<_>>(),
            }],
        }] })
    }
}

fn shown(span: &Span) -> Value {
    let begin = i128::from(span.at) * 1_000_000 + i128::from(span.after_micros) * 1000;
    let end = begin + i128::from(span.micros) * 1000;
    let mut shown = json!({
        "traceId": format!("{:032x}", span.trace),
        "spanId": format!("{:016x}", span.id),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": begin.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": span.attributes.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<_>>(),
    });
    if span.parent != 0 {
        shown["parentSpanId"] = format!("{:016x}", span.parent).into();
    }
    if let Some(failure) = &span.failure {
        shown["status"] = json!({ "code": 2, "message": failure });
    }
    shown
}

fn attribute(key: &str, value: &Value) -> Value {
    let value = match value {
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Bool(truth) => json!({ "boolValue": truth }),
        Value::String(text) => json!({ "stringValue": text }),
        other => json!({ "stringValue": other.to_string() }),
    };
    json!({ "key": key, "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Span {
        Span {
            trace: 0xab,
            id: 1,
            parent: 0,
            name: "call".to_owned(),
            kind: Kind::Internal,
            at: 1_000,
            after_micros: 2,
            micros: 3,
            attributes: vec![("attempt", json!(1)), ("plugin", json!("echo"))],
            failure: None,
        }
    }

    #[test]
    fn a_span_is_written_as_otlp_has_it() {
        let shown = shown(&Span { parent: 2, failure: Some("no".to_owned()), ..span() });
        assert_eq!(shown["traceId"], "000000000000000000000000000000ab");
        assert_eq!(
            (&shown["spanId"], &shown["parentSpanId"]),
            (&json!("0000000000000001"), &json!("0000000000000002"))
        );
        assert_eq!(
            (&shown["startTimeUnixNano"], &shown["endTimeUnixNano"]),
            (&json!("1000002000"), &json!("1000005000"))
        );
        assert_eq!(
            shown["attributes"][0],
            json!({ "key": "attempt", "value": { "intValue": "1" } })
        );
        assert_eq!(shown["status"], json!({ "code": 2, "message": "no" }));
    }

    /// A collector that is not there holds nobody up, however much is told.
    #[tokio::test]
    async fn too_many_spans_are_dropped_and_nobody_waits() {
        let exporter = Exporter::start("http://127.0.0.1:9", "test").expect("named");
        for _ in 0..3 * QUEUE {
            exporter.tell(span());
        }
        exporter.close().await;
        assert!(Exporter::start("", "test").is_none());
    }
}
