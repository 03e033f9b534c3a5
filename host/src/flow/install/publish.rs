//! A version becomes the one that runs: the first of an install, an upgrade, or a rollback.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Consent, House, InstallError, both, configured, find, only_account};
use crate::flow::timers;
use crate::model::{InstallState, Scope, TimerSpec};
use crate::plugin::manifest::{Manifest, Schedule};
use crate::plugin::{Grants, cron};
use crate::store::plugin::{InstallRow, Version};
use crate::store::timer::Timer;
use crate::store::{Conn, account, job, listen, plugin, team, timer};

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
pub async fn upload(
    house: &House,
    team_id: &str,
    upload: Upload,
) -> Result<InstallRow, InstallError> {
    let prepared = house.runtime.prepare(upload.bytes).await?;
    let now = house.clock.now();
    let mut tx = house.store.begin().await?;
    // The team's row, held until the commit: two uploads of one plugin come one after the other.
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let plugin_id =
        plugin::ensure(&mut tx, &house.clock.id("plg"), team_id, &prepared.manifest.id, now)
            .await?;
    let version = Version {
        id: house.clock.id("ver"),
        team_id: team_id.to_owned(),
        plugin_id: plugin_id.clone(),
        version: prepared.manifest.version.to_string(),
        hash: prepared.hash,
        size: i64::try_from(prepared.size).unwrap_or(i64::MAX),
        manifest: prepared.manifest_toml,
        created_at: now,
    };
    let version = plugin::ensure_version(&mut tx, &version).await?;
    let before = plugin::install_of(&mut tx, team_id, &plugin_id).await?;
    let change =
        Change { consent: upload.consent, accounts: upload.accounts, config: upload.config };
    let install = publish(house, &mut tx, team_id, version, before, change).await?;
    house.commit(tx).await?;
    house.registry.forget(team_id);
    Ok(install)
}

/// Run another version of an install, older or newer.
///
/// # Errors
/// As [`upload`]; also when there is no such version of this plugin.
pub async fn activate(
    house: &House,
    team_id: &str,
    key: &str,
    version_id: &str,
    consent: Consent,
) -> Result<InstallRow, InstallError> {
    let install = find(house, team_id, key).await?;
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    let version = plugin::version(&mut tx, team_id, version_id).await?;
    let version = version
        .filter(|version| version.plugin_id == install.plugin_id)
        .ok_or_else(|| InstallError::NotFound(format!("version {version_id:?} of this plugin")))?;
    // Removed meanwhile: it stays so.
    let before = plugin::install(&mut tx, team_id, &install.id).await?;
    let before = before.filter(|before| before.state != InstallState::Removed);
    if before.is_none() {
        return Err(InstallError::NotFound(format!("plugin {key:?}")));
    }
    let change = Change { consent, accounts: None, config: None };
    let install = publish(house, &mut tx, team_id, version, before, change).await?;
    house.commit(tx).await?;
    house.registry.forget(team_id);
    Ok(install)
}

/// Run the version that was uploaded before the present one.
///
/// # Errors
/// As [`activate`]; also when the present one is the first.
pub async fn rollback(house: &House, team_id: &str, key: &str) -> Result<InstallRow, InstallError> {
    let install = find(house, team_id, key).await?;
    let versions =
        plugin::versions(&mut *house.store.read().await?, team_id, &install.plugin_id).await?;
    let older = versions.into_iter().skip_while(|version| version.id != install.version_id).nth(1);
    let Some(older) = older else {
        return Err(InstallError::Invalid(format!(
            "{} {} is the first version",
            install.plugin, install.version
        )));
    };
    activate(house, team_id, &install.id, &older.id, Consent::AsBefore).await
}

struct Change {
    consent: Consent,
    accounts: Option<Vec<String>>,
    config: Option<Value>,
}

/// Write the new generation and its schedules. In a transaction that holds the team.
async fn publish(
    house: &House,
    conn: &mut Conn,
    team_id: &str,
    version: Version,
    before: Option<InstallRow>,
    change: Change,
) -> Result<InstallRow, InstallError> {
    let manifest = Manifest::parse(&version.manifest).map_err(crate::plugin::PluginError::from)?;
    let grants = granted(&manifest, before.as_ref(), &change.consent)?;
    let config = match (change.config, &before) {
        (Some(config), _) => config,
        (None, Some(before)) => serde_json::from_str(&before.config)?,
        (None, None) => json!({}),
    };
    let accounts = match (change.accounts, &before) {
        (Some(accounts), _) => known_accounts(conn, team_id, accounts).await?,
        (None, Some(before)) => before.accounts.clone(),
        (None, None) => "[]".to_owned(),
    };
    let now = house.clock.now();
    let (config, grants) = (configured(&manifest, config)?, serde_json::to_string(&grants)?);
    let install = match &before {
        Some(before) => InstallRow {
            generation: before.generation + 1,
            // A new version is given its chance; what waited for the old one waits no longer.
            state: InstallState::Active,
            reason: String::new(),
            suspended_until: before.suspended_until.min(now),
            faults: 0,
            version_id: version.id,
            version: version.version,
            hash: version.hash,
            manifest: version.manifest,
            accounts,
            config,
            grants,
            updated_at: now,
            ..before.clone()
        },
        None => InstallRow {
            id: house.clock.id("ins"),
            team_id: team_id.to_owned(),
            plugin_id: version.plugin_id,
            plugin: manifest.id.clone(),
            version_id: version.id,
            version: version.version,
            hash: version.hash,
            manifest: version.manifest,
            generation: 1,
            position: plugin::last_position(conn, team_id).await? + 1,
            state: InstallState::Active,
            reason: String::new(),
            suspended_until: 0,
            faults: 0,
            accounts,
            config,
            grants,
            created_at: now,
            updated_at: now,
        },
    };
    if let Some(before) = before.as_ref().filter(|before| is_same(before, &install)) {
        return Ok(before.clone());
    }
    plugin::put_install(conn, &install).await?;
    job::unpark(conn, team_id, &install.id, now).await?;
    let dropped = before
        .and_then(|before| Manifest::parse(&before.manifest).ok())
        .unwrap_or_else(|| manifest.clone());
    schedule(house, conn, &install, &dropped.schedules, &manifest.schedules).await?;
    listen::tell_installs(&house.store, conn).await?;
    Ok(install)
}

fn is_same(before: &InstallRow, after: &InstallRow) -> bool {
    before.version_id == after.version_id
        && before.config == after.config
        && before.grants == after.grants
        && before.accounts == after.accounts
        && before.state == after.state
}

/// All that is asked, or what was granted before where that is enough.
fn granted(
    manifest: &Manifest,
    before: Option<&InstallRow>,
    consent: &Consent,
) -> Result<Grants, InstallError> {
    let asked = manifest.asks();
    if *consent == Consent::All {
        return Ok(asked);
    }
    let Some(before) = before else {
        Grants::default().covers(&asked).map_err(InstallError::ConsentRequired)?;
        return Ok(asked);
    };
    let granted: Grants = serde_json::from_str(&before.grants)?;
    // What the version before asked and the installer withheld stays withheld, and is not new.
    let known =
        Manifest::parse(&before.manifest).map(|manifest| manifest.asks()).unwrap_or_default();
    if let Err(lacking) = granted.covers(&asked)
        && known.covers(&asked).is_err()
    {
        return Err(InstallError::ConsentRequired(lacking));
    }
    Ok(both(&granted, &asked))
}

/// The accounts as JSON; each must be the team's own.
pub(super) async fn known_accounts(
    conn: &mut Conn,
    team_id: &str,
    mut accounts: Vec<String>,
) -> Result<String, InstallError> {
    accounts.sort();
    accounts.dedup();
    for id in &accounts {
        if account::get(conn, team_id, id).await?.is_none() {
            return Err(InstallError::NotFound(format!("account {id:?}")));
        }
    }
    Ok(serde_json::to_string(&accounts)?)
}

/// The manifest's schedules become timers of the whole plugin; those that the version before had and
/// this one has not go. One that is unchanged keeps its time.
async fn schedule(
    house: &House,
    conn: &mut Conn,
    install: &InstallRow,
    before: &[Schedule],
    schedules: &[Schedule],
) -> Result<(), InstallError> {
    for gone in before.iter().filter(|old| !schedules.iter().any(|new| new.name == old.name)) {
        timers::disarm(conn, &install.id, &Scope::Plugin, &gone.name).await?;
    }
    let account_id = only_account(conn, install).await?;
    let standing = timer::list(conn, &install.id, &Scope::Plugin).await?;
    for schedule in schedules {
        let next = cron::next(&schedule.cron, &schedule.time_zone, house.clock.now());
        let Some(due_at) = next.map_err(anyhow::Error::from)? else { continue };
        let spec = TimerSpec {
            scope: Scope::Plugin,
            name: schedule.name.clone(),
            due_at,
            cron: schedule.cron.clone(),
            time_zone: schedule.time_zone.clone(),
            payload: schedule.payload.clone(),
        };
        let unchanged = |timer: &Timer| TimerSpec { due_at, ..timer.spec.clone() } == spec;
        if standing.iter().any(unchanged) {
            continue;
        }
        let timer = Timer {
            install_id: install.id.clone(),
            team_id: install.team_id.clone(),
            spec,
            revision: timers::new_revision(),
            account_id: account_id.clone(),
            chat_id: String::new(),
            contact_id: String::new(),
            depth: 0,
        };
        timers::arm(conn, house, &timer).await?;
    }
    Ok(())
}
