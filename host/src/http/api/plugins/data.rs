//! What a plugin left behind: its log, and what it keeps.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::query::{LogsAfter, StateKeys};
use crate::flow::install;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Page, Pagination, Path, Query, moment};
use crate::model::Scope;
use crate::store::plugin_log::LogRow;
use crate::store::{plugin_log, state};

/// A line of a plugin's log.
#[derive(Serialize, ToSchema)]
pub struct PluginLog {
    id: String,
    #[schema(required, format = DateTime)]
    at: Option<String>,
    #[schema(example = "info")]
    level: String,
    message: String,
    /// The id of the event that it was handling.
    event: String,
}

impl From<LogRow> for PluginLog {
    fn from(line: LogRow) -> Self {
        Self {
            id: line.id,
            at: moment(line.at),
            level: line.level,
            message: line.message,
            event: line.event_id,
        }
    }
}

/// Lines of a plugin's log.
#[derive(Serialize, ToSchema)]
pub struct PluginLogList {
    logs: Vec<PluginLog>,
    pagination: Pagination,
}

/// Read a plugin's log
///
/// Oldest first; `pagination.next` is where to go on (as `after`), there also where nothing more was
/// logged yet.
#[utoipa::path(get, path = "/plugins/{id}/logs", tag = "plugins", params(LogsAfter), responses((status = 200, description = "Oldest first", body = PluginLogList)))]
pub async fn logs(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(query): Query<LogsAfter>,
) -> Result<axum::Json<PluginLogList>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let mut conn = house.store.read().await?;
    let lines =
        plugin_log::logs(&mut conn, &caller.team_id, &install.id, &query.after, limit).await?;
    let next = lines.last().map_or(query.after, |line| line.id.clone());
    let logs = lines.into_iter().map(PluginLog::from).collect();
    Ok(axum::Json(PluginLogList { logs, pagination: Pagination { next: Some(next) } }))
}

/// A value that a plugin keeps.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginState {
    key: String,
    value: String,
    /// Changes with every write.
    version: i64,
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
}

/// What a plugin keeps.
#[derive(Serialize, ToSchema)]
pub struct PluginStateList {
    state: Vec<PluginState>,
    pagination: Pagination,
}

/// List what a plugin keeps
#[utoipa::path(get, path = "/plugins/{id}/state", tag = "plugins", params(StateKeys), responses((status = 200, description = "In order of key", body = PluginStateList)))]
pub async fn state(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(keys): Query<StateKeys>,
) -> Result<axum::Json<PluginStateList>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let scope = Scope::from_parts(keys.scope.as_deref().unwrap_or("plugin"), &keys.id)
        .ok_or_else(|| ApiError::invalid("scope: plugin, account, chat or contact"))?;
    let mut conn = house.store.read().await?;
    let (now, page) = (house.clock.now(), Page::new(keys.cursor, keys.limit));
    let mut entries =
        state::list(&mut conn, &install.id, &scope, &keys.prefix, page.cursor(), now, page.fetch())
            .await?;
    let next = page.cut(&mut entries, |entry| entry.key.clone());
    let view = |entry: state::Entry| PluginState {
        key: entry.key,
        value: entry.value,
        version: entry.version,
        expires_at: moment(entry.expires_at.unwrap_or(0)),
    };
    let state = entries.into_iter().map(view).collect();
    Ok(axum::Json(PluginStateList { state, pagination: Pagination { next } }))
}
