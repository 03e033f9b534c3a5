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
use serde_json::{Value, json};

use super::error::ApiError;
use super::extract::Path;
use crate::flow::House;
use crate::flow::webhooks::{self, Delivery, Refusal};
use crate::model::InstallState;
use crate::plugin::manifest::{Manifest, Route, RouteMode, Style};
use crate::store::plugin::InstallRow;
use crate::store::{job, plugin, webhook};

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
    let (install, route) = find(&house, &install, &path).await?;
    let body = body?;
    if let Some(verify) = &route.verify {
        let checked = webhooks::check(&house, &install.id, verify, &headers, &body).await?;
        checked.map_err(|refusal| refused(&install, &refusal))?;
    }
    let style = route.verify.as_ref().map(|verify| verify.style);
    let id = delivery_id(style, &headers, &body)?.unwrap_or_else(|| house.clock.id("dlv"));
    let path = query.map_or(route.path.clone(), |query| format!("{}?{query}", route.path));
    let delivery = Delivery {
        install,
        path,
        method: method.as_str().to_owned(),
        headers: plain_headers(&headers),
        body: body.into(),
        id,
    };
    // Subscribed before it is stored: a settlement that is quick is not missed.
    let commits = house.wake.committed.subscribe();
    let event_id = webhooks::accept(&house, &delivery).await?;
    match route.mode {
        RouteMode::Queued => {
            let accepted = json!({ "id": delivery.id, "event": event_id });
            Ok((StatusCode::ACCEPTED, axum::Json(accepted)).into_response())
        }
        RouteMode::Sync => reply(&house, &delivery, &event_id, commits).await,
    }
}

/// The install and its route; 404 for what is not there.
async fn find(
    house: &House,
    install_id: &str,
    path: &str,
) -> Result<(InstallRow, Route), ApiError> {
    let unknown = || ApiError::not_found("webhook", &format!("/x/{install_id}/{path}"));
    let found = plugin::install_by_id(&mut *house.store.read().await?, install_id).await?;
    let install =
        found.filter(|install| install.state != InstallState::Removed).ok_or_else(unknown)?;
    let path = format!("/{path}");
    let route = |manifest: &Manifest| manifest.routes.iter().find(|it| it.path == path).cloned();
    // Reading a manifest costs more than all else: strangers may ask often.
    let team = house.registry.team(&house.store, &install.team_id).await?;
    let known = team.install(&install.id).map(|active| &active.install);
    let route = match known.filter(|known| known.generation == install.generation) {
        Some(known) => route(&known.manifest),
        None => route(&Manifest::parse(&install.manifest).map_err(anyhow::Error::from)?),
    };
    Ok((install, route.ok_or_else(unknown)?))
}

fn refused(install: &InstallRow, refusal: &Refusal) -> ApiError {
    match refusal {
        Refusal::Unsigned(_) => {
            let message = "the call carries no signature of its sender that holds: sign the body as the plugin's route says";
            ApiError::new(StatusCode::UNAUTHORIZED, "invalid_signature", message)
        }
        Refusal::NoSecret(name) => {
            let message = format!(
                "the secret {name:?}, by which calls are checked, is not set or is no key of its style: set it by PUT /api/v1/plugins/{}/secrets/{name}",
                install.id
            );
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "secret_not_set", message)
        }
    }
}

/// The sender's name for a delivery. Where it is signed that alone counts: anybody could send the same
/// bytes under another name.
fn delivery_id(
    style: Option<Style>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<String>, ApiError> {
    const NAMES: [&str; 5] = [
        "idempotency-key",
        "webhook-id",
        "x-delivery-id",
        "x-github-delivery",
        "x-shopify-webhook-id",
    ];
    let fitting = |id: &str| (1..=255).contains(&id.len());
    if style == Some(Style::Stripe) {
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        let id = event["id"].as_str().filter(|id| fitting(id) && !id.contains('\0'));
        return Ok(id.map(str::to_owned));
    }
    let own = match style {
        Some(Style::StandardWebhooks) => &NAMES[1..2],
        Some(Style::Github) => &NAMES[3..4],
        Some(Style::Shopify) => &NAMES[4..5],
        _ => &NAMES[..],
    };
    let Some(value) = own.iter().find_map(|name| headers.get(*name)) else { return Ok(None) };
    match value.to_str() {
        Ok(id) if fitting(id) => Ok(Some(id.to_owned())),
        _ => Err(ApiError::invalid("the delivery id has 1 to 255 plain characters")),
    }
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
        let id = |style, headers: &HeaderMap| delivery_id(style, headers, br#"{"id": "evt_1"}"#);
        assert_eq!(id(None, &headers).expect("none"), None);
        headers.insert("x-delivery-id", HeaderValue::from_static("c"));
        headers.insert("webhook-id", HeaderValue::from_static("b"));
        assert_eq!(id(None, &headers).expect("fits").as_deref(), Some("b"));
        headers.insert("idempotency-key", HeaderValue::from_static(""));
        assert!(id(None, &headers).is_err(), "an empty id names nothing");
    }

    #[test]
    fn a_name_that_is_signed_counts_alone() {
        let names = ["idempotency-key", "webhook-id", "x-github-delivery", "x-shopify-webhook-id"];
        let headers: HeaderMap = names
            .iter()
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static(name)))
            .collect();
        for (style, expected) in [
            (Style::HmacSha256, "idempotency-key"),
            (Style::StandardWebhooks, "webhook-id"),
            (Style::Github, "x-github-delivery"),
            (Style::Shopify, "x-shopify-webhook-id"),
            (Style::Stripe, "evt_1"),
        ] {
            let id = delivery_id(Some(style), &headers, br#"{"id": "evt_1"}"#).expect("fits");
            assert_eq!(id.as_deref(), Some(expected));
        }
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
