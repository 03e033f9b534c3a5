//! What a plugin is set to: accounts, configuration, grants, secrets.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{PluginView, Shared, view};
use crate::egress::HostPattern;
use crate::flow::install::{self, Actor};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Pagination, Path};
use crate::plugin::Grants;
use crate::plugin::manifest::{Manifest, Secret};
use crate::store::plugin;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginAccounts {
    /// Account ids.
    accounts: Vec<String>,
}

/// Set a plugin's accounts
///
/// The accounts that it serves; none: all of the team.
#[utoipa::path(put, path = "/plugins/{id}/accounts", tag = "plugins", responses((status = 200, description = "As it is now", body = PluginView)))]
pub async fn set_accounts(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<PluginAccounts>,
) -> Result<axum::Json<PluginView>, ApiError> {
    Ok(view(&install::set_accounts(&house, &Actor::from(&caller), &key, body.accounts).await?))
}

/// A plugin's configuration and what it may hold.
#[derive(Serialize, ToSchema)]
pub struct PluginConfig {
    #[schema(value_type = Object)]
    config: Value,
    /// A JSON Schema.
    #[schema(value_type = Object)]
    schema: Map<String, Value>,
}

/// Get a plugin's configuration
#[utoipa::path(get, path = "/plugins/{id}/config", tag = "plugins", responses((status = 200, description = "The configuration with its schema", body = PluginConfig)))]
pub async fn config(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<axum::Json<PluginConfig>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let manifest = Manifest::parse(&install.manifest);
    let schema = manifest.map(|manifest| manifest.config).unwrap_or_default();
    let config: Value = serde_json::from_str(&install.config).map_err(anyhow::Error::from)?;
    Ok(axum::Json(PluginConfig { config, schema }))
}

/// Set a plugin's configuration
///
/// With the whole configuration as the body; it must fit the plugin's own schema.
#[utoipa::path(put, path = "/plugins/{id}/config", tag = "plugins", request_body = Object, responses((status = 200, description = "As it is now", body = PluginConfig)))]
pub async fn set_config(
    state: Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<Value>,
) -> Result<axum::Json<PluginConfig>, ApiError> {
    install::set_config(&state.0, &Actor::from(&caller), &key, body).await?;
    config(state, caller, Path(key)).await
}

/// What a plugin asks, and what it was granted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginGrants {
    asked: Grants,
    granted: Grants,
    /// What is granted, one plain phrase each.
    may_now: Vec<String>,
    /// What is asked and not granted, likewise.
    withheld: Vec<String>,
}

/// Get a plugin's grants
#[utoipa::path(get, path = "/plugins/{id}/grants", tag = "plugins", responses((status = 200, description = "What is asked and what is granted", body = PluginGrants)))]
pub async fn grants(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<axum::Json<PluginGrants>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let granted: Grants = serde_json::from_str(&install.grants).map_err(anyhow::Error::from)?;
    let asked =
        Manifest::parse(&install.manifest).map(|manifest| manifest.asks()).unwrap_or_default();
    let withheld = granted.covers(&asked).err().unwrap_or_default();
    let may_now = granted.in_words();
    Ok(axum::Json(PluginGrants { asked, granted, may_now, withheld }))
}

/// Set a plugin's grants
///
/// What is granted of what it asks; absent: not granted.
#[utoipa::path(put, path = "/plugins/{id}/grants", tag = "plugins", responses((status = 200, description = "As it is now", body = PluginGrants)))]
pub async fn set_grants(
    state: Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<Grants>,
) -> Result<axum::Json<PluginGrants>, ApiError> {
    install::set_grants(&state.0, &Actor::from(&caller), &key, &body).await?;
    grants(state, caller, Path(key)).await
}

/// A secret that a plugin asks for.
#[derive(Serialize, ToSchema)]
pub struct PluginSecret {
    name: String,
    description: String,
    /// Where it is put in on the way out.
    #[schema(value_type = Vec<String>)]
    hosts: Vec<HostPattern>,
    /// Whether it has a value; never which.
    set: bool,
}

/// A plugin's secrets.
#[derive(Serialize, ToSchema)]
pub struct PluginSecretList {
    secrets: Vec<PluginSecret>,
    pagination: Pagination,
}

/// List a plugin's secrets
///
/// Which it asks for, and which are set; never what they are.
#[utoipa::path(get, path = "/plugins/{id}/secrets", tag = "plugins", responses((status = 200, description = "By name", body = PluginSecretList)))]
pub async fn secrets(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<axum::Json<PluginSecretList>, ApiError> {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let set = plugin::secret_names(&mut *house.store.read().await?, &install.id).await?;
    let asked =
        Manifest::parse(&install.manifest).map(|manifest| manifest.secrets).unwrap_or_default();
    let view = |(name, secret): (String, Secret)| PluginSecret {
        set: set.contains(&name),
        name,
        description: secret.description,
        hosts: secret.hosts,
    };
    let secrets = asked.into_iter().map(view).collect();
    Ok(axum::Json(PluginSecretList { secrets, pagination: Pagination { next: None } }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    #[schema(min_length = 1, max_length = 8192)]
    value: String,
}

/// Set a plugin's secret
#[utoipa::path(put, path = "/plugins/{id}/secrets/{name}", tag = "plugins", responses((status = 204, description = "Kept, sealed")))]
pub async fn set_secret(
    State(house): Shared,
    caller: Caller,
    Path((key, name)): Path<(String, String)>,
    Json(body): Json<SecretValue>,
) -> Result<StatusCode, ApiError> {
    if body.value.is_empty() || body.value.len() > 8_192 {
        return Err(ApiError::invalid("value: 1 to 8192 bytes"));
    }
    install::set_secret(&house, &Actor::from(&caller), &key, &name, &body.value).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a plugin's secret
#[utoipa::path(delete, path = "/plugins/{id}/secrets/{name}", tag = "plugins", responses((status = 204, description = "Forgotten")))]
pub async fn delete_secret(
    State(house): Shared,
    caller: Caller,
    Path((key, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    install::delete_secret(&house, &Actor::from(&caller), &key, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
