//! Plugins: install and upgrade, versions, order. A plugin is named by its install's id or by its own
//! name.

mod data;
mod dry_run;
mod exchange;
mod fire;
mod query;
mod settings;
mod stats;
mod versions;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use self::query::InstallOptions;
use crate::flow::House;
use crate::flow::install::{self, Actor, Consent, Upload};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Pagination, Path, Query, moment, short_text};
use crate::model::InstallState;
use crate::plugin::Grants;
use crate::plugin::manifest::Manifest;
use crate::store::plugin::{self, InstallRow};

pub use data::*;
pub use dry_run::*;
pub use exchange::*;
pub use fire::*;
pub use settings::*;
pub use stats::*;
pub use versions::*;

type Shared = State<Arc<House>>;

/// A plugin that is installed.
#[derive(Serialize, ToSchema)]
#[schema(as = Plugin)]
#[serde(rename_all = "camelCase")]
pub struct PluginView {
    /// The install's id.
    #[schema(example = "ins_01KDY0000000000000000000")]
    id: String,
    /// Its own name.
    #[schema(example = "auto-reply")]
    plugin: String,
    description: String,
    #[schema(example = "1.2.0")]
    version: String,
    version_id: String,
    /// SHA-256 of the file, hexadecimal.
    hash: String,
    /// Counts every change.
    generation: i64,
    /// Its turn in the chain, from 1.
    position: i64,
    state: InstallState,
    /// Why it is suspended; empty where it is not.
    reason: String,
    #[schema(required, format = DateTime)]
    suspended_until: Option<String>,
    /// The accounts that it serves; empty for all.
    accounts: Vec<String>,
    grants: Grants,
    #[schema(required, format = DateTime)]
    created_at: Option<String>,
    #[schema(required, format = DateTime)]
    updated_at: Option<String>,
}

impl From<&InstallRow> for PluginView {
    fn from(install: &InstallRow) -> Self {
        let manifest = Manifest::parse(&install.manifest).ok();
        let suspended = install.state == InstallState::Suspended;
        Self {
            id: install.id.clone(),
            plugin: install.plugin.clone(),
            description: manifest.map(|manifest| manifest.description).unwrap_or_default(),
            version: install.version.clone(),
            version_id: install.version_id.clone(),
            hash: install.hash.clone(),
            generation: install.generation,
            position: install.position,
            state: install.state,
            reason: install.reason.clone(),
            suspended_until: moment(if suspended { install.suspended_until } else { 0 }),
            accounts: serde_json::from_str(&install.accounts).unwrap_or_default(),
            grants: serde_json::from_str(&install.grants).unwrap_or_default(),
            created_at: moment(install.created_at),
            updated_at: moment(install.updated_at),
        }
    }
}

fn view(install: &InstallRow) -> axum::Json<PluginView> {
    axum::Json(PluginView::from(install))
}

/// A plugin with its manifest.
#[derive(Serialize, ToSchema)]
pub struct PluginDetails {
    #[serde(flatten)]
    plugin: PluginView,
    /// What it asks for, one plain phrase each.
    asks: Vec<String>,
    /// A newer version that asks for more, and runs once somebody agrees.
    #[schema(required)]
    waiting: Option<WaitingVersion>,
    /// As it was uploaded; null where this host cannot read it.
    #[schema(value_type = Option<Object>, required)]
    manifest: Value,
}

/// The chain, in its order.
#[derive(Serialize, ToSchema)]
pub struct PluginList {
    plugins: Vec<PluginView>,
    pagination: Pagination,
}

fn chain(installs: &[InstallRow]) -> axum::Json<PluginList> {
    let plugins = installs.iter().map(PluginView::from).collect();
    axum::Json(PluginList { plugins, pagination: Pagination { next: None } })
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self::new(&caller.team_id, caller.who.id())
    }
}

type Answer = Result<axum::Json<PluginView>, ApiError>;

fn consent(grant: Option<&str>) -> Result<Consent, ApiError> {
    match grant {
        None => Ok(Consent::AsBefore),
        Some("all") => Ok(Consent::All),
        Some(other) => Err(ApiError::invalid(format!("grant: {other:?} is not \"all\""))),
    }
}

/// The file of a plugin: a WebAssembly component with its manifest in it.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "for the description alone")]
pub struct PluginFile(Vec<u8>);

/// A body as it is; too large a one is refused.
type Whole = Result<Bytes, axum::extract::rejection::BytesRejection>;

/// Install or upgrade a plugin
///
/// With the `.wasm` file as the body, or the one file of a bot in JavaScript or TypeScript: install it, or
/// upgrade the install of this plugin that there is.
#[utoipa::path(
    post, path = "/plugins", tag = "plugins", params(InstallOptions),
    request_body(content = PluginFile, content_type = "application/wasm"),
    responses(
        (status = 201, description = "Installed", body = PluginView),
        (status = 200, description = "Upgraded", body = PluginView),
    ),
)]
pub async fn upload(
    State(house): Shared,
    caller: Caller,
    Query(options): Query<InstallOptions>,
    body: Whole,
) -> Result<(StatusCode, axum::Json<PluginView>), ApiError> {
    let bytes = body?;
    let bytes = install::open(&house, &options.name, bytes.into()).await?;
    let accounts = options
        .account
        .map(|list| list.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect());
    let config = options.config.map(|text| serde_json::from_str(&text)).transpose();
    let upload = Upload {
        bytes,
        consent: consent(options.grant.as_deref())?,
        accounts,
        config: config.map_err(|error| ApiError::invalid(format!("config: {error}")))?,
    };
    let install = install::upload(&house, &Actor::from(&caller), upload).await?;
    let status = if install.generation == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, view(&install)))
}

/// List plugins
#[utoipa::path(get, path = "/plugins", tag = "plugins", responses((status = 200, description = "In the order of the chain", body = PluginList)))]
pub async fn list(
    State(house): Shared,
    caller: Caller,
) -> Result<axum::Json<PluginList>, ApiError> {
    let installs = plugin::installs(&mut *house.store.read().await?, &caller.team_id).await?;
    Ok(chain(&installs))
}

/// Get a plugin
///
/// With its manifest and what it asks, in plain words.
#[utoipa::path(get, path = "/plugins/{id}", tag = "plugins", responses((status = 200, description = "The plugin", body = PluginDetails)))]
pub async fn get(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<axum::Json<PluginDetails>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let manifest = Manifest::parse(&install.manifest).ok();
    let asks = manifest.as_ref().map(|manifest| manifest.asks().in_words()).unwrap_or_default();
    let manifest = serde_json::to_value(&manifest).map_err(anyhow::Error::from)?;
    let waiting = waiting(&house, &install).await?;
    Ok(axum::Json(PluginDetails { plugin: PluginView::from(&install), asks, waiting, manifest }))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Suspension {
    /// For people.
    #[schema(max_length = 500)]
    reason: String,
}

/// Suspend a plugin
///
/// Its events wait until it is resumed.
#[utoipa::path(post, path = "/plugins/{id}/suspend", tag = "plugins", responses((status = 200, description = "As it is now", body = PluginView)))]
pub async fn suspend(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<Suspension>,
) -> Answer {
    let reason = short_text(&body.reason, "reason", 500)?;
    let reason = if reason.is_empty() { "suspended by a person".to_owned() } else { reason };
    Ok(view(&install::suspend(&house, &Actor::from(&caller), &key, &reason).await?))
}

/// Resume a plugin
///
/// What waited goes first.
#[utoipa::path(post, path = "/plugins/{id}/resume", tag = "plugins", responses((status = 200, description = "As it is now", body = PluginView)))]
pub async fn resume(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    Ok(view(&install::resume(&house, &Actor::from(&caller), &key).await?))
}

/// Remove a plugin
///
/// With its timers, keys and secrets; its logs and dead letters stay.
#[utoipa::path(delete, path = "/plugins/{id}", tag = "plugins", responses((status = 204, description = "Removed")))]
pub async fn remove(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<StatusCode, ApiError> {
    install::remove(&house, &Actor::from(&caller), &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginOrder {
    /// Names or install ids.
    plugins: Vec<String>,
}

/// Set the order of the chain
///
/// With every plugin once.
#[utoipa::path(put, path = "/plugins/order", tag = "plugins", responses((status = 200, description = "The chain", body = PluginList)))]
pub async fn reorder(
    State(house): Shared,
    caller: Caller,
    Json(order): Json<PluginOrder>,
) -> Result<axum::Json<PluginList>, ApiError> {
    Ok(chain(&install::reorder(&house, &Actor::from(&caller), &order.plugins).await?))
}
