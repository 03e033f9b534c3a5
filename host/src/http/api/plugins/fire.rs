//! An event handed to a plugin by hand, and what came of one.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Shared;
use crate::flow::fire::{self, Shot};
use crate::flow::install::{self, Actor};
use crate::http::api::dead_letters::FailureView;
use crate::http::api::logs::PluginLog;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Path, moment};
use crate::store::{dead_letter, event, job, plugin_log, webhook};

/// What to fire: one of the four.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirePlugin {
    /// One of the plugin's schedules, by its name.
    #[schema(example = "daily")]
    schedule: Option<String>,
    timer: Option<FireTimer>,
    webhook: Option<FireWebhook>,
    event: Option<FireEvent>,
}

/// A timer that fires now; no timer that is set changes by it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FireTimer {
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    #[serde(default)]
    payload: String,
    /// A chat's id; empty: a timer of the whole plugin.
    #[serde(default)]
    chat: String,
}

/// A call of one of the plugin's routes. No signature is asked for: who may fire may call.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FireWebhook {
    /// `POST` where absent.
    #[schema(example = "POST")]
    method: Option<String>,
    /// As in the manifest, with a query where wanted.
    #[schema(example = "/order")]
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

/// An event such as plugins emit; those of the host's own are not to be made up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FireEvent {
    #[schema(example = "order.placed")]
    name: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    /// A chat's id; empty: in none.
    #[serde(default)]
    chat: String,
}

/// The event that was fired.
#[derive(Serialize, ToSchema)]
pub struct FiredEvent {
    /// Its id.
    #[schema(example = "evt_01KDY0000000000000000000")]
    event: String,
}

/// Fire an event at a plugin by hand
///
/// A schedule, a timer, a webhook call or an event, handed to this plugin alone. It is as durable as any
/// other; its data says in `fired_by` who fired it, and so does the plugin's log.
#[utoipa::path(post, path = "/plugins/{id}/fire", tag = "plugins", responses((status = 202, description = "Stored, and to be run", body = FiredEvent)))]
pub async fn fire(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<FirePlugin>,
) -> Result<(StatusCode, axum::Json<FiredEvent>), ApiError> {
    let shot = shot(body)?;
    let event = fire::fire(&house, &Actor::from(&caller), &key, shot).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(FiredEvent { event })))
}

fn shot(body: FirePlugin) -> Result<Shot, ApiError> {
    match body {
        FirePlugin { schedule: Some(name), timer: None, webhook: None, event: None } => {
            Ok(Shot::Schedule(name))
        }
        FirePlugin { schedule: None, timer: Some(timer), webhook: None, event: None } => {
            let FireTimer { name, payload, chat } = timer;
            if !(1..=256).contains(&name.len()) {
                return Err(ApiError::invalid("timer.name: 1 to 256 bytes"));
            }
            Ok(Shot::Timer { name, payload, chat_id: chat })
        }
        FirePlugin { schedule: None, timer: None, webhook: Some(call), event: None } => call.shot(),
        FirePlugin { schedule: None, timer: None, webhook: None, event: Some(event) } => {
            let FireEvent { name, data, chat } = event;
            Ok(Shot::Event { name, data, chat_id: chat })
        }
        _ => Err(ApiError::invalid("give one of `schedule`, `timer`, `webhook` and `event`")),
    }
}

impl FireWebhook {
    fn shot(self) -> Result<Shot, ApiError> {
        let method = self.method.unwrap_or_else(|| "POST".to_owned());
        if Method::from_bytes(method.as_bytes()).is_err() {
            return Err(ApiError::invalid("webhook.method: a method of HTTP such as POST"));
        }
        if self.path.parse::<PathAndQuery>().is_err() {
            return Err(ApiError::invalid("webhook.path: a path such as /order?id=7"));
        }
        let carried = |(name, value): &(&String, &String)| {
            HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok()
        };
        if let Some((name, _)) = self.headers.iter().find(|header| !carried(header)) {
            return Err(ApiError::invalid(format!(
                "webhook.headers: {name:?} is nothing that HTTP can carry"
            )));
        }
        let headers = self.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value));
        let (headers, body) = (headers.collect(), self.body.into_bytes());
        Ok(Shot::Webhook { method, path: self.path, headers, body })
    }
}

/// What a plugin made of an event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginEvent {
    event: String,
    #[serde(rename = "type")]
    #[schema(example = "timer.fired")]
    kind: String,
    #[schema(required, format = DateTime)]
    at: Option<String>,
    /// `waiting`: it is still on its way, or to be tried again; `failed`: it is among the dead letters.
    #[schema(example = "done")]
    state: &'static str,
    /// The first 1000 lines.
    logs: Vec<PluginLog>,
    failures: Vec<FailureView>,
    /// The dead letter's id.
    #[schema(required)]
    dead_letter: Option<String>,
    /// What a webhook was answered.
    #[schema(required)]
    reply: Option<PluginReply>,
}

/// A webhook's answer.
#[derive(Serialize, ToSchema)]
pub struct PluginReply {
    status: i64,
    /// What is not text is shown as far as it is.
    body: String,
}

/// Get what a plugin made of an event
///
/// Its log lines, failed attempts, dead letter and reply.
#[utoipa::path(get, path = "/plugins/{id}/events/{event}", tag = "plugins", responses((status = 200, description = "What came of it by now", body = PluginEvent)))]
pub async fn outcome(
    State(house): Shared,
    caller: Caller,
    Path((key, id)): Path<(String, String)>,
) -> Result<axum::Json<PluginEvent>, ApiError> {
    let team = caller.team_id.as_str();
    let install = install::find(&house, team, &key).await?;
    let mut conn = house.store.read().await?;
    let event = event::get(&mut conn, team, &id).await?;
    let event = event.ok_or_else(|| ApiError::not_found("event", &id))?;
    // Asked first: what settles meanwhile is then seen below.
    let waiting = job::is_under_way(&mut conn, team, &id).await?;
    let letter = dead_letter::of_event(&mut conn, team, &install.id, &id).await?;
    let logs = plugin_log::logs_of(&mut conn, team, &install.id, &id, 1_000).await?;
    let failures = plugin_log::failures(&mut conn, team, &install.id, &id).await?;
    let delivery = event.data["delivery_id"].as_str().unwrap_or_default();
    let reply = webhook::reply(&mut conn, &install.id, delivery).await?;
    let state = match (waiting, &letter) {
        (true, _) => "waiting",
        (false, Some(_)) => "failed",
        (false, None) => "done",
    };
    Ok(axum::Json(PluginEvent {
        event: event.id,
        kind: event.kind,
        at: moment(event.at),
        state,
        logs: logs.into_iter().map(PluginLog::from).collect(),
        failures: failures.into_iter().map(FailureView::from).collect(),
        dead_letter: letter.map(|letter| letter.id),
        reply: reply.map(|reply| PluginReply {
            status: reply.status,
            body: String::from_utf8_lossy(&STANDARD.decode(&reply.body).unwrap_or_default())
                .into_owned(),
        }),
    }))
}
