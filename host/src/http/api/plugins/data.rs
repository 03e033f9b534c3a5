//! What a plugin keeps, seen and edited.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::query::{StateKey, StateKeys};
use crate::flow::House;
use crate::flow::install::{self, state as edits};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment};
use crate::model::Scope;
use crate::store::plugin::InstallRow;
use crate::store::state::{self, Filter, Placed};

/// A value that a plugin keeps.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginState {
    /// `plugin`, `account`, `chat` or `contact`.
    pub(super) scope: String,
    /// The id of that account, chat or contact; empty for the plugin's own.
    pub(super) subject: String,
    pub(super) key: String,
    pub(super) value: String,
    /// Changes with every write.
    version: i64,
    #[schema(required, format = DateTime)]
    pub(super) expires_at: Option<String>,
}

impl From<Placed> for PluginState {
    fn from(Placed { scope, entry }: Placed) -> Self {
        let (word, subject) = scope.parts();
        Self {
            scope: word.to_owned(),
            subject: subject.to_owned(),
            key: entry.key,
            value: entry.value,
            version: entry.version,
            expires_at: moment(entry.expires_at.unwrap_or(0)),
        }
    }
}

/// What a plugin keeps.
#[derive(Serialize, ToSchema)]
pub struct PluginStateList {
    state: Vec<PluginState>,
    pagination: Pagination,
}

/// List what a plugin keeps
#[utoipa::path(get, path = "/plugins/{id}/state", tag = "plugins", params(StateKeys), responses((status = 200, description = "In order of scope, subject and key", body = PluginStateList)))]
pub async fn state(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(keys): Query<StateKeys>,
) -> Result<axum::Json<PluginStateList>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let scope = keys.scope.unwrap_or_default();
    if !scope.is_empty() && Scope::from_parts(&scope, "").is_none() {
        return Err(ApiError::invalid("scope: plugin, account, chat or contact"));
    }
    let after = match keys.cursor.as_str() {
        "" => None,
        cursor => Some(place(cursor).ok_or_else(|| {
            ApiError::invalid("cursor: give `pagination.next` of the page before")
        })?),
    };
    let filter = Filter { scope, subject: keys.id, prefix: keys.prefix };
    let page = Page::new(String::new(), keys.limit);
    let mut conn = house.store.read().await?;
    let mut found = state::page(
        &mut conn,
        &install.id,
        &filter,
        after.as_ref(),
        house.clock.now(),
        page.fetch(),
    )
    .await?;
    let next = page.cut(&mut found, cursor);
    let state = found.into_iter().map(PluginState::from).collect();
    Ok(axum::Json(PluginStateList { state, pagination: Pagination { next } }))
}

/// Where a list goes on: scope and subject hold no slash.
fn cursor(placed: &Placed) -> String {
    let (scope, subject) = placed.scope.parts();
    format!("{scope}/{subject}/{}", placed.entry.key)
}

fn place(cursor: &str) -> Option<(String, String, String)> {
    let (scope, rest) = cursor.split_once('/')?;
    let (subject, key) = rest.split_once('/')?;
    Some((scope.to_owned(), subject.to_owned(), key.to_owned()))
}

/// The install, and the scope that is meant in it.
async fn named(
    house: &House,
    caller: &Caller,
    key: &str,
    of: &StateKey,
) -> Result<(InstallRow, Scope), ApiError> {
    let install = install::find(house, &caller.team_id, key).await?;
    let mut conn = house.store.read().await?;
    let word = of.scope.as_deref().unwrap_or("plugin");
    let scope = edits::scope(&mut conn, &caller.team_id, word, &of.id).await?;
    Ok((install, scope))
}

async fn entry(
    house: &House,
    install: &InstallRow,
    scope: Scope,
    key: &str,
) -> Result<axum::Json<PluginState>, ApiError> {
    let mut conn = house.store.read().await?;
    let found = state::get(&mut conn, &install.id, &scope, key, house.clock.now()).await?;
    let entry = found.ok_or_else(|| ApiError::not_found("key", key))?;
    Ok(axum::Json(Placed { scope, entry }.into()))
}

/// Get one value that a plugin keeps
#[utoipa::path(get, path = "/plugins/{id}/state/value", tag = "plugins", params(StateKey), responses((status = 200, description = "The value", body = PluginState)))]
pub async fn state_value(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(of): Query<StateKey>,
) -> Result<axum::Json<PluginState>, ApiError> {
    let (install, scope) = named(&house, &caller, &key, &of).await?;
    entry(&house, &install, scope, &of.key).await
}

/// A value to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewState {
    value: String,
    /// Milliseconds until it is forgotten; absent: never.
    #[schema(minimum = 1)]
    ttl: Option<i64>,
}

/// Put one value into what a plugin keeps
///
/// Calls under way that have read the key run again.
#[utoipa::path(put, path = "/plugins/{id}/state/value", tag = "plugins", params(StateKey), responses((status = 200, description = "As it is kept", body = PluginState)))]
pub async fn put_state(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(of): Query<StateKey>,
    Json(body): Json<NewState>,
) -> Result<axum::Json<PluginState>, ApiError> {
    let (install, scope) = named(&house, &caller, &key, &of).await?;
    edits::check(&house, &of.key, Some(&body.value)).map_err(ApiError::invalid)?;
    if body.ttl.is_some_and(|ttl| ttl < 1) {
        return Err(ApiError::invalid("ttl: milliseconds, at least 1"));
    }
    let edit = edits::Edit {
        scope: scope.clone(),
        key: of.key.clone(),
        value: Some(body.value),
        expires_at: body.ttl.map(|ttl| house.clock.now().saturating_add(ttl)),
    };
    edits::write(&house, &install, &[edit]).await?;
    entry(&house, &install, scope, &of.key).await
}

/// Delete one value of what a plugin keeps
#[utoipa::path(delete, path = "/plugins/{id}/state/value", tag = "plugins", params(StateKey), responses((status = 204, description = "It is gone")))]
pub async fn delete_state(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(of): Query<StateKey>,
) -> Result<StatusCode, ApiError> {
    let (install, scope) = named(&house, &caller, &key, &of).await?;
    let _there = entry(&house, &install, scope.clone(), &of.key).await?;
    let edit = edits::Edit { scope, key: of.key, value: None, expires_at: None };
    edits::write(&house, &install, &[edit]).await?;
    Ok(StatusCode::NO_CONTENT)
}
