//! API keys: make (shown once), list, end.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::House;
use crate::flow::identity::{credentials, new_key};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment, parse_moment, short_text};
use crate::model::ApiScope;
use crate::store::credential::{self, Credential, Kind};
use crate::store::group;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewKey {
    /// To know it by later.
    #[serde(default)]
    #[schema(max_length = 100)]
    name: String,
    /// What it may do; absent: all that you may.
    scopes: Option<BTreeSet<ApiScope>>,
    /// When it ends; absent: never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The department that it is narrowed to: it sees what belongs to its accounts, and never the team
    /// itself. Absent: none.
    department: Option<String>,
}

/// A key as it is listed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    id: String,
    name: String,
    scopes: BTreeSet<ApiScope>,
    #[schema(required)]
    department: Option<String>,
    created_at: Option<String>,
    /// Null: never.
    #[schema(required)]
    expires_at: Option<String>,
    /// To the minute; null: never.
    #[schema(required)]
    last_used_at: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

/// A new key; this answer is the only place where it is ever seen.
#[derive(Serialize, ToSchema)]
pub struct ShownKey {
    key: String,
    #[serde(flatten)]
    of: ApiKey,
}

#[derive(Serialize, ToSchema)]
pub struct ApiKeys {
    keys: Vec<ApiKey>,
    pagination: Pagination,
}

fn view(caller: &Caller, key: Credential) -> ApiKey {
    ApiKey {
        current: key.id == caller.who.id(),
        id: key.id,
        name: key.name,
        scopes: key.scopes,
        department: Some(key.department_id).filter(|id| !id.is_empty()),
        created_at: moment(key.created_at),
        expires_at: moment(key.expires_at),
        last_used_at: moment(key.last_used_at),
    }
}

/// What a new key or app is to be, where its maker may give that away.
pub(super) fn wanted(
    house: &House,
    caller: &Caller,
    id: String,
    name: &str,
    scopes: Option<BTreeSet<ApiScope>>,
    expires_at: Option<&str>,
) -> Result<Credential, ApiError> {
    let scopes = scopes.unwrap_or_else(|| (*caller.scopes).clone());
    caller.may_grant(&scopes)?;
    let expires_at = expires_at.map(|text| parse_moment(text, "expiresAt")).transpose()?;
    let now = house.clock.now();
    if expires_at.is_some_and(|at| at <= now) {
        return Err(ApiError::invalid("expiresAt: give a moment to come"));
    }
    let name = short_text(name, "name", 100)?;
    Ok(Credential {
        scopes,
        department_id: caller.department_id.clone(),
        expires_at: expires_at.unwrap_or(0),
        ..Credential::new(id, &caller.team_id, &name, now)
    })
}

/// A new key or app of one department. It has nothing to say about the team.
pub(super) async fn narrowed(
    house: &House,
    mut made: Credential,
    department: Option<String>,
) -> Result<Credential, ApiError> {
    let Some(id) = department.filter(|id| !id.is_empty()) else { return Ok(made) };
    let mut conn = house.store.read().await?;
    let found = group::get(&mut conn, group::Kind::Department, &made.team_id, &id).await?;
    made.department_id = found.ok_or_else(|| ApiError::not_found("department", &id))?.id;
    made.scopes.remove(&ApiScope::TeamWrite);
    Ok(made)
}

/// End a key or app, but not the one that asks.
pub(super) async fn end(
    house: &House,
    caller: &Caller,
    kind: Kind,
    id: &str,
) -> Result<StatusCode, ApiError> {
    if id == caller.who.id() {
        let message = "a key or app cannot end itself: use another one";
        return Err(ApiError::conflict("key_in_use", message));
    }
    if !credentials::end(house, kind, &caller.team_id, id).await? {
        let what = if kind == Kind::Key { "key" } else { "app" };
        return Err(ApiError::not_found(what, id));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Make a key
///
/// It can have no scope that you lack. The answer is the only place where the key is ever seen.
#[utoipa::path(post, path = "/keys", tag = "keys", responses((status = 201, description = "Made; shown this once", body = ShownKey)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, axum::Json<ShownKey>), ApiError> {
    let (id, key) = (house.clock.id("key"), new_key());
    let made = wanted(&house, &caller, id, &new.name, new.scopes, new.expires_at.as_deref())?;
    let made = narrowed(&house, made, new.department).await?;
    credentials::keep(&house, Kind::Key, &made, &key).await?;
    Ok((StatusCode::CREATED, axum::Json(ShownKey { key, of: view(&caller, made) })))
}

/// List keys
#[utoipa::path(get, path = "/keys", tag = "keys", params(Page), responses((status = 200, description = "Oldest first", body = ApiKeys)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<ApiKeys>, ApiError> {
    let mut conn = house.store.read().await?;
    let team = &caller.team_id;
    let mut keys =
        credential::list(&mut conn, Kind::Key, team, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut keys, |key| key.id.clone());
    let keys = keys.into_iter().map(|key| view(&caller, key)).collect();
    Ok(axum::Json(ApiKeys { keys, pagination: Pagination { next } }))
}

/// Get a key
#[utoipa::path(get, path = "/keys/{id}", tag = "keys", params(("id" = String, Path)), responses((status = 200, description = "The key", body = ApiKey)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<ApiKey>, ApiError> {
    let mut conn = house.store.read().await?;
    let found = credential::get(&mut conn, Kind::Key, &caller.team_id, &id).await?;
    let key = found.ok_or_else(|| ApiError::not_found("key", &id))?;
    Ok(axum::Json(view(&caller, key)))
}

/// End a key
///
/// It opens nothing any more. Not the key that asks.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = String, Path)), responses((status = 204, description = "Ended")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    end(&house, &caller, Kind::Key, &id).await
}
