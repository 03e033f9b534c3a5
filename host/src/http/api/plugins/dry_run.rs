//! `POST /plugins/{id}/dry-run`: what another version would do with the last events.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Shared, consent};
use crate::flow::install::{self, Actor, Asked, MOST_EVENTS, Rehearsal, Told, Trial};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Path, moment};
use crate::model::{Effect, Message, Recipient, Scope};
use crate::plugin::Verdict;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// A version's id.
    version: String,
    /// Ids of events to try; absent: the last ones that it would receive.
    #[serde(default)]
    #[schema(max_items = 100)]
    events: Vec<String>,
    /// How many of the last: 20 where absent, 100 at most.
    #[schema(minimum = 1, maximum = 100)]
    last: Option<usize>,
    /// `all`: as if everything that the manifest asks were agreed to.
    grant: Option<String>,
}

/// What came of a dry run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRunReport {
    version: String,
    version_id: String,
    /// How many events were tried.
    events: usize,
    /// With how many of them the version does something else than the one that runs.
    different: usize,
    /// How many it fails at.
    failed: usize,
    /// Time ran out before all were tried.
    cut_short: bool,
    /// Oldest first.
    trials: Vec<DryRunTrial>,
}

/// One event of a dry run.
#[derive(Serialize, ToSchema)]
pub struct DryRunTrial {
    event: DryRunEvent,
    /// Both versions do the same, but for ids and moments that a call makes up.
    same: bool,
    /// What the version that runs does; null where it is the tried one.
    #[schema(required)]
    before: Option<DryRunCall>,
    /// What the tried version does.
    after: DryRunCall,
}

/// The event of a trial.
#[derive(Serialize, ToSchema)]
pub struct DryRunEvent {
    id: String,
    kind: String,
    #[schema(required, format = DateTime)]
    at: Option<String>,
    chat: String,
    /// What the customer wrote, or the name of the timer; empty for others.
    text: String,
}

/// What a call would have done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRunCall {
    /// `done`, `stopped` (done, and the plugins after it do not see the event), `retry`, `rejected`,
    /// or the class of a failure.
    #[schema(example = "done")]
    outcome: String,
    /// Why it was rejected or failed.
    reason: String,
    /// In their order; held back.
    effects: Vec<DryRunEffect>,
    /// HTTP requests that it would have made; each was answered `unavailable`.
    requests: Vec<DryRunRequest>,
    logs: Vec<DryRunLog>,
    wall_micros: u64,
    memory_bytes: u64,
}

/// An effect that was held back.
#[derive(Serialize, ToSchema)]
pub struct DryRunEffect {
    #[schema(example = "sends text: Hello!")]
    words: String,
    /// The whole of it.
    #[schema(value_type = Object)]
    details: Value,
}

/// A request that was not made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRunRequest {
    method: String,
    url: String,
    /// Its length in bytes.
    body_bytes: usize,
}

/// A line that it logged.
#[derive(Serialize, ToSchema)]
pub struct DryRunLog {
    level: String,
    message: String,
}

/// Try a version dry
///
/// Hands the last events to a version that does not run, and to the one that does, and shows what each
/// would do. Nothing is sent or written, no request leaves the host, and secrets are made up; what the
/// version reads is what stands there now. Upload it first: `POST /plugins/{id}/versions`.
#[utoipa::path(post, path = "/plugins/{id}/dry-run", tag = "plugins", responses((status = 200, description = "What it would do", body = DryRunReport)))]
pub async fn dry_run(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(wish): Json<DryRun>,
) -> Result<axum::Json<DryRunReport>, ApiError> {
    let last = wish.last.unwrap_or(20);
    if !(1..=MOST_EVENTS).contains(&last) || wish.events.len() > MOST_EVENTS {
        return Err(ApiError::invalid(format!("last, events: 1 to {MOST_EVENTS} of them")));
    }
    let wish = Rehearsal {
        version_id: wish.version,
        consent: consent(wish.grant.as_deref())?,
        events: wish.events,
        last,
    };
    let done = install::rehearse(&house, &Actor::from(&caller), &key, wish).await?;
    let trials: Vec<DryRunTrial> = done.trials.iter().map(DryRunTrial::from).collect();
    let failed = |trial: &&Trial| matches!(trial.after.verdict, Verdict::Failed(_));
    Ok(axum::Json(DryRunReport {
        version: done.version.version,
        version_id: done.version.id,
        events: trials.len(),
        different: trials.iter().filter(|trial| !trial.same).count(),
        failed: done.trials.iter().filter(failed).count(),
        cut_short: done.cut_short,
        trials,
    }))
}

impl From<&Trial> for DryRunTrial {
    fn from(trial: &Trial) -> Self {
        let event = &trial.event;
        let message = serde_json::from_value::<Message>(event.data.clone()).ok();
        let said = message.map(|message| message.content.as_text().to_owned());
        let text = said.or_else(|| event.data["name"].as_str().map(str::to_owned));
        Self {
            event: DryRunEvent {
                id: event.id.clone(),
                kind: event.kind.clone(),
                at: moment(event.at),
                chat: event.chat_id.clone(),
                text: text.unwrap_or_default(),
            },
            same: trial.is_same(),
            before: trial.before.as_ref().map(DryRunCall::from),
            after: DryRunCall::from(&trial.after),
        }
    }
}

impl From<&Told> for DryRunCall {
    fn from(told: &Told) -> Self {
        let (outcome, reason) = match &told.verdict {
            Verdict::Done { stop: false, .. } => ("done".to_owned(), String::new()),
            Verdict::Done { stop: true, .. } => ("stopped".to_owned(), String::new()),
            Verdict::RetryAfter(after) => ("retry".to_owned(), format!("in {after} ms")),
            Verdict::Rejected(reason) => ("rejected".to_owned(), reason.clone()),
            Verdict::Failed(fault) => (fault.class.to_string(), fault.reason.clone()),
        };
        let request = |asked: &Asked| DryRunRequest {
            method: asked.method.clone(),
            url: asked.url.clone(),
            body_bytes: asked.body.len(),
        };
        let log = |line: &crate::plugin::LogLine| DryRunLog {
            level: line.level.to_owned(),
            message: line.message.clone(),
        };
        Self {
            outcome,
            reason,
            effects: told.effects.iter().map(DryRunEffect::from).collect(),
            requests: told.requests.iter().map(request).collect(),
            logs: told.logs.iter().map(log).collect(),
            wall_micros: told.usage.wall_micros,
            memory_bytes: told.usage.memory_bytes,
        }
    }
}

impl From<&Effect> for DryRunEffect {
    fn from(effect: &Effect) -> Self {
        Self { words: words(effect), details: serde_json::to_value(effect).unwrap_or_default() }
    }
}

/// An effect as a person reads it.
fn words(effect: &Effect) -> String {
    let scoped = |scope: &Scope, name: &str| format!("{}/{name}", scope.parts().0);
    match effect {
        Effect::Send { to, content, options, .. } => {
            let to = match to {
                Recipient::Chat(_) => String::new(),
                Recipient::Phone { phone, .. } => format!(" to {phone}"),
            };
            let due = options.due_at.and_then(moment).map(|at| format!(" at {at}"));
            let due = due.unwrap_or_default();
            format!("sends {}{to}{due}: {}", content.kind(), content.as_text())
        }
        Effect::KeepFile(file) => format!("keeps a file: {}, {} bytes", file.mime_type, file.size),
        Effect::MarkRead { message_id } => format!("marks {message_id} as read"),
        Effect::Typing { .. } => "shows that it types".to_owned(),
        Effect::Cancel { message_id } => format!("cancels {message_id}"),
        Effect::SetTimer(timer) => {
            let when = if timer.cron.is_empty() {
                moment(timer.due_at).unwrap_or_default()
            } else {
                format!("{} {}", timer.cron, timer.time_zone)
            };
            format!("sets the timer {} for {}", scoped(&timer.scope, &timer.name), when.trim())
        }
        Effect::SetTimerIn { to, name, due_at, .. } => {
            let to = match to {
                Recipient::Chat(id) => id,
                Recipient::Phone { phone, .. } => phone,
            };
            format!("sets the timer {name} in {to} for {}", moment(*due_at).unwrap_or_default())
        }
        Effect::CancelTimer { scope, name } => format!("cancels the timer {}", scoped(scope, name)),
        Effect::SetState { scope, key, value: Some(value), .. } => {
            format!("keeps {} = {value}", scoped(scope, key))
        }
        Effect::SetState { scope, key, value: None, .. } => {
            format!("forgets {}", scoped(scope, key))
        }
        Effect::Tag { tag, value: Some(value), .. } => {
            format!("tags {tag} {value}").trim().to_owned()
        }
        Effect::Tag { tag, value: None, .. } => format!("takes the tag {tag} away"),
        Effect::Rename { name, .. } => format!("names the contact {name}"),
        Effect::Consent { opt_in, .. } => format!("notes that the contact is {}", opt_in.as_str()),
        Effect::Assign { who, .. } if who.is_empty() => "hands the chat back".to_owned(),
        Effect::Assign { who, .. } => format!("hands the chat to {who}"),
        Effect::Emit { name, data, .. } => format!("emits {name} {data}"),
    }
}
