//! Webhooks of plugins: `/x/{install}/…`. What is accepted is stored under the sender's delivery id,
//! so that a repeat runs nothing twice.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::extract::{Path, traceparent};
use crate::flow::{House, install, record};
use crate::model::{Event, EventKind, InstallState, JobKind, Trace};
use crate::plugin::manifest::{Manifest, RouteMode};
use crate::store::job::Job;
use crate::store::plugin::InstallRow;
use crate::store::{event, job, plugin, team, webhook};

/// What a webhook is, once it is read whole.
struct Delivery {
    install: InstallRow,
    /// With the query.
    path: String,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    /// The sender's id for it, or one of ours.
    id: String,
}

/// `/x/{install}`
pub async fn receive_root(
    state: State<Arc<House>>,
    Path(install): Path<String>,
    query: RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    receive(state, Path((install, String::new())), query, method, headers, body).await
}

/// `/x/{install}/{*path}`: 202 once it is stored on a queued route; the plugin's reply on a sync one.
pub async fn receive(
    State(house): State<Arc<House>>,
    Path((install, path)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let (install, mode, path) = route(&house, &install, &path).await?;
    let path = query.map_or(path.clone(), |query| format!("{path}?{query}"));
    let id = delivery_id(&headers)?.unwrap_or_else(|| house.clock.id("dlv"));
    let delivery = Delivery { install, path, method, headers, body: body?, id };
    // Subscribed before it is stored: a settlement that is quick is not missed.
    let commits = house.wake.committed.subscribe();
    let event_id = store(&house, &delivery).await?;
    match mode {
        RouteMode::Queued => {
            let accepted = json!({ "id": delivery.id, "event": event_id });
            Ok((StatusCode::ACCEPTED, axum::Json(accepted)).into_response())
        }
        RouteMode::Sync => reply(&house, &delivery, &event_id, commits).await,
    }
}

/// The install and the mode of its route; 404 for what is not there.
async fn route(
    house: &House,
    install_id: &str,
    path: &str,
) -> Result<(InstallRow, RouteMode, String), ApiError> {
    let unknown = || ApiError::not_found("webhook", &format!("/x/{install_id}/{path}"));
    let found = plugin::install_by_id(&mut *house.store.read().await?, install_id).await?;
    let install =
        found.filter(|install| install.state != InstallState::Removed).ok_or_else(unknown)?;
    let manifest = Manifest::parse(&install.manifest).map_err(anyhow::Error::from)?;
    let path = format!("/{path}");
    let route = manifest.routes.iter().find(|route| route.path == path).ok_or_else(unknown)?;
    Ok((install, route.mode, path))
}

/// The first of the headers by which senders name a delivery.
fn delivery_id(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    const NAMES: [&str; 3] = ["idempotency-key", "webhook-id", "x-delivery-id"];
    let Some(value) = NAMES.iter().find_map(|name| headers.get(*name)) else { return Ok(None) };
    match value.to_str() {
        Ok(id) if (1..=255).contains(&id.len()) => Ok(Some(id.to_owned())),
        _ => Err(ApiError::invalid("the delivery id has 1 to 255 plain characters")),
    }
}

/// Store the delivery with its one job, unless it is stored already; gives its event's id.
async fn store(house: &House, delivery: &Delivery) -> Result<String, ApiError> {
    let install = &delivery.install;
    // Made of the delivery: the same one twice is the same event.
    let digest = Sha256::digest(format!("{}/{}", install.id, delivery.id));
    let event_id = format!("evt_{}", &hex::encode(digest)[..32]);
    let account_id = install::only_account(&mut *house.store.read().await?, install).await?;
    let event = Event {
        id: event_id.clone(),
        team_id: install.team_id.clone(),
        cursor: 0,
        kind: EventKind::WEBHOOK_RECEIVED.to_owned(),
        account_id,
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        data: json!({
            "install": install.id,
            "delivery_id": delivery.id,
            "method": delivery.method.as_str(),
            "path": delivery.path,
            "headers": plain_headers(&delivery.headers),
            "body_base64": STANDARD.encode(&delivery.body),
        }),
        trace: Trace::given(traceparent(&delivery.headers)),
    };
    let mut tx = house.store.begin().await?;
    let mut wanted = record::numbers_for(std::slice::from_ref(&event));
    wanted.values_mut().for_each(|count| *count += 1);
    let mut numbers = team::draw(&mut tx, &wanted).await?;
    if event::get(&mut tx, &install.team_id, &event_id).await?.is_some() {
        return Ok(event_id);
    }
    let job = Job {
        place: numbers.next(&install.team_id),
        target_id: install.id.clone(),
        ..record::carrying(house, &event, JobKind::Event)
    };
    record::events(house, &mut tx, &mut numbers, vec![event]).await?;
    job::insert(&mut tx, &[job]).await?;
    house.commit(tx).await?;
    Ok(event_id)
}

/// Headers as text, without those that carry somebody's credentials to us or speak of the connection.
fn plain_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = |name: &HeaderName| {
        ![header::COOKIE, header::CONNECTION, header::TRANSFER_ENCODING].contains(name)
    };
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).replace('\0', "");
    headers
        .iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

/// Between two looks: a busy host commits more often than a reply can come.
const PACE: Duration = Duration::from_millis(5);

/// Wait for the settlement of the delivery, and give what the plugin answered.
async fn reply(
    house: &House,
    delivery: &Delivery,
    event_id: &str,
    mut commits: tokio::sync::watch::Receiver<u64>,
) -> Result<Response, ApiError> {
    // Retries of a failing call go on after the caller was told to come back.
    let patience = Duration::from_millis(u64::try_from(house.config.plugins.wall_max).unwrap_or(0));
    let settled = async {
        loop {
            commits.mark_unchanged();
            let mut conn = house.store.read().await?;
            if let Some(reply) =
                webhook::reply(&mut conn, &delivery.install.id, &delivery.id).await?
            {
                return Ok(answer(&reply));
            }
            if !job::is_under_way(&mut conn, &delivery.install.team_id, event_id).await? {
                // It may have settled between the two questions.
                let reply = webhook::reply(&mut conn, &delivery.install.id, &delivery.id).await?;
                return reply.as_ref().map(answer).ok_or_else(failed);
            }
            drop(conn);
            if commits.changed().await.is_err() {
                return Err(timed_out());
            }
            tokio::time::sleep(PACE).await;
        }
    };
    tokio::time::timeout(patience, settled).await.unwrap_or_else(|_| Err(timed_out()))
}

fn failed() -> ApiError {
    let message = "the plugin could not handle this delivery; its dead letters say why";
    ApiError::new(StatusCode::BAD_GATEWAY, "plugin_failed", message)
}

fn timed_out() -> ApiError {
    let message = "the plugin has not answered yet; the work goes on: repeat the delivery under the same id for its reply";
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, "plugin_timeout", message)
}

/// The stored reply as a response; headers that are none are left out.
fn answer(reply: &webhook::StoredReply) -> Response {
    let status =
        u16::try_from(reply.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let body = STANDARD.decode(&reply.body).unwrap_or_default();
    let mut response = (status.unwrap_or(StatusCode::BAD_GATEWAY), body).into_response();
    // A plugin's reply is served beside the API: no browser may take it for a page of ours.
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in &reply.headers {
        let ours = [
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::CONNECTION,
            header::SET_COOKIE,
        ];
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            && !ours.contains(&name)
        {
            response.headers_mut().append(name, value);
        }
    }
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_senders_own_id_is_taken_first() {
        let mut headers = HeaderMap::new();
        assert_eq!(delivery_id(&headers).expect("none"), None);
        headers.insert("x-delivery-id", HeaderValue::from_static("c"));
        headers.insert("webhook-id", HeaderValue::from_static("b"));
        assert_eq!(delivery_id(&headers).expect("fits").as_deref(), Some("b"));
        headers.insert("idempotency-key", HeaderValue::from_static(""));
        assert!(delivery_id(&headers).is_err(), "an empty id names nothing");
    }

    #[test]
    fn a_reply_sets_no_cookies_and_no_lengths() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let reply = webhook::StoredReply {
            install_id: "ins_1".into(),
            delivery_id: "d".into(),
            status: 201,
            headers: vec![
                header("x-a", "1"),
                header("set-cookie", "a=b"),
                header("content-length", "99"),
                header("b\nd", "x"),
            ],
            body: STANDARD.encode("ok"),
            at: 0,
        };
        let response = answer(&reply);
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()["x-a"], "1");
        assert!(!response.headers().contains_key("set-cookie"));
        assert!(response.headers().get("content-length").is_none_or(|length| length != "99"));
    }
}
