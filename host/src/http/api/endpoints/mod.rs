//! The customer's own endpoints: where events are posted to, and how.

mod check;
mod stats;
mod traffic;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::{House, notify};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment};
use crate::model::{Millis, PayloadFormat};
use crate::store::endpoint::Endpoint;
use crate::store::{Conn, Tx, endpoint, job, listen, resend as resends_table, team};

pub use stats::*;
pub use traffic::*;

/// How long a secret that was replaced goes on signing beside the new one.
const OVERLAP: Millis = 24 * 60 * 60 * 1000;

/// An address that events are posted to.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
#[serde(rename_all = "camelCase")]
pub struct EndpointView {
    #[schema(example = "end_01KDY0000000000000000000")]
    id: String,
    #[schema(example = "https://example.com/events")]
    url: String,
    /// Names of events, `message.*` for all of a kind; empty for all.
    #[schema(example = json!(["message.*"]))]
    events: Vec<String>,
    /// Account ids; empty for all.
    accounts: Vec<String>,
    /// The events of a chat one after the other.
    ordered: bool,
    /// How events are written.
    format: PayloadFormat,
    /// The headers that are sent along; their values are not shown.
    header_names: Vec<String>,
    enabled: bool,
    /// Why it is disabled; empty where a person did it, or where it is not.
    reason: String,
    /// The first failure since the last success.
    #[schema(required, format = DateTime)]
    failing_since: Option<String>,
    /// Until when the secret before the present one signs too.
    #[schema(required, format = DateTime)]
    old_secret_until: Option<String>,
    #[schema(required, format = DateTime)]
    created_at: Option<String>,
}

fn view(house: &House, endpoint: &Endpoint) -> EndpointView {
    let old_until = endpoint.old_secret_until;
    EndpointView {
        id: endpoint.id.clone(),
        url: endpoint.url.clone(),
        events: endpoint.events.clone(),
        accounts: endpoint.accounts.clone(),
        ordered: endpoint.ordered,
        format: endpoint.format,
        header_names: header_names(house, endpoint),
        enabled: endpoint.enabled,
        reason: endpoint.reason.clone(),
        failing_since: moment(endpoint.failing_since.unwrap_or(0)),
        old_secret_until: moment(if old_until > house.clock.now() { old_until } else { 0 }),
        created_at: moment(endpoint.created_at),
    }
}

fn header_names(house: &House, endpoint: &Endpoint) -> Vec<String> {
    if endpoint.sealed_headers.is_empty() {
        return Vec::new();
    }
    let opened = house.seal.open(&notify::headers_context(&endpoint.id), &endpoint.sealed_headers);
    let headers =
        opened.and_then(|json| Ok(serde_json::from_str::<BTreeMap<String, String>>(&json)?));
    match headers {
        Ok(headers) => headers.into_keys().collect(),
        Err(error) => {
            tracing::warn!(endpoint = endpoint.id, error = format!("{error:#}"), "its headers");
            Vec::new()
        }
    }
}

fn sealed_headers(house: &House, id: &str, headers: &BTreeMap<String, String>) -> String {
    if headers.is_empty() {
        return String::new();
    }
    let json = serde_json::to_string(headers).unwrap_or_default();
    house.seal.seal(&notify::headers_context(id), &json)
}

async fn own(conn: &mut Conn, team_id: &str, id: &str) -> Result<Endpoint, ApiError> {
    endpoint::get(conn, team_id, id).await?.ok_or_else(|| ApiError::not_found("endpoint", id))
}

/// Take the team's row: nobody else changes its endpoints and jobs until the transaction ends.
async fn hold(tx: &mut Tx, team_id: &str, numbers: i64) -> Result<team::Numbers, ApiError> {
    Ok(team::draw(tx, &BTreeMap::from([(team_id.to_owned(), numbers)])).await?)
}

/// Commit a change of a team's endpoints, and let every node read them anew.
async fn publish(house: &House, mut tx: Tx, team_id: &str) -> Result<(), ApiError> {
    listen::tell_installs(&house.store, &mut tx).await?;
    house.commit(tx).await?;
    house.registry.forget(team_id);
    Ok(())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndpoint {
    #[schema(example = "https://example.com/events", max_length = 2000)]
    url: String,
    /// Names of events, `message.*` for all of a kind; empty for all.
    #[serde(default)]
    #[schema(max_items = 100)]
    events: Vec<String>,
    /// Account ids; empty for all.
    #[serde(default)]
    accounts: Vec<String>,
    /// The events of a chat one after the other: what fails holds up those behind it.
    #[serde(default)]
    ordered: bool,
    /// How events are written.
    #[serde(default)]
    format: Option<PayloadFormat>,
    /// Headers to send along, at most 20.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A signing secret of your own: `whsec_` and base64 of 24 to 64 bytes. Absent: a new one.
    #[serde(default)]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

/// A new endpoint, with its secret.
#[derive(Serialize, ToSchema)]
pub struct CreatedEndpoint {
    #[serde(flatten)]
    endpoint: EndpointView,
    /// Signs what is posted. It is shown here and never again.
    secret: String,
}

/// Create an endpoint
///
/// Events are posted to it from now on, signed as Standard Webhooks are. The answer is the only place
/// where its secret is ever seen.
#[utoipa::path(post, path = "/endpoints", tag = "endpoints", responses((status = 201, description = "Created", body = CreatedEndpoint)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewEndpoint>,
) -> Result<(StatusCode, axum::Json<CreatedEndpoint>), ApiError> {
    let id = house.clock.id("end");
    let secret = check::secret(new.secret)?;
    let headers = check::headers(new.headers)?;
    let mut tx = house.store.begin().await?;
    hold(&mut tx, &caller.team_id, 1).await?;
    let most = house.config.notify.endpoints;
    if endpoint::count(&mut tx, &caller.team_id).await? >= most {
        let message = format!("a team has at most {most} endpoints: delete one first");
        return Err(ApiError::conflict("too_many_endpoints", message));
    }
    let endpoint = Endpoint {
        url: check::web_address(&new.url)?,
        sealed_secret: house.seal.seal(&notify::secret_context(&id), &secret),
        old_sealed_secret: String::new(),
        old_secret_until: 0,
        sealed_headers: sealed_headers(&house, &id, &headers),
        format: new.format.unwrap_or(PayloadFormat::Native),
        events: check::event_names(new.events)?,
        accounts: check::own_accounts(&mut tx, &caller.team_id, new.accounts).await?,
        id,
        team_id: caller.team_id,
        ordered: new.ordered,
        enabled: true,
        reason: String::new(),
        failing_since: None,
        created_at: house.clock.now(),
    };
    endpoint::put(&mut tx, &endpoint).await?;
    publish(&house, tx, &endpoint.team_id).await?;
    let created = CreatedEndpoint { endpoint: view(&house, &endpoint), secret };
    Ok((StatusCode::CREATED, axum::Json(created)))
}

/// Endpoints of a team.
#[derive(Serialize, ToSchema)]
pub struct EndpointList {
    endpoints: Vec<EndpointView>,
    pagination: Pagination,
}

/// List endpoints
#[utoipa::path(get, path = "/endpoints", tag = "endpoints", params(Page), responses((status = 200, description = "Oldest first", body = EndpointList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<EndpointList>, ApiError> {
    let mut conn = house.store.read().await?;
    let mut found = endpoint::list(&mut conn, &caller.team_id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |endpoint| endpoint.id.clone());
    let endpoints = found.iter().map(|endpoint| view(&house, endpoint)).collect();
    Ok(axum::Json(EndpointList { endpoints, pagination: Pagination { next } }))
}

/// Get an endpoint
#[utoipa::path(get, path = "/endpoints/{id}", tag = "endpoints", responses((status = 200, description = "The endpoint", body = EndpointView)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<EndpointView>, ApiError> {
    let endpoint = own(&mut *house.store.read().await?, &caller.team_id, &id).await?;
    Ok(axum::Json(view(&house, &endpoint)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    #[schema(max_length = 2000)]
    url: Option<String>,
    #[schema(max_items = 100)]
    events: Option<Vec<String>>,
    accounts: Option<Vec<String>>,
    ordered: Option<bool>,
    /// All of the headers to send along, in place of those before.
    headers: Option<BTreeMap<String, String>>,
    format: Option<PayloadFormat>,
    /// False: nothing more is sent to it, and what waits for it is dropped. True forgets its failures.
    enabled: Option<bool>,
}

/// Change an endpoint
///
/// What is absent stays. Disabling it drops the notices that wait for it; enabling it forgets its
/// failures.
#[utoipa::path(patch, path = "/endpoints/{id}", tag = "endpoints", responses((status = 200, description = "As it is now", body = EndpointView)))]
pub async fn change(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(change): Json<EndpointChange>,
) -> Result<axum::Json<EndpointView>, ApiError> {
    let mut tx = house.store.begin().await?;
    hold(&mut tx, &caller.team_id, 1).await?;
    let mut endpoint = own(&mut tx, &caller.team_id, &id).await?;
    if let Some(url) = change.url {
        endpoint.url = check::web_address(&url)?;
    }
    if let Some(events) = change.events {
        endpoint.events = check::event_names(events)?;
    }
    if let Some(accounts) = change.accounts {
        endpoint.accounts = check::own_accounts(&mut tx, &caller.team_id, accounts).await?;
    }
    if let Some(headers) = change.headers {
        endpoint.sealed_headers = sealed_headers(&house, &id, &check::headers(headers)?);
    }
    endpoint.format = change.format.unwrap_or(endpoint.format);
    endpoint.ordered = change.ordered.unwrap_or(endpoint.ordered);
    if let Some(enabled) = change.enabled {
        (endpoint.enabled, endpoint.failing_since) = (enabled, None);
        endpoint.reason.clear();
        if !enabled {
            job::remove_target(&mut tx, &caller.team_id, &id).await?;
            resends_table::stop(&mut tx, &caller.team_id, &id).await?;
        }
    }
    endpoint::put(&mut tx, &endpoint).await?;
    publish(&house, tx, &caller.team_id).await?;
    Ok(axum::Json(view(&house, &endpoint)))
}

/// Delete an endpoint
///
/// With its attempts, and the notices that wait for it.
#[utoipa::path(delete, path = "/endpoints/{id}", tag = "endpoints", responses((status = 204, description = "Deleted")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = house.store.begin().await?;
    hold(&mut tx, &caller.team_id, 1).await?;
    if !endpoint::delete(&mut tx, &caller.team_id, &id).await? {
        return Err(ApiError::not_found("endpoint", &id));
    }
    job::remove_target(&mut tx, &caller.team_id, &id).await?;
    publish(&house, tx, &caller.team_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretRotation {
    /// A secret of your own, as on creation. Absent: a new one.
    secret: Option<String>,
}

/// The secret that signs from now on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedSecret {
    /// It is shown here and never again.
    secret: String,
    /// Until then the one before signs too.
    #[schema(required, format = DateTime)]
    old_secret_until: Option<String>,
}

/// Replace an endpoint's secret
///
/// The one before goes on signing beside the new one for 24 hours: `webhook-signature` has both, with a
/// space between them. One before that signs no more.
#[utoipa::path(post, path = "/endpoints/{id}/secret/rotate", tag = "endpoints", responses((status = 200, description = "The new secret", body = RotatedSecret)))]
pub async fn rotate_secret(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(rotation): Json<SecretRotation>,
) -> Result<axum::Json<RotatedSecret>, ApiError> {
    let secret = check::secret(rotation.secret)?;
    let mut tx = house.store.begin().await?;
    hold(&mut tx, &caller.team_id, 1).await?;
    let mut endpoint = own(&mut tx, &caller.team_id, &id).await?;
    let before = house.seal.open(&notify::secret_context(&id), &endpoint.sealed_secret)?;
    endpoint.old_sealed_secret = house.seal.seal(&notify::old_secret_context(&id), &before);
    endpoint.old_secret_until = house.clock.now() + OVERLAP;
    endpoint.sealed_secret = house.seal.seal(&notify::secret_context(&id), &secret);
    endpoint::put(&mut tx, &endpoint).await?;
    publish(&house, tx, &caller.team_id).await?;
    let old_secret_until = moment(endpoint.old_secret_until);
    Ok(axum::Json(RotatedSecret { secret, old_secret_until }))
}
