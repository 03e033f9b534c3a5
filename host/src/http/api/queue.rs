//! The queue of an account: what waits and why, pause and resume, its pace and hours.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::own;
use crate::flow::{House, accounts, outbox, pending};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment};
use crate::model::{Account, AccountState, Millis, QuietHours, WarmUp};
use crate::store::{Conn, account, account_day, job, team};

type Answer = Result<axum::Json<AccountQueue>, ApiError>;

/// What waits to leave an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountQueue {
    pub account: String,
    /// Whether somebody paused it.
    pub paused: bool,
    /// Why nothing leaves at all, where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<QueueStop>,
    /// Messages that wait, whatever for.
    pub waiting: i64,
    /// Those for which the time has come: they leave one after the other.
    pub due: i64,
    /// Those that are to leave at a time to come.
    pub scheduled: i64,
    /// Those whose time had come, and which wait again.
    pub held: Vec<QueueHeld>,
    /// Of those that wait, how many are of bulk sends.
    pub bulk: i64,
    /// The next moment at which something may leave; null where nothing waits.
    pub next_at: Option<String>,
    /// How many left today (UTC).
    pub sent_today: i64,
    /// How many may leave today; null: no limit.
    pub daily_limit: Option<i64>,
    pub settings: QueueSettings,
}

/// Why nothing leaves an account.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueStop {
    Paused,
    NotOpen,
}

/// Messages that wait again for one reason.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueHeld {
    pub reason: QueueReason,
    pub count: i64,
    /// When the first of them goes on.
    pub until: Option<String>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueReason {
    /// The account's quiet hours.
    QuietHours,
    /// The day's share of a number that is being warmed up has left.
    WarmUp,
    /// As many as may leave one number on a day have left.
    DailyLimit,
}

/// How messages leave an account; what is null follows the host's configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct QueueSettings {
    /// The least time between two messages, in milliseconds.
    pub gap: Option<Millis>,
    /// What chance adds to it at most, in milliseconds.
    pub jitter: Option<Millis>,
    /// Messages under way at once; more than 1 on cloud and dialog360 only.
    pub in_flight: Option<u32>,
    /// Bulk sends wait, and so does what was scheduled, unless its customer wrote within an hour.
    pub quiet_hours: Option<QuietHours>,
    /// A daily cap that grows.
    pub warm_up: Option<WarmUp>,
}

/// Look at an account's queue
#[utoipa::path(
    get,
    path = "/accounts/{id}/queue",
    tag = "queue",
    responses((status = 200, description = "What waits, and why", body = AccountQueue))
)]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let account = own(&house, &caller, &id).await?;
    view(&house, &mut *house.store.read().await?, &account).await
}

async fn view(house: &House, conn: &mut Conn, account: &Account) -> Answer {
    let now = house.clock.now();
    let waiting = job::waiting(conn, &account.team_id, &account.id).await?;
    let paused = account_day::is_paused(conn, &account.id).await?;
    let sent = account_day::sent(conn, &account.id, account_day::day_of(now)).await?;
    let sum = |fits: &dyn Fn(&job::Waiting) -> bool| {
        waiting.iter().filter(|group| fits(group)).map(|group| group.count).sum::<i64>()
    };
    let held = |why: &str, reason| {
        let groups: Vec<&job::Waiting> = waiting.iter().filter(|group| group.held == why).collect();
        let count = groups.iter().map(|group| group.count).sum();
        let until = groups.iter().map(|group| group.next_at).min().and_then(moment);
        (count > 0).then_some(QueueHeld { reason, count, until })
    };
    let reasons = [
        held(outbox::QUIET_HOURS, QueueReason::QuietHours),
        held(outbox::WARM_UP, QueueReason::WarmUp),
        held(outbox::DAILY_LIMIT, QueueReason::DailyLimit),
    ];
    let stopped = if paused {
        Some(QueueStop::Paused)
    } else {
        (account.state != AccountState::Open).then_some(QueueStop::NotOpen)
    };
    let settings = account.settings.clone();
    Ok(axum::Json(AccountQueue {
        account: account.id.clone(),
        paused,
        stopped,
        waiting: sum(&|_| true),
        due: sum(&|group| group.placed),
        scheduled: sum(&|group| !group.placed && group.held.is_empty()),
        held: reasons.into_iter().flatten().collect(),
        bulk: sum(&|group| group.priority == job::BULK),
        next_at: waiting.iter().map(|group| group.next_at.max(now)).min().and_then(moment),
        sent_today: sent.count,
        daily_limit: outbox::most(&house.config.limits, account, &sent).map(|(most, _)| most),
        settings: QueueSettings {
            gap: settings.gap,
            jitter: settings.jitter,
            in_flight: settings.in_flight,
            quiet_hours: settings.quiet_hours,
            warm_up: settings.warm_up,
        },
    }))
}

/// A message that waits to leave.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuedMessage {
    pub message: String,
    /// When it may leave at the earliest.
    pub due_at: Option<String>,
    /// Whether it is one of a bulk send.
    pub bulk: bool,
    /// Attempts that failed.
    pub attempts: i64,
    /// Whether a send of it is in doubt.
    pub in_doubt: bool,
    /// Why it waits again; null where it does not.
    pub held: Option<String>,
}

/// A page of what waits.
#[derive(Serialize, ToSchema)]
pub struct QueuedMessageList {
    pub messages: Vec<QueuedMessage>,
    pub pagination: Pagination,
}

/// List what waits to leave an account
///
/// In the order in which it was queued.
#[utoipa::path(
    get,
    path = "/accounts/{id}/queue/messages",
    tag = "queue",
    params(Page), responses((status = 200, description = "A page of what waits", body = QueuedMessageList))
)]
pub async fn messages(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<QueuedMessageList>, ApiError> {
    own(&house, &caller, &id).await?;
    let mut conn = house.store.read().await?;
    let mut found =
        job::of_account(&mut conn, &caller.team_id, &id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |(job, _)| job.id.clone());
    let messages = found
        .into_iter()
        .map(|(job, _)| QueuedMessage {
            message: job.subject_id,
            due_at: moment(job.due_at),
            bulk: job.priority == job::BULK,
            attempts: job.attempts,
            in_doubt: matches!(job.stage.as_str(), "doubt" | "doubt-again"),
            held: Some(job.held).filter(|held| !held.is_empty()),
        })
        .collect();
    Ok(axum::Json(QueuedMessageList { messages, pagination: Pagination { next } }))
}

/// Set how messages leave an account
///
/// As a whole: what is left out follows the host's configuration.
#[utoipa::path(
    put,
    path = "/accounts/{id}/queue",
    tag = "queue",
    request_body = QueueSettings,
    responses((status = 200, description = "The queue as it is now", body = AccountQueue))
)]
pub async fn set(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(new): Json<QueueSettings>,
) -> Answer {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &[(caller.team_id.clone(), 1)].into()).await?;
    let found = account::get(&mut tx, &caller.team_id, &id).await?;
    let found = found.filter(|account| caller.sees(account));
    let found = found.ok_or_else(|| ApiError::not_found("account", &id))?;
    let mut account = accounts::in_use(found)?;
    account.settings.gap = new.gap;
    account.settings.jitter = new.jitter;
    account.settings.in_flight = new.in_flight;
    account.settings.quiet_hours = new.quiet_hours;
    account.settings.warm_up = new.warm_up;
    account.settings.check_queue(account.channel).map_err(ApiError::invalid)?;
    account::set_settings(&mut tx, &account).await?;
    house.commit(tx).await?;
    view(&house, &mut *house.store.read().await?, &account).await
}

/// Pause an account's queue
///
/// What is being sent now still leaves.
#[utoipa::path(
    post,
    path = "/accounts/{id}/queue/pause",
    tag = "queue",
    responses((status = 200, description = "The queue as it is now", body = AccountQueue))
)]
pub async fn pause(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    set_paused(&house, &caller, &id, true).await
}

/// Resume an account's queue
#[utoipa::path(
    post,
    path = "/accounts/{id}/queue/resume",
    tag = "queue",
    responses((status = 200, description = "The queue as it is now", body = AccountQueue))
)]
pub async fn resume(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    set_paused(&house, &caller, &id, false).await
}

async fn set_paused(house: &House, caller: &Caller, id: &str, paused: bool) -> Answer {
    let account = accounts::in_use(own(house, caller, id).await?)?;
    let mut tx = house.store.begin().await?;
    account_day::set_paused(&mut tx, &caller.team_id, id, paused).await?;
    house.commit(tx).await?;
    view(house, &mut *house.store.read().await?, &account).await
}

/// How many messages were cancelled.
#[derive(Serialize, ToSchema)]
pub struct QueueCleared {
    pub cancelled: u64,
}

/// Cancel all that waits to leave an account
///
/// Scheduled messages among them, but what is being sent now.
#[utoipa::path(
    delete,
    path = "/accounts/{id}/queue",
    tag = "queue",
    responses((status = 200, description = "How many were cancelled", body = QueueCleared))
)]
pub async fn clear(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<QueueCleared>, ApiError> {
    own(&house, &caller, &id).await?;
    let cancelled = pending::clear(&house, &caller.team_id, &id).await?;
    Ok(axum::Json(QueueCleared { cancelled }))
}
