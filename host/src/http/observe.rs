//! What is told about every request: an id, a line in the log, a count and a latency; and how
//! streams end when the host stops.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::error::ApiError;
use super::metrics::BUCKETS_OF;
use crate::flow::House;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Give every request an id (the caller's own, where it sent a sane one), log it and count it.
pub async fn request(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let sane = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let id = given.filter(sane).map_or_else(|| house.clock.id("req"), str::to_owned);
    let method = request.method().clone();
    // By the route, not the address: few series, and no ids in them.
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %id, %method, path = request.uri().path());
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), begun.elapsed());
    span.in_scope(|| {
        tracing::debug!(status = status.as_u16(), millis = took.as_millis(), "answered")
    });
    count(method.as_str(), &route, status, took);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn count(method: &str, route: &str, status: StatusCode, took: Duration) {
    // Anyone can make a method up, and each would be a series.
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let method = if KNOWN.contains(&method) { method } else { "other" };
    let labels = [("method", method.to_owned()), ("route", route.to_owned())];
    metrics::histogram!(BUCKETS_OF, &labels).record(took.as_secs_f64());
    let [method, route] = labels;
    metrics::counter!(
        "switchboard_http_requests_total",
        &[method, route, ("status", status.as_str().to_owned())]
    )
    .increment(1);
}

/// A handler that panics answers a 500; the panic itself is in the log.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = words.unwrap_or("without words"), "a request's handler panicked");
    ApiError::internal().into_response()
}

/// End event streams when the host stops, so that they do not hold it up.
pub async fn end_streams(
    State(stop): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let kind =
        response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !kind.starts_with(b"text/event-stream") {
        return response;
    }
    response
        .map(|body| Body::from_stream(body.into_data_stream().take_until(stop.cancelled_owned())))
}
