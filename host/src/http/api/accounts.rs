//! Accounts: make, list, rename, connect, disconnect.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::channel::Channel;
use crate::flow::House;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Path, Query, iso, listed, phone_number, short_text};
use crate::model::{Account, AccountState, ChannelType};
use crate::store::account;

type Answer = Result<axum::Json<Value>, ApiError>;

fn view(account: &Account) -> Value {
    json!({
        "id": account.id,
        "type": account.channel,
        "nickname": account.nickname,
        "phone": account.phone,
        "state": account.state,
        "reason": account.reason,
        "createdAt": iso(account.created_at),
    })
}

/// The team's account of this id.
pub(super) async fn own(house: &House, team_id: &str, id: &str) -> Result<Account, ApiError> {
    let found = account::get(&mut *house.store.read().await?, team_id, id).await?;
    found.ok_or_else(|| ApiError::not_found("account", id))
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
}

/// Create accounts.
#[utoipa::path(post, path = "/accounts", tag = "accounts", responses((status = 201, description = "Done", body = Value)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    if new.channel != ChannelType::Sandbox {
        return Err(ApiError::invalid(format!(
            "type: this host makes sandbox accounts only, not {}",
            new.channel
        )));
    }
    let phone = new.phone.map(|phone| phone_number(&phone, "phone")).transpose()?;
    let account = Account {
        nickname: short_text(&new.nickname, "nickname", 100)?,
        state: if phone.is_some() { AccountState::Open } else { AccountState::Close },
        phone: phone.unwrap_or_default(),
        ..Account::new(house.clock.id("acc"), &caller.team_id, new.channel, house.clock.now())
    };
    let mut tx = house.store.begin().await?;
    account::insert(&mut tx, &account).await?;
    house.commit(tx).await?;
    Ok((StatusCode::CREATED, axum::Json(view(&account))))
}

/// List accounts.
#[utoipa::path(get, path = "/accounts", tag = "accounts", responses((status = 200, description = "Done", body = Value)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Answer {
    let mut conn = house.store.read().await?;
    let mut accounts =
        account::list(&mut conn, &caller.team_id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut accounts, |account| account.id.clone());
    Ok(listed("accounts", accounts.iter().map(view).collect(), next))
}

/// Get accounts.
#[utoipa::path(get, path = "/accounts/{id}", tag = "accounts", responses((status = 200, description = "Done", body = Value)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    Ok(axum::Json(view(&own(&house, &caller.team_id, &id).await?)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    nickname: String,
}

/// Rename accounts.
#[utoipa::path(patch, path = "/accounts/{id}", tag = "accounts", responses((status = 200, description = "Done", body = Value)))]
pub async fn rename(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(rename): Json<AccountChange>,
) -> Answer {
    let nickname = short_text(&rename.nickname, "nickname", 100)?;
    let mut tx = house.store.begin().await?;
    if !account::rename(&mut tx, &caller.team_id, &id, &nickname).await? {
        return Err(ApiError::not_found("account", &id));
    }
    house.commit(tx).await?;
    Ok(axum::Json(view(&own(&house, &caller.team_id, &id).await?)))
}

/// Begin to connect; the QR code follows.
#[utoipa::path(post, path = "/accounts/{id}/open", tag = "accounts", responses((status = 200, description = "Done", body = Value)))]
pub async fn open(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let account = own(&house, &caller.team_id, &id).await?;
    if account.state != AccountState::Open {
        channel(&house, &account)?.open(&account).await;
    }
    pairing(&house, &caller.team_id, &id).await
}

/// Close accounts.
#[utoipa::path(post, path = "/accounts/{id}/close", tag = "accounts", responses((status = 200, description = "Done", body = Value)))]
pub async fn close(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let account = own(&house, &caller.team_id, &id).await?;
    channel(&house, &account)?.close(&account).await;
    pairing(&house, &caller.team_id, &id).await
}

/// The code to scan now; null when none is pending.
#[utoipa::path(get, path = "/accounts/{id}/qr", tag = "accounts", responses((status = 200, description = "Done", body = Value)))]
pub async fn qr(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Answer {
    pairing(&house, &caller.team_id, &id).await
}

async fn pairing(house: &House, team_id: &str, id: &str) -> Answer {
    let account = own(house, team_id, id).await?;
    let qr = channel(house, &account)?.qr(id);
    // The code may be there before the news of it is stored.
    let state = if qr.is_some() { AccountState::Connecting } else { account.state };
    let (code, expires_at) = qr.map_or((None, 0), |(code, until)| (Some(code), until));
    Ok(axum::Json(json!({ "state": state, "qr": code, "expiresAt": iso(expires_at) })))
}
