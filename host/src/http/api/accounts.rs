//! Accounts: buy, list, change, connect and disconnect, archive, delete.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::channel::Channel;
use crate::flow::House;
use crate::flow::accounts::{self, Change};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, iso, phone_number, short_text};
use crate::model::{
    Account, AccountSettings, AccountState, ChannelType, Health, Millis, Period, Removal, Tier,
};
use crate::store::account::{self, Filter};

type Answer<T> = Result<axum::Json<T>, ApiError>;

/// An account: one number on one channel.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    #[schema(example = "acc_01k…")]
    id: String,
    #[serde(rename = "type")]
    channel: ChannelType,
    /// For display only; two may have the same.
    nickname: String,
    /// E.164, with the plus; empty until the channel tells it.
    phone: String,
    state: AccountState,
    /// Why it is in that state; empty where there is nothing to say.
    reason: String,
    /// `degraded`: it is open, but nothing is heard from it.
    health: Health,
    tier: Tier,
    /// The period of its subscription that runs now; null for an archived account.
    #[schema(required)]
    period: Option<PeriodView>,
    #[schema(required)]
    department: Option<String>,
    #[schema(required)]
    business_account: Option<String>,
    settings: AccountSettings,
    /// How many messages its phone brought along.
    synced_messages: i64,
    /// When the phone had brought them all.
    #[schema(value_type = Option<String>, required)]
    synced_at: Value,
    /// Null where it is not archived.
    #[schema(required)]
    archive: Option<ArchiveView>,
    #[schema(value_type = String)]
    created_at: Value,
}

/// From a moment until just before another.
#[derive(Serialize, ToSchema)]
pub struct PeriodView {
    #[schema(value_type = String)]
    start: Value,
    #[schema(value_type = String)]
    end: Value,
}

impl From<Period> for PeriodView {
    fn from(period: Period) -> Self {
        Self { start: iso(period.start), end: iso(period.end) }
    }
}

/// An account that is archived.
#[derive(Serialize, ToSchema)]
pub struct ArchiveView {
    state: ArchiveState,
    #[schema(value_type = String)]
    at: Value,
}

/// Whether its synced data is gone yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArchiveState {
    Archiving,
    Done,
}

fn view(account: &Account, now: Millis) -> AccountView {
    let some = |id: &String| Some(id.clone()).filter(|id| !id.is_empty());
    let archive = account.is_archived().then(|| ArchiveView {
        state: match account.removing {
            Removal::Nothing => ArchiveState::Done,
            _ => ArchiveState::Archiving,
        },
        at: iso(account.archived_at),
    });
    AccountView {
        id: account.id.clone(),
        channel: account.channel,
        nickname: account.nickname.clone(),
        phone: account.phone.clone(),
        state: account.state,
        reason: account.reason.clone(),
        health: account.health,
        tier: account.tier,
        period: archive.is_none().then(|| account.period(now).into()),
        department: some(&account.department_id),
        business_account: some(&account.business_account_id),
        settings: account.settings.clone(),
        synced_messages: account.synced_messages,
        synced_at: iso(account.synced_at),
        archive,
        created_at: iso(account.created_at),
    }
}

/// The account of this id, where the caller sees it.
pub(super) async fn own(house: &House, caller: &Caller, id: &str) -> Result<Account, ApiError> {
    let found = account::get(&mut *house.store.read().await?, &caller.team_id, id).await?;
    found.filter(|account| caller.sees(account)).ok_or_else(|| ApiError::not_found("account", id))
}

async fn shown(house: &House, caller: &Caller, id: &str) -> Answer<AccountView> {
    Ok(axum::Json(view(&own(house, caller, id).await?, house.clock.now())))
}

/// The channel that carries an account.
fn channel<'a>(house: &'a House, account: &Account) -> Result<&'a dyn Channel, ApiError> {
    let missing = || {
        ApiError::conflict(
            "channel_unavailable",
            format!("this host runs no {} accounts", account.channel),
        )
    };
    house.channels.get(account.channel).ok_or_else(missing)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewAccount {
    #[serde(rename = "type")]
    channel: ChannelType,
    #[serde(default)]
    nickname: String,
    /// A sandbox account with a number needs no pairing: it is open at once.
    phone: Option<String>,
    /// Absent: the host's default.
    tier: Option<Tier>,
    department: Option<String>,
    business_account: Option<String>,
    #[serde(default)]
    settings: AccountSettings,
}

/// Buy an account. Its first period begins now, and is an entry of the ledger.
#[utoipa::path(post, path = "/accounts", tag = "accounts", responses((status = 201, description = "Bought", body = AccountView)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, axum::Json<AccountView>), ApiError> {
    if new.channel != ChannelType::Sandbox {
        return Err(ApiError::invalid(format!(
            "type: this host makes sandbox accounts only, not {}",
            new.channel
        )));
    }
    let phone = new.phone.map(|phone| phone_number(&phone, "phone")).transpose()?;
    let department = caller.within(new.department.unwrap_or_default());
    let department_id = department
        .ok_or_else(|| ApiError::invalid("department: this key is of another department"))?;
    let account = Account {
        nickname: short_text(&new.nickname, "nickname", 100)?,
        state: if phone.is_some() { AccountState::Open } else { AccountState::Close },
        phone: phone.unwrap_or_default(),
        tier: new.tier.unwrap_or(house.config.billing.default_tier),
        department_id,
        business_account_id: new.business_account.unwrap_or_default(),
        settings: new.settings,
        ..Account::new(house.clock.id("acc"), &caller.team_id, new.channel, house.clock.now())
    };
    let account = accounts::buy(&house, account).await?;
    Ok((StatusCode::CREATED, axum::Json(view(&account, house.clock.now()))))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct AccountQuery {
    #[serde(default)]
    department: String,
    #[serde(default)]
    business_account: String,
    state: Option<AccountState>,
    /// Absent: both.
    archived: Option<bool>,
    #[serde(default)]
    cursor: String,
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct AccountList {
    accounts: Vec<AccountView>,
    pagination: Pagination,
}

/// List accounts, oldest first.
#[utoipa::path(get, path = "/accounts", tag = "accounts", params(AccountQuery), responses((status = 200, description = "A page of accounts", body = AccountList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<AccountQuery>,
) -> Answer<AccountList> {
    let page = Page::new(query.cursor, query.limit);
    let mut found = Vec::new();
    if let Some(department_id) = caller.within(query.department) {
        let filter = Filter {
            department_id,
            business_account_id: query.business_account,
            state: query.state,
            archived: query.archived,
        };
        let mut conn = house.store.read().await?;
        let after = page.cursor();
        found = account::search(&mut conn, &caller.team_id, &filter, after, page.fetch()).await?;
    }
    let next = page.cut(&mut found, |account| account.id.clone());
    let now = house.clock.now();
    let accounts = found.iter().map(|account| view(account, now)).collect();
    Ok(axum::Json(AccountList { accounts, pagination: Pagination { next } }))
}

/// Look at an account.
#[utoipa::path(get, path = "/accounts/{id}", tag = "accounts", responses((status = 200, description = "The account", body = AccountView)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<AccountView> {
    shown(&house, &caller, &id).await
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccountChange {
    nickname: Option<String>,
    tier: Option<Tier>,
    /// Empty: none.
    department: Option<String>,
    /// Empty: none.
    business_account: Option<String>,
    /// The whole settings, in place of those before.
    settings: Option<AccountSettings>,
}

/// Change an account. A tier holds from now on; the same tier again is refused as `same_tier`. A
/// tier without history removes what came with the login.
#[utoipa::path(patch, path = "/accounts/{id}", tag = "accounts", responses((status = 200, description = "As it is now", body = AccountView)))]
pub async fn change(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(change): Json<AccountChange>,
) -> Answer<AccountView> {
    own(&house, &caller, &id).await?;
    let nickname = change.nickname.map(|name| short_text(&name, "nickname", 100)).transpose()?;
    let department_id = match change.department {
        Some(_) if !caller.department_id.is_empty() => {
            return Err(ApiError::invalid("department: a key of one department cannot change it"));
        }
        department => department,
    };
    let change = Change {
        nickname,
        tier: change.tier,
        department_id,
        business_account_id: change.business_account,
        settings: change.settings,
    };
    accounts::change(&house, &caller.team_id, &id, change).await?;
    shown(&house, &caller, &id).await
}

/// Log out, end the subscription, and remove what was synced. Notes and contacts stay.
#[utoipa::path(post, path = "/accounts/{id}/archive", tag = "accounts", responses((status = 200, description = "Archived; its data goes now", body = AccountView)))]
pub async fn archive(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<AccountView> {
    own(&house, &caller, &id).await?;
    accounts::archive(&house, &caller.team_id, &id).await?;
    shown(&house, &caller, &id).await
}

/// Buy an archived account anew. It has to be opened and scanned again.
#[utoipa::path(post, path = "/accounts/{id}/unarchive", tag = "accounts", responses((status = 200, description = "Bought anew", body = AccountView)))]
pub async fn unarchive(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<AccountView> {
    own(&house, &caller, &id).await?;
    accounts::unarchive(&house, &caller.team_id, &id).await?;
    shown(&house, &caller, &id).await
}

/// Delete an account with its chats and messages. It is gone at once; its data follows.
#[utoipa::path(delete, path = "/accounts/{id}", tag = "accounts", responses((status = 202, description = "Gone; its data is being removed")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    own(&house, &caller, &id).await?;
    accounts::delete(&house, &caller.team_id, &id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// How an account connects.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    state: AccountState,
    reason: String,
    /// The code to scan now; null when none is pending.
    #[schema(required)]
    qr: Option<String>,
    /// Until when the code holds.
    #[schema(value_type = Option<String>, required)]
    expires_at: Value,
}

/// Begin to connect; the QR code changes every 20 seconds, and a few times at most.
#[utoipa::path(post, path = "/accounts/{id}/open", tag = "accounts", responses((status = 200, description = "Connecting, or open already", body = Connection)))]
pub async fn open(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Connection> {
    let account = accounts::in_use(own(&house, &caller, &id).await?)?;
    if account.state != AccountState::Open {
        channel(&house, &account)?.open(&account).await;
    }
    pairing(&house, &caller, &id).await
}

/// Disconnect.
#[utoipa::path(post, path = "/accounts/{id}/close", tag = "accounts", responses((status = 200, description = "Closed", body = Connection)))]
pub async fn close(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Connection> {
    let account = accounts::in_use(own(&house, &caller, &id).await?)?;
    channel(&house, &account)?.close(&account).await;
    pairing(&house, &caller, &id).await
}

/// Disconnect, and let the phone forget the login.
#[utoipa::path(post, path = "/accounts/{id}/logout", tag = "accounts", responses((status = 200, description = "Logged out", body = Connection)))]
pub async fn logout(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Connection> {
    let account = accounts::in_use(own(&house, &caller, &id).await?)?;
    accounts::logged_out(&house, &account).await?;
    pairing(&house, &caller, &id).await
}

/// The code to scan now; null when none is pending.
#[utoipa::path(get, path = "/accounts/{id}/qr", tag = "accounts", responses((status = 200, description = "How it connects", body = Connection)))]
pub async fn qr(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Connection> {
    pairing(&house, &caller, &id).await
}

async fn pairing(house: &House, caller: &Caller, id: &str) -> Answer<Connection> {
    let account = own(house, caller, id).await?;
    let qr = channel(house, &account)?.qr(id);
    // The code may be there before the news of it is stored.
    let state = if qr.is_some() { AccountState::Connecting } else { account.state };
    let (qr, expires_at) = qr.map_or((None, 0), |(code, until)| (Some(code), until));
    Ok(axum::Json(Connection { state, reason: account.reason, qr, expires_at: iso(expires_at) }))
}
