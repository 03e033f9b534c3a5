//! Whether the process lives (`/healthz`), and whether it can work (`/readyz`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::flow::House;
use crate::store::job;

/// `GET /healthz`
pub async fn lives() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET /readyz`: 503 while the database does not answer.
pub async fn ready(State(house): State<Arc<House>>) -> Response {
    match waiting(&house).await {
        Ok(jobs) => Json(json!({ "status": "ok", "jobs": jobs })).into_response(),
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "not ready: the database does not answer"
            );
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(json!({ "status": "unavailable", "database": "does not answer" })),
            )
                .into_response()
        }
    }
}

/// How many jobs are due: one question that the database must answer.
async fn waiting(house: &House) -> anyhow::Result<i64> {
    Ok(job::due(&mut *house.store.read().await?, house.clock.now()).await?)
}
