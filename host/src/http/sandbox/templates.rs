//! The pretend reviewer of templates, told what to say.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, Shared};
use crate::model::TemplateStatus;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    status: TemplateStatus,
    #[serde(default)]
    reason: String,
}

/// `PUT /sandbox/templates/{template}` with `{"status", "reason"}`: `approved`, `rejected`, `paused`
/// or `disabled`.
pub(super) async fn decide(
    State(house): State<Shared>,
    Path(id): Path<String>,
    body: Result<Json<Decision>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(decision) = body.map_err(|rejection| Refusal::invalid(rejection.body_text()))?;
    if matches!(decision.status, TemplateStatus::Draft | TemplateStatus::Pending) {
        return Err(Refusal::invalid("status: approved, rejected, paused or disabled"));
    }
    if decision.reason.contains('\0') || decision.reason.len() > 1000 {
        return Err(Refusal::invalid("reason: at most 1000 bytes, and no NUL"));
    }
    if !house.decide_template(&id, decision.status, &decision.reason).await? {
        let message = format!("there is no template {id:?} that was submitted");
        return Err(Refusal::not_found(message));
    }
    Ok(Json(json!({ "id": id, "status": decision.status })))
}
