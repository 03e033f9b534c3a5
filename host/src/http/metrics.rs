//! `/metrics`: the process's own figures, as Prometheus reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use crate::flow::House;
use crate::flow::meters::Meter;
use crate::store::plugin_hour::{BOUNDS, OUTCOMES, Sum};

/// Seconds from a request to its answer, by method and route.
pub const BUCKETS_OF: &str = "switchboard_http_request_seconds";

const SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The one recorder of this process, which several houses in a test share.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder =
            builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
        let recorder = builder.expect("the list of buckets is not empty").build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("somebody else records this process's metrics; /metrics will be empty");
        }
        handle
    })
}

/// Begin to record, and fold what was recorded now and then, until told to stop.
pub async fn run(stop: CancellationToken) {
    let recorder = recorder();
    while !stop.is_cancelled() {
        recorder.run_upkeep();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
    }
}

/// `GET /metrics`
pub async fn show(State(house): State<Arc<House>>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let mut text = recorder().render();
    text.push_str(&of_installs(&house.meters.all()));
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// A series of an install: its labels beside the install and the plugin, and its value.
type Series = (String, String);

/// The figures of each install. Not by the recorder, which would keep those of removed ones for ever.
fn of_installs(meters: &BTreeMap<String, Meter>) -> String {
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, of: &dyn Fn(&Meter) -> Vec<Series>| {
        if meters.is_empty() {
            return;
        }
        let family = name.strip_suffix("_bucket").unwrap_or(name);
        let _ = writeln!(text, "# TYPE {family} {kind}");
        for (install, meter) in meters {
            // A plugin's name and an id need no escape.
            let own = format!("install=\"{install}\",plugin=\"{}\"", meter.plugin);
            for (labels, value) in of(meter) {
                let (name, comma) = (if labels.starts_with('_') { family } else { name }, ",");
                match labels.as_str() {
                    "" => drop(writeln!(text, "{name}{{{own}}} {value}")),
                    "_sum" | "_count" => drop(writeln!(text, "{name}{labels}{{{own}}} {value}")),
                    _ => drop(writeln!(text, "{name}{{{own}{comma}{labels}}} {value}")),
                }
            }
        }
    };
    add("switchboard_plugin_calls_total", "counter", &|meter| {
        let ended = OUTCOMES.iter().map(|(sum, word)| (*word, meter.counts.get(*sum)));
        ended
            .filter(|(_, calls)| *calls > 0)
            .map(|(word, calls)| labelled("outcome", word, calls))
            .collect()
    });
    add("switchboard_plugin_call_seconds_bucket", "histogram", &times);
    for (name, sum, divide) in COUNTERS {
        add(name, "counter", &|meter| vec![(String::new(), value(meter.counts.get(sum), divide))]);
    }
    add("switchboard_plugin_memory_peak_bytes", "gauge", &|meter| {
        vec![(String::new(), meter.counts.memory_peak.to_string())]
    });
    add("switchboard_plugin_effects_total", "counter", &|meter| {
        meter.effects.iter().map(|(kind, count)| labelled("kind", kind, *count)).collect()
    });
    add("switchboard_plugin_http_total", "counter", &|meter| {
        meter.requests.iter().map(|(outcome, count)| labelled("outcome", outcome, *count)).collect()
    });
    text
}

/// What is counted as it is; micros are shown as seconds.
const COUNTERS: [(&str, Sum, bool); 4] = [
    ("switchboard_plugin_cpu_seconds_total", Sum::CpuMicros, true),
    ("switchboard_plugin_log_lines_dropped_total", Sum::LogsDropped, false),
    ("switchboard_dead_letters_total", Sum::DeadLetters, false),
    ("switchboard_plugin_suspensions_total", Sum::Suspensions, false),
];

fn labelled(label: &str, word: &str, value: impl std::fmt::Display) -> Series {
    (format!("{label}=\"{word}\""), value.to_string())
}

fn value(count: i64, micros: bool) -> String {
    if micros {
        format!("{}.{:06}", count / 1_000_000, count % 1_000_000)
    } else {
        count.to_string()
    }
}

/// A histogram, with its sum and count.
fn times(meter: &Meter) -> Vec<Series> {
    let (mut below, mut series) = (0, Vec::new());
    let bounds = BOUNDS.iter().map(|most| value(most * 1000, true)).chain(["+Inf".to_owned()]);
    for (count, bound) in meter.counts.times().iter().zip(bounds) {
        below += count;
        series.push(labelled("le", &bound, below));
    }
    series.push(("_sum".to_owned(), value(meter.counts.get(Sum::WallMicros), true)));
    series.push(("_count".to_owned(), below.to_string()));
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_install_is_told_as_prometheus_reads_it() {
        let mut meter = Meter::new("echo");
        meter.counts.add(Sum::Ok, 2);
        meter.counts.add(Sum::WallMicros, 1_500_000);
        meter.counts.took(700);
        meter.counts.took(1_499_300);
        meter.effects.insert("send", 3);
        let text = of_installs(&BTreeMap::from([("ins_1".to_owned(), meter)]));
        let own = "install=\"ins_1\",plugin=\"echo\"";
        for line in [
            "# TYPE switchboard_plugin_call_seconds histogram".to_owned(),
            format!("switchboard_plugin_calls_total{{{own},outcome=\"ok\"}} 2"),
            format!("switchboard_plugin_call_seconds_bucket{{{own},le=\"0.001000\"}} 1"),
            format!("switchboard_plugin_call_seconds_bucket{{{own},le=\"+Inf\"}} 2"),
            format!("switchboard_plugin_call_seconds_sum{{{own}}} 1.500000"),
            format!("switchboard_plugin_call_seconds_count{{{own}}} 2"),
            format!("switchboard_plugin_effects_total{{{own},kind=\"send\"}} 3"),
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
        assert_eq!(of_installs(&BTreeMap::new()), "");
    }
}
