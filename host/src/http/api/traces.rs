//! Traces: all that came of one act, from the rows alone.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::flow::House;
use crate::flow::story::{self, Step, StepKind};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Path, moment};
use crate::store::plugin;

/// One step of a trace.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceStep {
    #[schema(required, format = DateTime)]
    at: Option<String>,
    kind: StepKind,
    id: String,
    /// The id of the step that led to it; empty for the first.
    of: String,
    /// What it is: the type of a message or event, the method and host of a request, a line of a log, why a call failed.
    name: String,
    /// What came of it: a status, `ok` or the class of a fault, a level; empty where nothing is to be said.
    outcome: String,
    /// The id of the install that was called; empty where none was.
    plugin: String,
    /// The name of its plugin; empty where it is removed.
    plugin_name: String,
    /// From 1; 0 where it is no attempt.
    attempt: i64,
    /// How long it took; null for a moment.
    #[schema(required)]
    micros: Option<i64>,
    /// What else is known, by the kind of step.
    #[schema(value_type = Object)]
    detail: Value,
}

impl TraceStep {
    fn of(step: Step, names: &HashMap<String, String>) -> Self {
        Self {
            plugin_name: names.get(&step.install_id).cloned().unwrap_or_default(),
            at: moment(step.at),
            kind: step.kind,
            id: step.id,
            of: step.of,
            name: step.name,
            outcome: step.outcome,
            plugin: step.install_id,
            attempt: step.attempt,
            micros: step.micros,
            detail: if step.detail.is_null() {
                Value::Object(serde_json::Map::new())
            } else {
                step.detail
            },
        }
    }
}

/// All that came of one act.
#[derive(Serialize, ToSchema)]
#[schema(as = Trace)]
pub struct TraceView {
    /// Its id in `traceparent` and at a collector.
    #[schema(example = "019b8e9f0c4e7f3a9b1c2d3e4f506172")]
    trace: String,
    /// In order of time.
    steps: Vec<TraceStep>,
    /// There are more than five hundred messages or events in it; the rest is not shown.
    cut: bool,
}

/// Get a trace
///
/// By the id of any message or event that is part of it, or its own: what came in, which plugins were called, what they
/// requested, logged and did, what was sent, and what became of that.
#[utoipa::path(get, path = "/traces/{id}", tag = "events", responses((status = 200, description = "The trace", body = TraceView)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<TraceView>, ApiError> {
    let story = story::of(&house, &caller.team_id, &id).await?;
    let story = story.ok_or_else(|| ApiError::not_found("message, event or trace", &id))?;
    let installs = plugin::installs(&mut *house.store.read().await?, &caller.team_id).await?;
    let names = installs.into_iter().map(|install| (install.id, install.plugin)).collect();
    Ok(axum::Json(TraceView {
        trace: format!("{:032x}", story.trace),
        steps: story.steps.into_iter().map(|step| TraceStep::of(step, &names)).collect(),
        cut: story.cut,
    }))
}
