//! Plugins: install and upgrade, versions, settings, permissions, secrets, logs. A plugin is named
//! by its install's id or by its own name.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::flow::House;
use crate::flow::install::{self, Consent, Upload};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Path, Query, iso, listed, short_text};
use crate::model::{InstallState, Scope};
use crate::plugin::Grants;
use crate::plugin::manifest::{Manifest, Secret};
use crate::store::plugin::{InstallRow, Version};
use crate::store::plugin_log::LogRow;
use crate::store::{plugin, plugin_log, state};

type Answer = Result<axum::Json<Value>, ApiError>;
type Shared = State<Arc<House>>;

fn view(install: &InstallRow) -> Value {
    let manifest = Manifest::parse(&install.manifest).ok();
    let public = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let suspended_until =
        if install.state == InstallState::Suspended { install.suspended_until } else { 0 };
    json!({
        "id": install.id,
        "plugin": install.plugin,
        "description": manifest.map(|manifest| manifest.description).unwrap_or_default(),
        "version": install.version,
        "versionId": install.version_id,
        "hash": install.hash,
        "generation": install.generation,
        "position": install.position,
        "state": install.state,
        "reason": install.reason,
        "suspendedUntil": iso(suspended_until),
        "accounts": public(&install.accounts),
        "grants": public(&install.grants),
        "createdAt": iso(install.created_at),
        "updatedAt": iso(install.updated_at),
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InstallOptions {
    /// `all` agrees to everything that the manifest asks.
    grant: Option<String>,
    /// Account ids with commas between them; absent: as before, or all of the team.
    account: Option<String>,
    /// The configuration as JSON; absent: as before, or the schema's defaults.
    config: Option<String>,
}

fn consent(grant: Option<&str>) -> Result<Consent, ApiError> {
    match grant {
        None => Ok(Consent::AsBefore),
        Some("all") => Ok(Consent::All),
        Some(other) => Err(ApiError::invalid(format!("grant: {other:?} is not \"all\""))),
    }
}

/// A body as it is; too large a one is refused.
type Whole = Result<Bytes, axum::extract::rejection::BytesRejection>;

/// With the `.wasm` file as the body: install it, or upgrade the install of
/// this plugin that there is.
#[utoipa::path(
    post, path = "/plugins", tag = "plugins",
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 201, description = "Installed", body = Value),
        (status = 200, description = "Upgraded", body = Value),
    ),
)]
pub async fn upload(
    State(house): Shared,
    caller: Caller,
    Query(options): Query<InstallOptions>,
    body: Whole,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    let bytes = body?;
    let accounts = options
        .account
        .map(|list| list.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect());
    let config = options.config.map(|text| serde_json::from_str(&text)).transpose();
    let upload = Upload {
        bytes: bytes.into(),
        consent: consent(options.grant.as_deref())?,
        accounts,
        config: config.map_err(|error| ApiError::invalid(format!("config: {error}")))?,
    };
    let install = install::upload(&house, &caller.team_id, upload).await?;
    let status = if install.generation == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(view(&install))))
}

/// In the order of the chain.
#[utoipa::path(get, path = "/plugins", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn list(State(house): Shared, caller: Caller) -> Answer {
    let installs = plugin::installs(&mut *house.store.read().await?, &caller.team_id).await?;
    Ok(listed("plugins", installs.iter().map(view).collect(), None))
}

/// With its manifest and what it asks, in plain words.
#[utoipa::path(get, path = "/plugins/{id}", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn get(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let mut answer = view(&install);
    if let Ok(manifest) = Manifest::parse(&install.manifest) {
        answer["asks"] = manifest.asks().in_words().into();
        answer["manifest"] = serde_json::to_value(&manifest).map_err(anyhow::Error::from)?;
    }
    Ok(axum::Json(answer))
}

/// Newest first.
#[utoipa::path(get, path = "/plugins/{id}/versions", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn versions(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let versions =
        plugin::versions(&mut *house.store.read().await?, &caller.team_id, &install.plugin_id)
            .await?;
    let view = |version: &Version| {
        json!({
            "id": version.id,
            "version": version.version,
            "hash": version.hash,
            "size": version.size,
            "active": version.id == install.version_id,
            "createdAt": iso(version.created_at),
        })
    };
    Ok(listed("versions", versions.iter().map(view).collect(), None))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// A version's id.
    version: String,
    grant: Option<String>,
}

/// Run this version.
#[utoipa::path(post, path = "/plugins/{id}/activate", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn activate(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(activation): Json<Activation>,
) -> Answer {
    let consent = consent(activation.grant.as_deref())?;
    let install =
        install::activate(&house, &caller.team_id, &key, &activation.version, consent).await?;
    Ok(axum::Json(view(&install)))
}

/// Run the version before this one.
#[utoipa::path(post, path = "/plugins/{id}/rollback", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn rollback(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    Ok(axum::Json(view(&install::rollback(&house, &caller.team_id, &key).await?)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginAccounts {
    accounts: Vec<String>,
}

/// The accounts that it serves; none: all of the team.
#[utoipa::path(put, path = "/plugins/{id}/accounts", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn set_accounts(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<PluginAccounts>,
) -> Answer {
    Ok(axum::Json(view(
        &install::set_accounts(&house, &caller.team_id, &key, body.accounts).await?,
    )))
}

/// The configuration with its schema.
#[utoipa::path(get, path = "/plugins/{id}/config", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn config(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let schema = Manifest::parse(&install.manifest)
        .map(|manifest| Value::Object(manifest.config))
        .unwrap_or_default();
    let config: Value = serde_json::from_str(&install.config).map_err(anyhow::Error::from)?;
    Ok(axum::Json(json!({ "config": config, "schema": schema })))
}

/// With the whole configuration as the body.
#[utoipa::path(put, path = "/plugins/{id}/config", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn set_config(
    state: Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    install::set_config(&state.0, &caller.team_id, &key, body).await?;
    config(state, caller, Path(key)).await
}

/// What is asked and what is granted.
#[utoipa::path(get, path = "/plugins/{id}/grants", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn grants(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let granted: Grants = serde_json::from_str(&install.grants).map_err(anyhow::Error::from)?;
    let asked =
        Manifest::parse(&install.manifest).map(|manifest| manifest.asks()).unwrap_or_default();
    let withheld = granted.covers(&asked).err().unwrap_or_default();
    Ok(axum::Json(json!({
        "asked": asked,
        "granted": granted,
        "mayNow": granted.in_words(),
        "withheld": withheld,
    })))
}

/// What is granted of what it asks; absent: not granted.
#[utoipa::path(put, path = "/plugins/{id}/grants", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn set_grants(
    state: Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<Grants>,
) -> Answer {
    install::set_grants(&state.0, &caller.team_id, &key, &body).await?;
    grants(state, caller, Path(key)).await
}

/// Which it asks for, and which are set; never what they are.
#[utoipa::path(get, path = "/plugins/{id}/secrets", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn secrets(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let set = plugin::secret_names(&mut *house.store.read().await?, &install.id).await?;
    let asked =
        Manifest::parse(&install.manifest).map(|manifest| manifest.secrets).unwrap_or_default();
    let view = |(name, secret): (&String, &Secret)| json!({ "name": name, "description": secret.description, "hosts": secret.hosts, "set": set.contains(name) });
    Ok(listed("secrets", asked.iter().map(view).collect(), None))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    value: String,
}

/// Set secret plugins.
#[utoipa::path(put, path = "/plugins/{id}/secrets/{name}", tag = "plugins", responses((status = 204, description = "Done")))]
pub async fn set_secret(
    State(house): Shared,
    caller: Caller,
    Path((key, name)): Path<(String, String)>,
    Json(body): Json<SecretValue>,
) -> Result<StatusCode, ApiError> {
    if body.value.is_empty() || body.value.len() > 8_192 {
        return Err(ApiError::invalid("value: 1 to 8192 bytes"));
    }
    install::set_secret(&house, &caller.team_id, &key, &name, &body.value).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete secret plugins.
#[utoipa::path(delete, path = "/plugins/{id}/secrets/{name}", tag = "plugins", responses((status = 204, description = "Done")))]
pub async fn delete_secret(
    State(house): Shared,
    caller: Caller,
    Path((key, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    install::delete_secret(&house, &caller.team_id, &key, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Suspension {
    reason: String,
}

/// With `{"reason"}`: its events wait until it is resumed.
#[utoipa::path(post, path = "/plugins/{id}/suspend", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn suspend(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Json(body): Json<Suspension>,
) -> Answer {
    let reason = short_text(&body.reason, "reason", 500)?;
    let reason = if reason.is_empty() { "suspended by a person".to_owned() } else { reason };
    Ok(axum::Json(view(&install::suspend(&house, &caller.team_id, &key, &reason).await?)))
}

/// What waited goes first.
#[utoipa::path(post, path = "/plugins/{id}/resume", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn resume(State(house): Shared, caller: Caller, Path(key): Path<String>) -> Answer {
    Ok(axum::Json(view(&install::resume(&house, &caller.team_id, &key).await?)))
}

/// With its timers, keys and secrets; its logs and dead letters stay.
#[utoipa::path(delete, path = "/plugins/{id}", tag = "plugins", responses((status = 204, description = "Done")))]
pub async fn remove(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<StatusCode, ApiError> {
    install::remove(&house, &caller.team_id, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginOrder {
    plugins: Vec<String>,
}

/// With every plugin once: the order of the chain.
#[utoipa::path(put, path = "/plugins/order", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn reorder(
    State(house): Shared,
    caller: Caller,
    Json(order): Json<PluginOrder>,
) -> Answer {
    let chain = install::reorder(&house, &caller.team_id, &order.plugins).await?;
    Ok(listed("plugins", chain.iter().map(view).collect(), None))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogsAfter {
    /// The id of the last line seen.
    #[serde(default)]
    after: String,
    limit: Option<i64>,
}

/// Oldest first; `next` goes on from the last line.
#[utoipa::path(get, path = "/plugins/{id}/logs", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn logs(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(query): Query<LogsAfter>,
) -> Answer {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let mut conn = house.store.read().await?;
    let lines =
        plugin_log::logs(&mut conn, &caller.team_id, &install.id, &query.after, limit).await?;
    let next = lines.last().map_or(query.after, |line| line.id.clone());
    let view = |line: &LogRow| json!({ "id": line.id, "at": iso(line.at), "level": line.level, "message": line.message, "event": line.event_id });
    Ok(listed("logs", lines.iter().map(view).collect(), Some(next)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StateKeys {
    /// `plugin` (the default), `account`, `chat` or `contact`…
    scope: Option<String>,
    /// …and its id.
    #[serde(default)]
    id: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    cursor: String,
    limit: Option<i64>,
}

/// What the plugin keeps, in order of key.
#[utoipa::path(get, path = "/plugins/{id}/state", tag = "plugins", responses((status = 200, description = "Done", body = Value)))]
pub async fn state(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    Query(keys): Query<StateKeys>,
) -> Answer {
    let install = install::find(&house, &caller.team_id, &key).await?;
    let scope = Scope::from_parts(keys.scope.as_deref().unwrap_or("plugin"), &keys.id)
        .ok_or_else(|| ApiError::invalid("scope: plugin, account, chat or contact"))?;
    let mut conn = house.store.read().await?;
    let (now, page) = (house.clock.now(), Page::new(keys.cursor, keys.limit));
    let mut entries =
        state::list(&mut conn, &install.id, &scope, &keys.prefix, page.cursor(), now, page.fetch())
            .await?;
    let next = page.cut(&mut entries, |entry| entry.key.clone());
    let view = |entry: &state::Entry| json!({ "key": entry.key, "value": entry.value, "version": entry.version, "expiresAt": iso(entry.expires_at.unwrap_or(0)) });
    Ok(listed("state", entries.iter().map(view).collect(), next))
}
