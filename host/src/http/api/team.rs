//! The caller's team.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::House;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, moment, short_text};
use crate::store::team;

/// A team.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    id: String,
    name: String,
    created_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamChange {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Get your team
#[utoipa::path(get, path = "/team", tag = "team", responses((status = 200, description = "The team", body = Team)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
) -> Result<axum::Json<Team>, ApiError> {
    let found = team::get(&mut *house.store.read().await?, &caller.team_id).await?;
    let team = found.ok_or_else(|| ApiError::not_found("team", &caller.team_id))?;
    let created_at = moment(team.created_at);
    Ok(axum::Json(Team { id: team.id, name: team.name, created_at }))
}

/// Rename your team
#[utoipa::path(patch, path = "/team", tag = "team", responses((status = 200, description = "The team", body = Team)))]
pub async fn rename(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(change): Json<TeamChange>,
) -> Result<axum::Json<Team>, ApiError> {
    let name = short_text(&change.name, "name", 100)?;
    if name.is_empty() {
        return Err(ApiError::invalid("name: give the team one"));
    }
    let mut tx = house.store.begin().await?;
    team::rename(&mut tx, &caller.team_id, &name).await?;
    house.commit(tx).await?;
    get(State(house), caller).await
}
