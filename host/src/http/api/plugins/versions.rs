//! Versions of a plugin: uploaded, listed, activated, rolled back; and who changed what.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::query::FileName;
use super::{Answer, PluginFile, PluginView, Shared, Whole, consent, view};
use crate::flow::House;
use crate::flow::install::{self, Actor};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment};
use crate::plugin::Grants;
use crate::plugin::manifest::Manifest;
use crate::store::credential::{self, Kind};
use crate::store::plugin::{self, InstallRow, Version};
use crate::store::plugin_change::{self, ChangeRow};
use crate::store::{Conn, user};

/// A version that waits until somebody agrees to what it asks.
#[derive(Serialize, ToSchema)]
pub struct WaitingVersion {
    /// Activate it with `grant` to agree.
    id: String,
    version: String,
    /// What it asks beyond what was granted, one plain phrase each.
    asks: Vec<String>,
}

pub(super) async fn waiting(
    house: &House,
    install: &InstallRow,
) -> Result<Option<WaitingVersion>, ApiError> {
    let mut conn = house.store.read().await?;
    let Some(id) = install::waiting(&mut conn, install).await? else { return Ok(None) };
    let version = plugin::version(&mut conn, &install.team_id, &id).await?;
    let granted: Grants = serde_json::from_str(&install.grants).map_err(anyhow::Error::from)?;
    Ok(version.map(|version| {
        let asked = Manifest::parse(&version.manifest).map(|manifest| manifest.asks());
        let asks = granted.covers(&asked.unwrap_or_default()).err().unwrap_or_default();
        WaitingVersion { id: version.id, version: version.version, asks }
    }))
}

/// An uploaded version.
#[derive(Serialize, ToSchema)]
#[schema(as = PluginVersion)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    id: String,
    version: String,
    /// SHA-256 of the file, hexadecimal.
    hash: String,
    /// Bytes.
    size: i64,
    /// It is the one that runs.
    active: bool,
    #[schema(required, format = DateTime)]
    created_at: Option<String>,
}

impl VersionView {
    fn new(version: Version, active_id: &str) -> Self {
        Self {
            active: version.id == active_id,
            id: version.id,
            version: version.version,
            hash: version.hash,
            size: version.size,
            created_at: moment(version.created_at),
        }
    }
}

/// A plugin's versions.
#[derive(Serialize, ToSchema)]
pub struct VersionList {
    versions: Vec<VersionView>,
    pagination: Pagination,
}

/// List a plugin's versions
#[utoipa::path(get, path = "/plugins/{id}/versions", tag = "plugins", responses((status = 200, description = "Newest first", body = VersionList)))]
pub async fn versions(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<axum::Json<VersionList>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let found =
        plugin::versions(&mut *house.store.read().await?, &caller.team_id, &install.plugin_id)
            .await?;
    let view = |version: Version| VersionView::new(version, &install.version_id);
    let versions = found.into_iter().map(view).collect();
    Ok(axum::Json(VersionList { versions, pagination: Pagination { next: None } }))
}

/// Upload a version that does not run yet
///
/// With the file as the body: to try it dry, then to activate it. The plugin must be installed.
#[utoipa::path(
    post, path = "/plugins/{id}/versions", tag = "plugins", params(FileName),
    request_body(content = PluginFile, content_type = "application/wasm"),
    responses((status = 201, description = "Kept; the version that runs runs on", body = VersionView)),
)]
pub async fn keep(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(file): Query<FileName>,
    body: Whole,
) -> Result<(StatusCode, axum::Json<VersionView>), ApiError> {
    let bytes = install::open(&house, &file.name, body?.into()).await?;
    let kept = install::keep(&house, &Actor::from(&caller), &key, bytes).await?;
    let install = install::find(&house, &caller.team_id, &key).await?;
    Ok((StatusCode::CREATED, axum::Json(VersionView::new(kept, &install.version_id))))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// A version's id.
    version: String,
    /// `all` agrees to everything that the manifest asks.
    grant: Option<String>,
}

/// Run a version
///
/// The next event meets it; calls under way finish on the one before.
#[utoipa::path(post, path = "/plugins/{id}/activate", tag = "plugins", responses((status = 200, description = "As it is now", body = PluginView)))]
pub async fn activate(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(activation): Json<Activation>,
) -> Answer {
    let consent = consent(activation.grant.as_deref())?;
    let install =
        install::activate(&house, &Actor::from(&caller), &key, &activation.version, consent)
            .await?;
    Ok(view(&install))
}

/// Go back a version
///
/// Run the version before this one, of those that ever ran.
#[utoipa::path(post, path = "/plugins/{id}/rollback", tag = "plugins", responses((status = 200, description = "As it is now", body = PluginView)))]
pub async fn rollback(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    Ok(view(&install::rollback(&house, &Actor::from(&caller), &key).await?))
}

/// A change of a plugin.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginChange {
    id: String,
    #[schema(required, format = DateTime)]
    at: Option<String>,
    /// `installed`, `upgraded`, `activated`, `rolled_back`, `held` (it waits for consent), `kept` (to try
    /// it), `configured`, `granted`, `accounts`, `secret_set`, `secret_deleted`, `suspended`, `resumed`,
    /// `moved` (in the chain) or `removed`.
    #[schema(example = "upgraded")]
    change: String,
    /// The id of a key, an app or a person; or `folder`, `command` or `host`.
    who: String,
    /// Its name, or the person's address, where there still is one.
    who_name: String,
    /// The version that it is about.
    version: String,
    version_id: String,
    /// Such as the keys of the configuration that changed, or the reason.
    #[schema(value_type = Object)]
    details: Value,
}

/// Changes of a plugin.
#[derive(Serialize, ToSchema)]
pub struct PluginHistory {
    changes: Vec<PluginChange>,
    pagination: Pagination,
}

/// Read a plugin's history
///
/// Who changed what, and when. That of a removed plugin is found by its install's id.
#[utoipa::path(get, path = "/plugins/{id}/history", tag = "plugins", params(Page), responses((status = 200, description = "Newest first", body = PluginHistory)))]
pub async fn history(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<PluginHistory>, ApiError> {
    let found = install::find(&house, &caller.team_id, &key).await;
    let mut conn = house.store.read().await?;
    let install_id = match found {
        Ok(install) => install.id,
        Err(unknown) => {
            let removed = plugin::install(&mut conn, &caller.team_id, &key).await?;
            removed.ok_or(unknown)?.id
        }
    };
    let mut changes =
        plugin_change::list(&mut conn, &caller.team_id, &install_id, page.cursor(), page.fetch())
            .await?;
    let next = page.cut(&mut changes, |change| change.id.clone());
    let names = names(&mut conn, &caller.team_id, &changes).await?;
    let view = |change: ChangeRow| PluginChange {
        id: change.id,
        at: moment(change.at),
        change: change.change,
        who_name: names.get(&change.who).cloned().unwrap_or_default(),
        who: change.who,
        version: change.version,
        version_id: change.version_id,
        details: serde_json::from_str(&change.details).unwrap_or_default(),
    };
    let changes = changes.into_iter().map(view).collect();
    Ok(axum::Json(PluginHistory { changes, pagination: Pagination { next } }))
}

/// What those are called who made these changes.
async fn names(
    conn: &mut Conn,
    team_id: &str,
    changes: &[ChangeRow],
) -> Result<HashMap<String, String>, ApiError> {
    let mut names = HashMap::new();
    for change in changes {
        if names.contains_key(&change.who) {
            continue;
        }
        let mut name = user::get(conn, &change.who).await?.map(|user| user.email);
        for kind in [Kind::Key, Kind::App] {
            if name.is_none() {
                name = credential::get(conn, kind, team_id, &change.who).await?.map(|it| it.name);
            }
        }
        names.insert(change.who.clone(), name.unwrap_or_default());
    }
    Ok(names)
}
