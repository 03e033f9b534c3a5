//! The accounts of the pretend network: what their customers got, how they behave, how they log in.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::Channel as _;
use crate::channel::sandbox::Behaviour;
use crate::model::{Account, Millis};

use super::{Refusal, Shared, account, phone_number};

/// The longest delay that a behaviour may ask for: a day.
const MAX_DELAY: Millis = 86_400_000;
const MAX_OUTGOING: usize = 1_000;

/// `GET /sandbox/accounts`
pub(super) async fn list(State(house): State<Shared>) -> Result<Json<Value>, Refusal> {
    let accounts: Vec<_> = house.accounts().await?.iter().map(view).collect();
    Ok(Json(json!({ "accounts": accounts })))
}

/// What the phone page may know of an account.
pub(super) fn view(account: &Account) -> Value {
    json!({
        "id": account.id,
        "nickname": account.nickname,
        "phone": account.phone,
        "state": account.state,
        "reason": account.reason,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    #[serde(default)]
    after: i64,
    limit: Option<usize>,
}

/// `GET /sandbox/accounts/{account}/outgoing?after=&limit=`: what reached the customers. `after` is
/// the `seq` of the last one seen.
pub(super) async fn outgoing(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(query) = query.map_err(|rejection| Refusal::invalid(rejection.body_text()))?;
    account(&house, &account_id).await?;
    let limit = query.limit.unwrap_or(100).clamp(1, MAX_OUTGOING);
    let sandbox = house.sandbox().clone();
    // Older ones come from a file.
    let read =
        tokio::task::spawn_blocking(move || sandbox.outgoing(&account_id, query.after, limit));
    let messages = read.await.map_err(anyhow::Error::from)?.map_err(anyhow::Error::from)?;
    Ok(Json(json!({ "messages": messages })))
}

/// `GET /sandbox/accounts/{account}/behaviour`
pub(super) async fn behaviour(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
) -> Result<Json<Behaviour>, Refusal> {
    account(&house, &account_id).await?;
    Ok(Json(house.sandbox().behaviour(&account_id)))
}

/// `PUT /sandbox/accounts/{account}/behaviour`: what the body leaves out takes its default.
pub(super) async fn set_behaviour(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<Json<Behaviour>, Refusal> {
    let Json(body) = body.map_err(|rejection| Refusal::invalid(rejection.body_text()))?;
    account(&house, &account_id).await?;
    let Value::Object(body) = body else { return Err(Refusal::invalid("give an object")) };
    let mut whole =
        serde_json::to_value(house.sandbox().default_behaviour()).map_err(anyhow::Error::from)?;
    for (key, value) in body {
        whole[key] = value;
    }
    let behaviour: Behaviour =
        serde_json::from_value(whole).map_err(|error| Refusal::invalid(error.to_string()))?;
    let delays = [behaviour.delivered_after, behaviour.read_after, behaviour.latency];
    if !delays.iter().all(|delay| (0..=MAX_DELAY).contains(delay)) || behaviour.plan.len() > 1_000 {
        return Err(Refusal::invalid(
            "delays are 0 to 86400000 milliseconds, and a plan has at most 1000 entries",
        ));
    }
    house.sandbox().set_behaviour(&account_id, behaviour.clone());
    Ok(Json(behaviour))
}

/// `POST /sandbox/accounts/{account}/open`: begin to connect.
pub(super) async fn open(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let account = account(&house, &account_id).await?;
    house.sandbox().open(&account).await;
    qr(State(house), Path(account_id)).await
}

/// `POST /sandbox/accounts/{account}/close`: disconnect.
pub(super) async fn close(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let account = account(&house, &account_id).await?;
    house.sandbox().close(&account).await;
    Ok(Json(json!({ "state": "close" })))
}

/// `GET /sandbox/accounts/{account}/qr`: the code to scan now (`null` when none is pending), until
/// when it holds, and where its picture is.
pub(super) async fn qr(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let account = account(&house, &account_id).await?;
    let qr = house.sandbox().qr(&account_id).map(|(code, valid_until)| {
        let svg = format!("/sandbox/accounts/{account_id}/qr.svg");
        json!({ "code": code, "valid_until": valid_until, "svg": svg })
    });
    Ok(Json(json!({ "state": account.state, "qr": qr })))
}

/// `GET /sandbox/accounts/{account}/qr.svg`
pub(super) async fn qr_svg(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    account(&house, &account_id).await?;
    let none = || Refusal::not_found("no QR code is pending: open the account first");
    let (code, _) = house.sandbox().qr(&account_id).ok_or_else(none)?;
    let code = qrcode::QrCode::new(code).map_err(anyhow::Error::from)?;
    let svg = code.render::<qrcode::render::svg::Color>().min_dimensions(240, 240).build();
    Ok(([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "no-store")], svg))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scan {
    phone: String,
}

/// `POST /sandbox/accounts/{account}/scan` with `{"phone"}`: the account's number from now on.
pub(super) async fn scan(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
    body: Result<Json<Scan>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(body) = body.map_err(|rejection| Refusal::invalid(rejection.body_text()))?;
    let phone = phone_number(&body.phone, "phone")?;
    account(&house, &account_id).await?;
    let scanned = house.sandbox().scan(&account_id, &phone).await;
    scanned.map_err(|refusal| Refusal::conflict(refusal.to_string()))?;
    Ok(Json(json!({ "state": "open", "phone": phone })))
}
