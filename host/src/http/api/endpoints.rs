//! The customer's own endpoints: where events are posted to, and what that brought.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

use crate::flow::{House, notify, record};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Path, Query, iso, listed};
use crate::model::{Event, JobKind};
use crate::store::endpoint::{Attempt, Endpoint};
use crate::store::job::Job;
use crate::store::{Conn, Tx, account, endpoint, event, job, listen, team};

type Answer = Result<axum::Json<Value>, ApiError>;

fn view(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id,
        "url": endpoint.url,
        "events": endpoint.events,
        "accounts": endpoint.accounts,
        "ordered": endpoint.ordered,
        "enabled": endpoint.enabled,
        "reason": endpoint.reason,
        "failingSince": iso(endpoint.failing_since.unwrap_or(0)),
        "createdAt": iso(endpoint.created_at),
    })
}

async fn own(conn: &mut Conn, team_id: &str, id: &str) -> Result<Endpoint, ApiError> {
    endpoint::get(conn, team_id, id).await?.ok_or_else(|| ApiError::not_found("endpoint", id))
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
    url: String,
    /// Names of events, `message.*` for all of a kind; empty for all.
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    ordered: bool,
}

/// The answer is the only place where its secret is ever seen.
#[utoipa::path(post, path = "/endpoints", tag = "endpoints", responses((status = 201, description = "Done", body = Value)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewEndpoint>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    let (id, secret) = (house.clock.id("end"), notify::new_secret());
    let mut tx = house.store.begin().await?;
    let endpoint = Endpoint {
        url: web_address(&new.url)?,
        sealed_secret: house.seal.seal(&notify::secret_context(&id), &secret),
        events: event_names(new.events)?,
        accounts: own_accounts(&mut tx, &caller.team_id, new.accounts).await?,
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
    let mut answer = view(&endpoint);
    answer["secret"] = secret.into();
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// List endpoints.
#[utoipa::path(get, path = "/endpoints", tag = "endpoints", responses((status = 200, description = "Done", body = Value)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Answer {
    let mut conn = house.store.read().await?;
    let mut endpoints =
        endpoint::list(&mut conn, &caller.team_id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut endpoints, |endpoint| endpoint.id.clone());
    Ok(listed("endpoints", endpoints.iter().map(view).collect(), next))
}

/// Get endpoints.
#[utoipa::path(get, path = "/endpoints/{id}", tag = "endpoints", responses((status = 200, description = "Done", body = Value)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    Ok(axum::Json(view(&own(&mut *house.store.read().await?, &caller.team_id, &id).await?)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    url: Option<String>,
    events: Option<Vec<String>>,
    accounts: Option<Vec<String>>,
    ordered: Option<bool>,
    enabled: Option<bool>,
}

/// What is absent stays. Enabling it forgets its failures.
#[utoipa::path(patch, path = "/endpoints/{id}", tag = "endpoints", responses((status = 200, description = "Done", body = Value)))]
pub async fn change(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(change): Json<EndpointChange>,
) -> Answer {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(caller.team_id.clone(), 1)])).await?;
    let mut endpoint = own(&mut tx, &caller.team_id, &id).await?;
    if let Some(url) = change.url {
        endpoint.url = web_address(&url)?;
    }
    if let Some(events) = change.events {
        endpoint.events = event_names(events)?;
    }
    if let Some(accounts) = change.accounts {
        endpoint.accounts = own_accounts(&mut tx, &caller.team_id, accounts).await?;
    }
    endpoint.ordered = change.ordered.unwrap_or(endpoint.ordered);
    if let Some(enabled) = change.enabled {
        (endpoint.enabled, endpoint.failing_since) = (enabled, None);
        endpoint.reason.clear();
        if !enabled {
            job::remove_target(&mut tx, &caller.team_id, &id).await?;
        }
    }
    endpoint::put(&mut tx, &endpoint).await?;
    publish(&house, tx, &caller.team_id).await?;
    Ok(axum::Json(view(&endpoint)))
}

/// , with the notices that wait for it.
#[utoipa::path(delete, path = "/endpoints/{id}", tag = "endpoints", responses((status = 204, description = "Done")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(caller.team_id.clone(), 1)])).await?;
    if !endpoint::delete(&mut tx, &caller.team_id, &id).await? {
        return Err(ApiError::not_found("endpoint", &id));
    }
    job::remove_target(&mut tx, &caller.team_id, &id).await?;
    publish(&house, tx, &caller.team_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Oldest first.
#[utoipa::path(get, path = "/endpoints/{id}/attempts", tag = "endpoints", responses((status = 200, description = "Done", body = Value)))]
pub async fn attempts(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    let mut conn = house.store.read().await?;
    own(&mut conn, &caller.team_id, &id).await?;
    let mut attempts =
        endpoint::attempts(&mut conn, &caller.team_id, &id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut attempts, |attempt| attempt.id.clone());
    let view = |attempt: &Attempt| {
        json!({
            "id": attempt.id,
            "event": attempt.event_id,
            "attempt": attempt.attempt,
            "at": iso(attempt.at),
            "millis": attempt.millis,
            "status": attempt.status,
            "response": attempt.response,
        })
    };
    Ok(listed("attempts", attempts.iter().map(view).collect(), next))
}

/// An `endpoint.test` event for this endpoint alone.
#[utoipa::path(post, path = "/endpoints/{id}/test", tag = "endpoints", responses((status = 202, description = "Done", body = Value)))]
pub async fn test(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    let mut tx = house.store.begin().await?;
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(caller.team_id.clone(), 1)])).await?;
    let endpoint = own(&mut tx, &caller.team_id, &id).await?;
    if !endpoint.enabled {
        return Err(ApiError::conflict("endpoint_disabled", "enable the endpoint first"));
    }
    let event = Event {
        id: house.clock.id("evt"),
        cursor: numbers.next(&caller.team_id),
        team_id: caller.team_id,
        kind: "endpoint.test".to_owned(),
        account_id: String::new(),
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        data: json!({ "endpoint": id }),
    };
    event::insert(&mut tx, std::slice::from_ref(&event)).await?;
    let job = Job { target_id: id, ..record::carrying(&house, &event, JobKind::Notify) };
    job::insert(&mut tx, &[job]).await?;
    house.commit(tx).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(json!({ "event": event.id }))))
}

fn web_address(text: &str) -> Result<String, ApiError> {
    let refuse = || ApiError::invalid("url: give a web address such as https://example.com/events");
    let url = Url::parse(text.trim()).map_err(|_| refuse())?;
    let fits = matches!(url.scheme(), "http" | "https") && url.has_host() && text.len() <= 2_000;
    if fits { Ok(url.into()) } else { Err(refuse()) }
}

fn event_names(names: Vec<String>) -> Result<Vec<String>, ApiError> {
    let fits = |name: &String| {
        (1..=100).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-*".contains(&b))
    };
    if names.len() > 100 || !names.iter().all(fits) {
        return Err(ApiError::invalid(
            "events: at most 100 names such as \"message.received\" or \"message.*\"",
        ));
    }
    Ok(names)
}

async fn own_accounts(
    conn: &mut Conn,
    team_id: &str,
    ids: Vec<String>,
) -> Result<Vec<String>, ApiError> {
    for id in &ids {
        account::get(conn, team_id, id).await?.ok_or_else(|| ApiError::not_found("account", id))?;
    }
    Ok(ids)
}
