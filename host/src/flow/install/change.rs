//! What a person changes about an install: settings, permissions, order, whether it runs at all.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::history::{Change, note};
use super::publish::known_accounts;
use super::{Actor, House, InstallError, both, configured, find};
use crate::flow::reads::secret_context;
use crate::flow::signature;
use crate::model::{InstallState, Millis};
use crate::plugin::manifest::Manifest;
use crate::plugin::{Grants, PluginError};
use crate::store::plugin::InstallRow;
use crate::store::{Conn, Tx, job, listen, plugin, plugin_hour, state, team, timer};

/// The year 9999: until a person says otherwise.
const UNTIL_RESUMED: Millis = 253_402_300_799_000;

/// Begin a change: the install as it stands, and the team's row held until the commit.
async fn begin(house: &House, by: &Actor, key: &str) -> Result<(Tx, InstallRow), InstallError> {
    let team_id = &by.team_id;
    let found = find(house, team_id, key).await?;
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.clone(), 1)])).await?;
    let install = plugin::install(&mut tx, team_id, &found.id).await?;
    let install = install
        .filter(|install| install.state != InstallState::Removed)
        .ok_or_else(|| InstallError::NotFound(format!("plugin {key:?}")))?;
    Ok((tx, install))
}

async fn end(house: &House, mut tx: Tx, team_id: &str) -> Result<(), InstallError> {
    listen::tell_installs(&house.store, &mut tx).await?;
    house.commit(tx).await?;
    house.registry.forget(team_id);
    Ok(())
}

fn manifest_of(install: &InstallRow) -> Result<Manifest, InstallError> {
    Ok(Manifest::parse(&install.manifest).map_err(PluginError::from)?)
}

/// Write a changed install as a new generation.
async fn put(
    house: &House,
    conn: &mut Conn,
    install: InstallRow,
) -> Result<InstallRow, InstallError> {
    let install =
        InstallRow { generation: install.generation + 1, updated_at: house.clock.now(), ..install };
    plugin::put_install(conn, &install).await?;
    Ok(install)
}

/// Set the configuration, whole; absent keys take the schema's defaults.
///
/// # Errors
/// Names the fields that do not fit.
pub async fn set_config(
    house: &House,
    by: &Actor,
    key: &str,
    config: Value,
) -> Result<InstallRow, InstallError> {
    let (mut tx, install) = begin(house, by, key).await?;
    let config = configured(&manifest_of(&install)?, config)?;
    let details = json!({ "keys": changed_keys(&install.config, &config) });
    note(house, &mut tx, &by.who, &install, Change::Configured, details).await?;
    let install = put(house, &mut tx, InstallRow { config, ..install }).await?;
    end(house, tx, &by.team_id).await?;
    Ok(install)
}

/// The keys of a configuration (an object as text) that are not as they were.
fn changed_keys(before: &str, after: &str) -> Vec<String> {
    let read = |text| serde_json::from_str::<serde_json::Map<_, _>>(text).unwrap_or_default();
    let (before, after) = (read(before), read(after));
    let mut keys: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    keys.retain(|key| before.get(key) != after.get(key));
    keys
}

/// Set what is granted; what the plugin does not ask is left out.
pub async fn set_grants(
    house: &House,
    by: &Actor,
    key: &str,
    grants: &Grants,
) -> Result<InstallRow, InstallError> {
    let (mut tx, install) = begin(house, by, key).await?;
    let grants = both(grants, &manifest_of(&install)?.asks());
    let details = json!({ "grants": grants });
    note(house, &mut tx, &by.who, &install, Change::Granted, details).await?;
    let grants = serde_json::to_string(&grants)?;
    let install = put(house, &mut tx, InstallRow { grants, ..install }).await?;
    end(house, tx, &by.team_id).await?;
    Ok(install)
}

/// Set the accounts that it serves; none given: all of the team.
pub async fn set_accounts(
    house: &House,
    by: &Actor,
    key: &str,
    accounts: Vec<String>,
) -> Result<InstallRow, InstallError> {
    let (mut tx, install) = begin(house, by, key).await?;
    let accounts = known_accounts(&mut tx, &by.team_id, accounts).await?;
    let details = json!({ "accounts": serde_json::from_str::<Value>(&accounts)? });
    note(house, &mut tx, &by.who, &install, Change::Accounts, details).await?;
    let install = put(house, &mut tx, InstallRow { accounts, ..install }).await?;
    end(house, tx, &by.team_id).await?;
    Ok(install)
}

/// Keep a secret that the manifest asks for, sealed.
pub async fn set_secret(
    house: &House,
    by: &Actor,
    key: &str,
    name: &str,
    value: &str,
) -> Result<InstallRow, InstallError> {
    let (mut tx, install) = begin(house, by, key).await?;
    let manifest = manifest_of(&install)?;
    if !manifest.secrets.contains_key(name) {
        let known: Vec<&str> = manifest.secrets.keys().map(String::as_str).collect();
        let hint = if known.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", known.join(", "))
        };
        return Err(InstallError::Invalid(format!(
            "{} asks for no secret {name:?}: {hint}",
            install.plugin
        )));
    }
    let checks = manifest.routes.iter().filter_map(|route| route.verify.as_ref());
    if checks.filter(|it| it.secret == name).any(|it| !signature::fits(it.style, value)) {
        return Err(InstallError::Invalid(format!(
            "{name:?} checks webhooks in the way of Standard Webhooks: its value is base64, with `whsec_` before it"
        )));
    }
    plugin::set_secret(
        &mut tx,
        &install.id,
        name,
        &house.seal.seal(&secret_context(&install.id, name), value),
    )
    .await?;
    note(house, &mut tx, &by.who, &install, Change::SecretSet, json!({ "secret": name })).await?;
    let install = put(house, &mut tx, install).await?;
    end(house, tx, &by.team_id).await?;
    Ok(install)
}

/// Forget a secret.
pub async fn delete_secret(
    house: &House,
    by: &Actor,
    key: &str,
    name: &str,
) -> Result<InstallRow, InstallError> {
    let (mut tx, install) = begin(house, by, key).await?;
    if !plugin::delete_secret(&mut tx, &install.id, name).await? {
        return Err(InstallError::NotFound(format!("secret {name:?}")));
    }
    note(house, &mut tx, &by.who, &install, Change::SecretDeleted, json!({ "secret": name }))
        .await?;
    let install = put(house, &mut tx, install).await?;
    end(house, tx, &by.team_id).await?;
    Ok(install)
}

/// Let its events wait until a person resumes it.
pub async fn suspend(
    house: &House,
    by: &Actor,
    key: &str,
    reason: &str,
) -> Result<InstallRow, InstallError> {
    let (mut tx, install) = begin(house, by, key).await?;
    plugin::set_install_state(&mut tx, &install.id, InstallState::Suspended, reason, UNTIL_RESUMED)
        .await?;
    note(house, &mut tx, &by.who, &install, Change::Suspended, json!({ "reason": reason })).await?;
    end(house, tx, &by.team_id).await?;
    find(house, &by.team_id, &install.id).await
}

/// Let it run again; the events that waited go first.
pub async fn resume(house: &House, by: &Actor, key: &str) -> Result<InstallRow, InstallError> {
    let (mut tx, install) = begin(house, by, key).await?;
    let now = house.clock.now();
    // Not 0 where it was suspended: the events that waited are looked for.
    let since = install.suspended_until.min(now);
    plugin::set_install_state(&mut tx, &install.id, InstallState::Active, "", since).await?;
    job::unpark(&mut tx, &by.team_id, &install.id, now).await?;
    note(house, &mut tx, &by.who, &install, Change::Resumed, json!({})).await?;
    end(house, tx, &by.team_id).await?;
    find(house, &by.team_id, &install.id).await
}

/// Take an install away with its timers, keys, secrets and waiting events; its log, failures and
/// dead letters stay to be read. A call under way may end, and writes nothing.
pub async fn remove(house: &House, by: &Actor, key: &str) -> Result<(), InstallError> {
    let (mut tx, install) = begin(house, by, key).await?;
    plugin::set_install_state(&mut tx, &install.id, InstallState::Removed, "", 0).await?;
    timer::remove_all(&mut tx, &install.id).await?;
    state::remove_all(&mut tx, &install.id).await?;
    plugin_hour::remove(&mut tx, &install.id).await?;
    plugin::remove_secrets(&mut tx, &install.id).await?;
    let lanes = job::remove_target(&mut tx, &by.team_id, &install.id).await?;
    job::promote(&mut tx, &lanes).await?;
    note(house, &mut tx, &by.who, &install, Change::Removed, json!({})).await?;
    end(house, tx, &by.team_id).await?;
    house.meters.forget(&install.id);
    house.holdings.forget(&install.id);
    Ok(())
}

/// Put the chain in this order: every install of the team once, by id or plugin name.
pub async fn reorder(
    house: &House,
    by: &Actor,
    keys: &[String],
) -> Result<Vec<InstallRow>, InstallError> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(by.team_id.clone(), 1)])).await?;
    let mut installs = plugin::installs(&mut tx, &by.team_id).await?;
    let mut ordered = Vec::with_capacity(installs.len());
    for key in keys {
        let Some(index) =
            installs.iter().position(|install| install.id == *key || install.plugin == *key)
        else {
            return Err(InstallError::Invalid(format!(
                "{key:?} is no plugin of yours, or is named twice"
            )));
        };
        ordered.push(installs.swap_remove(index));
    }
    if let Some(missing) = installs.first() {
        return Err(InstallError::Invalid(format!(
            "name every plugin once: {:?} is missing",
            missing.plugin
        )));
    }
    let mut chain = Vec::with_capacity(ordered.len());
    for (position, install) in (1..).zip(ordered) {
        if position != install.position {
            let details = json!({ "from": install.position, "to": position });
            note(house, &mut tx, &by.who, &install, Change::Moved, details).await?;
        }
        chain.push(put(house, &mut tx, InstallRow { position, ..install }).await?);
    }
    end(house, tx, &by.team_id).await?;
    Ok(chain)
}
