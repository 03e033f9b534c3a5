//! What the calls of a plugin came to.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use crate::flow::effect::told::HOUR;
use crate::flow::install;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Path, moment};
use crate::store::plugin_hour::{self, Counts, OUTCOMES, Sum};

/// Calls that ended in one way.
#[derive(Serialize, ToSchema)]
pub struct CallOutcome {
    /// `ok`, `retry`, `rejected`, or the class of a fault.
    #[schema(example = "ok")]
    outcome: &'static str,
    calls: i64,
}

/// Figures of a time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginFigures {
    /// From when on.
    #[schema(required, format = DateTime)]
    since: Option<String>,
    calls: i64,
    /// Those that failed, each attempt; to ask for another call or to give an event up is no error.
    errors: i64,
    /// How the calls ended; what did not occur is left out.
    outcomes: Vec<CallOutcome>,
    /// Half of the calls took no longer; null without calls.
    #[schema(required)]
    p50_micros: Option<i64>,
    #[schema(required)]
    p95_micros: Option<i64>,
    wall_micros: i64,
    cpu_micros: i64,
    /// The most that one call had, in bytes.
    memory_peak: i64,
    effects: i64,
    http_calls: i64,
    http_failed: i64,
    logs_dropped: i64,
    dead_letters: i64,
    suspensions: i64,
}

/// What the calls of a plugin came to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginStats {
    /// The install's id.
    plugin: String,
    /// The present hour of the clock, and the one before.
    hour: PluginFigures,
    /// The present hour, and the 23 before.
    day: PluginFigures,
    /// Since it was installed.
    total: PluginFigures,
}

fn figures(counts: &Counts, since: i64) -> PluginFigures {
    let ended = OUTCOMES.map(|(sum, outcome)| CallOutcome { outcome, calls: counts.get(sum) });
    let fine = [Sum::Ok, Sum::Retry, Sum::Rejected].map(|sum| counts.get(sum)).iter().sum::<i64>();
    PluginFigures {
        since: moment(since),
        calls: counts.get(Sum::Calls),
        errors: counts.get(Sum::Calls) - fine,
        outcomes: ended.into_iter().filter(|ended| ended.calls > 0).collect(),
        p50_micros: counts.percentile(0.5),
        p95_micros: counts.percentile(0.95),
        wall_micros: counts.get(Sum::WallMicros),
        cpu_micros: counts.get(Sum::CpuMicros),
        memory_peak: counts.memory_peak,
        effects: counts.get(Sum::Effects),
        http_calls: counts.get(Sum::HttpCalls),
        http_failed: counts.get(Sum::HttpFailed),
        logs_dropped: counts.get(Sum::LogsDropped),
        dead_letters: counts.get(Sum::DeadLetters),
        suspensions: counts.get(Sum::Suspensions),
    }
}

/// What a plugin's calls came to
///
/// Every attempt is a call. The figures are written with what the calls did, so that they are whole after a crash too.
#[utoipa::path(get, path = "/plugins/{id}/stats", tag = "plugins", responses((status = 200, description = "Of the last hour, of a day, and since it was installed", body = PluginStats)))]
pub async fn stats(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<axum::Json<PluginStats>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let now = house.clock.now();
    let this = now - now.rem_euclid(HOUR);
    let mut conn = house.store.read().await?;
    let (team, id) = (&caller.team_id, &install.id);
    let (two, day) = (this - HOUR, this - 23 * HOUR);
    let in_two = plugin_hour::between(&mut conn, team, id, two, i64::MAX).await?;
    let in_day = plugin_hour::between(&mut conn, team, id, day, i64::MAX).await?;
    let total = plugin_hour::between(&mut conn, team, id, 0, 1).await?;
    Ok(axum::Json(PluginStats {
        hour: figures(&in_two, two),
        day: figures(&in_day, day),
        total: figures(&total, install.created_at),
        plugin: install.id,
    }))
}
