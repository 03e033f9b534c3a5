//! What is kept of a call whatever became of it: its log, its failure, what it cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Conclusion, Settlement};
use crate::flow::meters::Meter;
use crate::flow::{House, fire};
use crate::model::{Event, Millis, trace};
use crate::plugin::{Outcome, Verdict};
use crate::store::plugin_call::CallRow;
use crate::store::plugin_hour::{Counts, Sum};
use crate::store::plugin_log::{FailureRow, LogRow};
use crate::store::{Conn, plugin_call, plugin_hour, plugin_log};

/// What a row of `plugin_call` says of its call. No words of it: those are in the log and the failures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// Its span, hexadecimal: what it caused names it.
    pub span: String,
    pub version_id: String,
    pub attempt: i64,
    /// `ok`, `retry`, `rejected`, or the class of the fault.
    pub outcome: String,
    /// The plugins after this one did not see the event.
    pub stop: bool,
    pub wall_micros: u64,
    pub cpu_micros: u64,
    pub memory_bytes: u64,
    /// By kind.
    pub effects: BTreeMap<String, u64>,
    pub requests: Vec<Request>,
}

/// One HTTP request of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    pub method: String,
    pub host: String,
    /// Microseconds from the beginning of the call.
    pub after_micros: u64,
    pub micros: u64,
    /// 0 where no answer came.
    pub status: u16,
    pub code: String,
}

/// What a set of settlements leaves to be read.
#[derive(Default)]
pub struct Told {
    logs: Vec<LogRow>,
    failures: Vec<FailureRow>,
    calls: Vec<CallRow>,
    /// By team and install.
    pub meters: BTreeMap<(String, String), Meter>,
}

impl Told {
    /// What a call leaves.
    pub fn add(
        &mut self,
        house: &House,
        item: &Settlement,
        event: &Event,
        install_id: &str,
        outcome: &Outcome,
    ) {
        let version_id = item.team.install(install_id).map(|active| active.version_id.clone());
        let version_id = version_id.unwrap_or_default();
        self.logs.extend(outcome.logs.iter().map(|line| LogRow {
            id: house.clock.id("log"),
            team_id: event.team_id.clone(),
            install_id: install_id.to_owned(),
            event_id: event.id.clone(),
            at: line.at,
            level: line.level.to_owned(),
            message: line.message.clone(),
            chat_id: event.chat_id.clone(),
            attempt: item.job.attempts + 1,
            version_id: version_id.clone(),
        }));
        if let Some(message) = fire::outcome(event, outcome) {
            self.logs.push(LogRow {
                id: house.clock.id("log"),
                team_id: event.team_id.clone(),
                install_id: install_id.to_owned(),
                event_id: event.id.clone(),
                at: house.clock.now(),
                level: "info".to_owned(),
                message,
                chat_id: event.chat_id.clone(),
                attempt: item.job.attempts + 1,
                version_id: version_id.clone(),
            });
        }
        if let Verdict::Failed(fault) = &outcome.verdict {
            self.failures.push(FailureRow {
                id: house.clock.id("flr"),
                team_id: event.team_id.clone(),
                install_id: install_id.to_owned(),
                event_id: event.id.clone(),
                attempt: item.job.attempts + 1,
                at: house.clock.now(),
                wall_micros: i64::try_from(outcome.usage.wall_micros).unwrap_or(i64::MAX),
                fault: fault.class.to_string(),
                reason: fault.reason.clone(),
            });
        }
        let begun = Some(outcome.usage.at).filter(|at| *at > 0);
        self.calls.push(CallRow {
            event_id: event.id.clone(),
            id: house.clock.id("call"),
            team_id: event.team_id.clone(),
            install_id: install_id.to_owned(),
            at: begun.unwrap_or_else(|| house.clock.now()),
            detail: detail(item, install_id, version_id, outcome),
        });
        self.meter(item, &event.team_id, install_id).count(outcome);
    }

    /// Count something beside the calls themselves.
    pub fn count(&mut self, item: &Settlement, team_id: &str, install_id: &str, what: Sum) {
        self.meter(item, team_id, install_id).counts.add(what, 1);
    }

    fn meter(&mut self, item: &Settlement, team_id: &str, install_id: &str) -> &mut Meter {
        let plugin = item.team.install(install_id).map(|active| active.install.plugin.as_str());
        self.meters
            .entry((team_id.to_owned(), install_id.to_owned()))
            .or_insert_with(|| Meter::new(plugin.unwrap_or_default()))
    }

    pub async fn write(self, conn: &mut Conn, now: Millis) -> anyhow::Result<()> {
        plugin_log::insert_logs(conn, &self.logs).await?;
        plugin_log::insert_failures(conn, &self.failures).await?;
        plugin_call::insert(conn, &self.calls).await?;
        let mut hours: BTreeMap<(String, String, Millis), Counts> = BTreeMap::new();
        for ((team_id, install_id), meter) in &self.meters {
            // The hour, and the sum of all hours.
            for hour in [now - now.rem_euclid(HOUR), 0] {
                hours.insert((team_id.clone(), install_id.clone(), hour), meter.counts);
            }
        }
        plugin_hour::add(conn, &hours).await?;
        Ok(())
    }
}

/// What figures are kept by.
pub const HOUR: Millis = 60 * 60 * 1000;

fn detail(item: &Settlement, install_id: &str, version_id: String, outcome: &Outcome) -> String {
    let usage = &outcome.usage;
    let mut effects: BTreeMap<String, u64> = BTreeMap::new();
    for effect in &outcome.effects {
        *effects.entry(effect.kind().to_owned()).or_default() += 1;
    }
    let requests = outcome.requests.iter().map(|request| Request {
        method: request.method.clone(),
        host: request.host.clone(),
        after_micros: request.after_micros,
        micros: request.micros,
        status: request.status,
        code: request.code.to_owned(),
    });
    let span = trace::job_span(&item.job.id, install_id, item.job.attempts + 1);
    let detail = Detail {
        span: format!("{span:016x}"),
        version_id,
        attempt: item.job.attempts + 1,
        outcome: match &outcome.verdict {
            Verdict::Done { .. } => "ok".to_owned(),
            Verdict::RetryAfter(_) => "retry".to_owned(),
            Verdict::Rejected(_) => "rejected".to_owned(),
            Verdict::Failed(fault) => fault.class.to_string(),
        },
        stop: matches!(outcome.verdict, Verdict::Done { stop: true, .. }),
        wall_micros: usage.wall_micros,
        cpu_micros: usage.cpu_micros,
        memory_bytes: usage.memory_bytes,
        effects,
        requests: requests.collect(),
    };
    serde_json::to_string(&detail).unwrap_or_default()
}

/// Tell of the calls that were settled: in figures, and as spans.
pub fn publish<'a>(
    house: &House,
    settled: impl Iterator<Item = &'a Settlement>,
    meters: &BTreeMap<(String, String), Meter>,
) {
    for ((_, install_id), meter) in meters {
        house.meters.add(install_id, meter);
    }
    for item in settled {
        let Conclusion::Ran { event, install_id, outcome } = &item.conclusion else { continue };
        house.holdings.grown(install_id, &outcome.effects);
        if let Some(active) = item.team.install(install_id) {
            house.spans.call(event, &item.job, install_id, &active.install.plugin, outcome);
        }
    }
}
