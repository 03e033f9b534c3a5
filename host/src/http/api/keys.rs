//! API keys: make (shown once), list, end.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::flow::House;
use crate::http::auth::{self, Caller};
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Path, Query, iso, listed, short_text};
use crate::store::team;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    #[serde(default)]
    name: String,
}

/// The answer is the only place where the key is ever seen.
#[utoipa::path(post, path = "/keys", tag = "keys", responses((status = 201, description = "Done", body = Value)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    let (id, key) = (house.clock.id("key"), auth::new_key());
    let (name, now) = (short_text(&new.name, "name", 100)?, house.clock.now());
    let mut tx = house.store.begin().await?;
    team::insert_key(&mut tx, &id, &caller.team_id, &name, &auth::hash(&key), now).await?;
    house.commit(tx).await?;
    let view = json!({ "id": id, "name": name, "key": key, "createdAt": iso(now) });
    Ok((StatusCode::CREATED, axum::Json(view)))
}

/// List keys.
#[utoipa::path(get, path = "/keys", tag = "keys", responses((status = 200, description = "Done", body = Value)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<Value>, ApiError> {
    let mut conn = house.store.read().await?;
    let mut keys = team::keys(&mut conn, &caller.team_id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut keys, |key| key.id.clone());
    let view = |key: &team::Key| json!({ "id": key.id, "name": key.name, "createdAt": iso(key.created_at), "current": key.id == caller.key_id });
    Ok(listed("keys", keys.iter().map(view).collect(), next))
}

/// It opens nothing any more; not the key that asks.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", responses((status = 204, description = "Done")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    if id == caller.key_id {
        return Err(ApiError::conflict("key_in_use", "a key cannot end itself: use another one"));
    }
    let mut tx = house.store.begin().await?;
    if !team::delete_key(&mut tx, &caller.team_id, &id).await? {
        return Err(ApiError::not_found("key", &id));
    }
    house.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
