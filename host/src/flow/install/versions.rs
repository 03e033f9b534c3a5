//! Versions: uploaded, kept, held until somebody agrees, activated, rolled back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::history::{Change, grants_of, never_ran, note, waiting};
use super::publish::{Terms, publish};
use super::{Actor, Consent, House, InstallError, find, on_version};
use crate::model::InstallState;
use crate::plugin::manifest::Manifest;
use crate::plugin::{Grants, PluginError, Prepared};
use crate::store::plugin::{InstallRow, Version};
use crate::store::{Conn, Tx, plugin, team};

/// A plugin's file, and how to install it.
#[derive(Clone, Debug)]
pub struct Upload {
    pub bytes: Vec<u8>,
    pub consent: Consent,
    /// Account ids, empty for all of the team; absent: as before, or all.
    pub accounts: Option<Vec<String>>,
    /// Absent: as before, or the schema's defaults.
    pub config: Option<Value>,
}

/// The plugin that a file is: a component as it is, and a bot in one file as the program makes a plugin
/// of it. `name` is the file's.
///
/// # Errors
/// What is wrong with the file.
pub async fn open(house: &House, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, InstallError> {
    Ok(house.runtime.open(name, bytes).await?)
}

/// Check a file and make it the version that runs: a new install at the end of the chain, or an
/// upgrade of the one that there is. The same file again changes nothing.
///
/// # Errors
/// What is wrong with the file, its configuration, or what it asks anew; nothing has changed then.
pub async fn upload(house: &House, by: &Actor, upload: Upload) -> Result<InstallRow, InstallError> {
    let prepared = house.runtime.prepare(upload.bytes).await?;
    let mut tx = begin(house, by).await?;
    let version = keep_version(house, &mut tx, &by.team_id, prepared).await?;
    let before = plugin::install_of(&mut tx, &by.team_id, &version.plugin_id).await?;
    let terms = Terms {
        change: if before.is_some() { Change::Upgraded } else { Change::Installed },
        consent: upload.consent,
        accounts: upload.accounts,
        config: upload.config,
    };
    match publish(house, &mut tx, by, version.clone(), before.clone(), terms).await {
        Ok(install) => {
            house.commit(tx).await?;
            house.registry.forget(&by.team_id);
            Ok(install)
        }
        Err(InstallError::ConsentRequired(asks)) => {
            if let Some(before) = before {
                hold(house, tx, by, before, version, &asks).await?;
            }
            Err(InstallError::ConsentRequired(asks))
        }
        Err(error) => Err(error),
    }
}

/// Keep a new version of an install that runs on as it is: to try it dry, or to activate it later.
///
/// # Errors
/// What is wrong with the file; also where it is another plugin than the install's.
pub async fn keep(
    house: &House,
    by: &Actor,
    key: &str,
    bytes: Vec<u8>,
) -> Result<Version, InstallError> {
    let install = find(house, &by.team_id, key).await?;
    let prepared = house.runtime.prepare(bytes).await?;
    if prepared.manifest.id != install.plugin {
        return Err(InstallError::Invalid(format!(
            "this file is the plugin {:?}, not {:?}",
            prepared.manifest.id, install.plugin
        )));
    }
    let mut tx = begin(house, by).await?;
    let version = keep_version(house, &mut tx, &by.team_id, prepared).await?;
    let about = on_version(install, &version);
    note(house, &mut tx, &by.who, &about, Change::Kept, json!({})).await?;
    house.commit(tx).await?;
    Ok(version)
}

/// Begin a change that holds the team's row until the commit: two uploads of one plugin come one after
/// the other.
async fn begin(house: &House, by: &Actor) -> Result<Tx, InstallError> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(by.team_id.clone(), 1)])).await?;
    Ok(tx)
}

/// Write a version's row; the one that stands, where these bytes were uploaded before.
async fn keep_version(
    house: &House,
    conn: &mut Conn,
    team_id: &str,
    prepared: Prepared,
) -> Result<Version, InstallError> {
    let now = house.clock.now();
    let name = &prepared.manifest.id;
    let plugin_id = plugin::ensure(conn, &house.clock.id("plg"), team_id, name, now).await?;
    let version = Version {
        id: house.clock.id("ver"),
        team_id: team_id.to_owned(),
        plugin_id,
        version: prepared.manifest.version.to_string(),
        hash: prepared.hash,
        size: i64::try_from(prepared.size).unwrap_or(i64::MAX),
        manifest: prepared.manifest_toml,
        created_at: now,
    };
    Ok(plugin::ensure_version(conn, &version).await?)
}

/// Let a version that asks for more wait until somebody agrees, while the one before runs on.
async fn hold(
    house: &House,
    mut tx: Tx,
    by: &Actor,
    install: InstallRow,
    version: Version,
    asks: &[String],
) -> Result<(), InstallError> {
    if waiting(&mut tx, &install).await?.as_ref() == Some(&version.id) {
        return Ok(());
    }
    let about = on_version(install, &version);
    note(house, &mut tx, &by.who, &about, Change::Held, json!({ "asks": asks })).await?;
    house.commit(tx).await?;
    Ok(())
}

/// Run another version of an install, older or newer.
///
/// # Errors
/// As [`upload`]; also when there is no such version of this plugin.
pub async fn activate(
    house: &House,
    by: &Actor,
    key: &str,
    version_id: &str,
    consent: Consent,
) -> Result<InstallRow, InstallError> {
    let install = find(house, &by.team_id, key).await?;
    run_version(house, by, &install, version_id, (Change::Activated, consent)).await
}

async fn run_version(
    house: &House,
    by: &Actor,
    install: &InstallRow,
    version_id: &str,
    (change, consent): (Change, Consent),
) -> Result<InstallRow, InstallError> {
    let mut tx = begin(house, by).await?;
    let version = version_of(&mut tx, install, version_id).await?;
    // Removed meanwhile: it stays so.
    let before = plugin::install(&mut tx, &by.team_id, &install.id).await?;
    let before = before.filter(|before| before.state != InstallState::Removed);
    if before.is_none() {
        return Err(InstallError::NotFound(format!("plugin {:?}", install.plugin)));
    }
    let terms = Terms { change, consent, accounts: None, config: None };
    let install = publish(house, &mut tx, by, version, before, terms).await?;
    house.commit(tx).await?;
    house.registry.forget(&by.team_id);
    Ok(install)
}

/// A version of an install's plugin.
///
/// # Errors
/// Where there is none with this id.
pub(super) async fn version_of(
    conn: &mut Conn,
    install: &InstallRow,
    version_id: &str,
) -> Result<Version, InstallError> {
    let version = plugin::version(conn, &install.team_id, version_id).await?;
    version
        .filter(|version| version.plugin_id == install.plugin_id)
        .ok_or_else(|| InstallError::NotFound(format!("version {version_id:?} of this plugin")))
}

/// Going back asks nobody again: what the older version was granted is granted, but for what the
/// present one asks and somebody withholds.
async fn agreed(
    conn: &mut Conn,
    install: &InstallRow,
    version_id: &str,
) -> Result<Consent, InstallError> {
    let Some(then) = grants_of(conn, install, version_id).await? else {
        return Ok(Consent::AsBefore);
    };
    let present = Manifest::parse(&install.manifest).map_err(PluginError::from)?.asks();
    let granted: Grants = serde_json::from_str(&install.grants)?;
    let withheld = granted.lacking(&present);
    Ok(Consent::To(granted.joined(&withheld.lacking(&then))))
}

/// Run the version before the present one, of those that ever ran.
///
/// # Errors
/// As [`activate`]; also when the present one is the first.
pub async fn rollback(house: &House, by: &Actor, key: &str) -> Result<InstallRow, InstallError> {
    let install = find(house, &by.team_id, key).await?;
    let mut conn = house.store.read().await?;
    let versions = plugin::versions(&mut conn, &by.team_id, &install.plugin_id).await?;
    let never = never_ran(&mut conn, &install).await?;
    let older = versions
        .into_iter()
        .skip_while(|version| version.id != install.version_id)
        .skip(1)
        .find(|version| !never.contains(&version.id));
    let Some(older) = older else {
        return Err(InstallError::Invalid(format!(
            "{} {} is the first version",
            install.plugin, install.version
        )));
    };
    let consent = agreed(&mut conn, &install, &older.id).await?;
    drop(conn);
    run_version(house, by, &install, &older.id, (Change::RolledBack, consent)).await
}
