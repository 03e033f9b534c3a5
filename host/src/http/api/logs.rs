//! What plugins logged: of one, or of all of the team.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::{House, install};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Pagination, Path, Query, moment, parse_moment};
use crate::store::plugin_log::{self, Filter, LogRow};

/// A line of a plugin's log.
#[derive(Serialize, ToSchema)]
pub struct PluginLog {
    id: String,
    /// The install's id.
    plugin: String,
    #[schema(required, format = DateTime)]
    at: Option<String>,
    level: LogLevel,
    message: String,
    /// The id of the event that it was handling.
    event: String,
    /// The chat of that event; empty where it has none.
    chat: String,
    /// Which attempt at the event it was, from 1.
    attempt: i64,
    /// The id of the version that ran.
    version: String,
}

impl From<LogRow> for PluginLog {
    fn from(line: LogRow) -> Self {
        Self {
            id: line.id,
            plugin: line.install_id,
            at: moment(line.at),
            level: LogLevel::of(&line.level),
            message: line.message,
            event: line.event_id,
            chat: line.chat_id,
            attempt: line.attempt,
            version: line.version_id,
        }
    }
}

/// Lines of a log.
#[derive(Serialize, ToSchema)]
pub struct PluginLogList {
    logs: Vec<PluginLog>,
    pagination: Pagination,
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    const ALL: [(Self, &str); 4] = [
        (Self::Debug, "debug"),
        (Self::Info, "info"),
        (Self::Warn, "warn"),
        (Self::Error, "error"),
    ];

    fn of(word: &str) -> Self {
        Self::ALL.iter().find(|(_, name)| *name == word).map_or(Self::Info, |(level, _)| *level)
    }

    /// The words of this level and of all graver ones.
    fn and_graver(self) -> Vec<&'static str> {
        Self::ALL.iter().filter(|(level, _)| *level >= self).map(|(_, name)| *name).collect()
    }
}

/// Which end of a log comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogOrder {
    #[default]
    Oldest,
    Newest,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// `pagination.next` of the page before, or the id of the last line seen.
    #[serde(default)]
    after: String,
    /// At most so many: 100 where absent, 1000 at most.
    limit: Option<i64>,
    /// `oldest` first, which is the default, or `newest`.
    #[serde(default)]
    order: LogOrder,
    /// The newest so many lines, the oldest of them first; from there it can be followed.
    tail: Option<i64>,
    /// Lines of this level, and graver ones.
    level: Option<LogLevel>,
    /// Lines that hold these words; upper and lower case of a to z are the same.
    #[serde(default)]
    text: String,
    /// A chat's id.
    #[serde(default)]
    chat: String,
    /// An event's id.
    #[serde(default)]
    event: String,
    /// Lines from this moment on.
    since: Option<String>,
    /// Lines from before this moment.
    until: Option<String>,
}

/// Read a plugin's log
///
/// Oldest first; `pagination.next` is where to go on (as `after`), there also where nothing more was
/// logged yet. One page looks at ten thousand lines: where a filter finds few, it may hold less than `limit`, and
/// goes on all the same.
#[utoipa::path(get, path = "/plugins/{id}/logs", tag = "plugins", params(LogQuery), responses((status = 200, description = "A page of lines", body = PluginLogList)))]
pub async fn of_plugin(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Query(query): Query<LogQuery>,
) -> Result<axum::Json<PluginLogList>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    found(&house, &caller, install.id, query).await
}

/// Read the log of all plugins
///
/// As of one plugin; `plugin` of a line says whose it is.
#[utoipa::path(get, path = "/logs", tag = "plugins", params(LogQuery), responses((status = 200, description = "A page of lines", body = PluginLogList)))]
pub async fn all(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<LogQuery>,
) -> Result<axum::Json<PluginLogList>, ApiError> {
    found(&house, &caller, String::new(), query).await
}

async fn found(
    house: &House,
    caller: &Caller,
    install_id: String,
    query: LogQuery,
) -> Result<axum::Json<PluginLogList>, ApiError> {
    let at = |text: &Option<String>, field| {
        text.as_deref().map(|text| parse_moment(text, field)).transpose()
    };
    let filter = Filter {
        install_id,
        event_id: query.event,
        chat_id: query.chat,
        levels: query.level.map(LogLevel::and_graver).unwrap_or_default(),
        since: at(&query.since, "since")?,
        until: at(&query.until, "until")?,
        text: query.text,
    };
    if query.tail.is_some() && (query.order == LogOrder::Newest || !query.after.is_empty()) {
        return Err(ApiError::invalid("tail: goes with neither `order` nor `after`"));
    }
    let limit = query.tail.or(query.limit).unwrap_or(100).clamp(1, 1_000);
    let newest = query.tail.is_some() || query.order == LogOrder::Newest;
    let mut conn = house.store.read().await?;
    let mut part =
        plugin_log::search(&mut conn, &caller.team_id, &filter, newest, &query.after, limit)
            .await?;
    let next = if query.tail.is_some() {
        part.lines.reverse();
        Some(part.lines.last().map(|line| line.id.clone()).unwrap_or_default())
    } else if newest {
        Some(part.looked).filter(|_| part.more)
    } else {
        Some(part.looked).filter(|id| !id.is_empty()).or(Some(query.after))
    };
    let logs = part.lines.into_iter().map(PluginLog::from).collect();
    Ok(axum::Json(PluginLogList { logs, pagination: Pagination { next } }))
}
