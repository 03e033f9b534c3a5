//! How an endpoint does: attempts by the day or the hour, and what waits for it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::own;
use crate::flow::House;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Path, Query, moment, parse_moment};
use crate::model::Millis;
use crate::store::endpoint_stats::{self, Span};
use crate::store::job;

const HOUR: Millis = 60 * 60 * 1000;
const DAY: Millis = 24 * HOUR;
/// The most spans of one answer.
const MOST: i64 = 200;
/// No more than these are counted of what waits.
const PENDING: i64 = 100_000;

/// How long the spans are.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatsBy {
    Hour,
    /// Of UTC.
    #[default]
    Day,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsQuery {
    /// From this moment; absent: 30 days, or by the hour 24 hours, before `to`.
    from: Option<String>,
    /// Before this one; absent: up to now.
    to: Option<String>,
    /// Absent: by the day. At most 200 spans.
    #[param(inline)]
    by: Option<StatsBy>,
}

/// Attempts of one span of time.
#[derive(Serialize, ToSchema)]
pub struct EndpointSpan {
    #[schema(required, format = DateTime)]
    start: Option<String>,
    attempts: i64,
    delivered: i64,
    failed: i64,
}

/// How an endpoint took what was posted to it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStats {
    #[schema(required, format = DateTime)]
    from: Option<String>,
    #[schema(required, format = DateTime)]
    to: Option<String>,
    by: StatsBy,
    attempts: i64,
    /// Those that a 2xx answered.
    delivered: i64,
    failed: i64,
    /// How long an attempt took; null where there was none.
    #[schema(required)]
    average_millis: Option<i64>,
    /// Oldest first, those without attempts too.
    spans: Vec<EndpointSpan>,
    /// Events that it has not acknowledged yet, counted up to 100000.
    pending: i64,
    /// When the oldest of them happened; null where none waits.
    #[schema(required, format = DateTime)]
    oldest_pending: Option<String>,
}

/// Get an endpoint's statistics
///
/// Attempts are kept for `limits.event_days`.
#[utoipa::path(get, path = "/endpoints/{id}/stats", tag = "endpoints", params(StatsQuery), responses((status = 200, description = "Attempts over time, and what waits", body = EndpointStats)))]
pub async fn stats(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<StatsQuery>,
) -> Result<axum::Json<EndpointStats>, ApiError> {
    let by = query.by.unwrap_or_default();
    let (length, usual) = match by {
        StatsBy::Hour => (HOUR, DAY),
        StatsBy::Day => (DAY, 30 * DAY),
    };
    let to = query.to.map_or(Ok(house.clock.now() + 1), |to| parse_moment(&to, "to"))?;
    let from = query.from.map_or(Ok((to - usual).max(1)), |from| parse_moment(&from, "from"))?;
    if from <= 0 || to <= from {
        return Err(ApiError::invalid("to: must be later than from"));
    }
    let numbers = from / length..=(to - 1) / length;
    if numbers.end() - numbers.start() >= MOST {
        return Err(ApiError::invalid(format!("from: at most {MOST} spans lie before to")));
    }
    let mut conn = house.store.read().await?;
    own(&mut conn, &caller.team_id, &id).await?;
    let found = endpoint_stats::spans(&mut conn, &caller.team_id, &id, (from, to), length).await?;
    let oldest = endpoint_stats::oldest_pending(&mut conn, &caller.team_id, &id).await?;
    let pending = job::count_for(&mut conn, &caller.team_id, &id, PENDING).await?;
    let sum = |of: fn(&Span) -> i64| found.iter().map(of).sum::<i64>();
    let (attempts, delivered) = (sum(|span| span.attempts), sum(|span| span.delivered));
    let spans: HashMap<i64, Span> = found.iter().map(|span| (span.number, *span)).collect();
    let spans = numbers.map(|number| {
        let Span { attempts, delivered, .. } = spans.get(&number).copied().unwrap_or_default();
        EndpointSpan {
            start: moment(number * length),
            attempts,
            delivered,
            failed: attempts - delivered,
        }
    });
    Ok(axum::Json(EndpointStats {
        from: moment(from),
        to: moment(to),
        by,
        attempts,
        delivered,
        failed: attempts - delivered,
        average_millis: (attempts > 0).then(|| sum(|span| span.millis) / attempts),
        spans: spans.collect(),
        pending,
        oldest_pending: oldest.and_then(moment),
    }))
}
