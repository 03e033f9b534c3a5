//! A version becomes the one that runs: the first of an install, an upgrade, or a rollback.

use serde_json::{Value, json};

use super::history::{Change, note};
use super::{Actor, Consent, House, InstallError, both, configured, only_account};
use crate::flow::timers;
use crate::model::{InstallState, Scope, TimerSpec};
use crate::plugin::manifest::{Manifest, Schedule};
use crate::plugin::{Grants, cron};
use crate::store::plugin::{InstallRow, Version};
use crate::store::timer::Timer;
use crate::store::{Conn, account, job, listen, plugin, timer};

/// What a version is published with.
pub(super) struct Terms {
    /// How the history calls it.
    pub change: Change,
    pub consent: Consent,
    pub accounts: Option<Vec<String>>,
    pub config: Option<Value>,
}

/// Write the new generation and its schedules. In a transaction that holds the team.
pub(super) async fn publish(
    house: &House,
    conn: &mut Conn,
    by: &Actor,
    version: Version,
    before: Option<InstallRow>,
    terms: Terms,
) -> Result<InstallRow, InstallError> {
    let team_id = by.team_id.as_str();
    let manifest = Manifest::parse(&version.manifest).map_err(crate::plugin::PluginError::from)?;
    let granted = granted(&manifest, before.as_ref(), &terms.consent)?;
    let config = match (terms.config, &before) {
        (Some(config), _) => config,
        (None, Some(before)) => serde_json::from_str(&before.config)?,
        (None, None) => json!({}),
    };
    let accounts = match (terms.accounts, &before) {
        (Some(accounts), _) => known_accounts(conn, team_id, accounts).await?,
        (None, Some(before)) => before.accounts.clone(),
        (None, None) => "[]".to_owned(),
    };
    let now = house.clock.now();
    let (config, grants) = (configured(&manifest, config)?, serde_json::to_string(&granted)?);
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
    let from = before.as_ref().map(|before| before.version.clone());
    note(house, conn, &by.who, &install, terms.change, json!({ "from": from, "grants": granted }))
        .await?;
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
pub(super) fn granted(
    manifest: &Manifest,
    before: Option<&InstallRow>,
    consent: &Consent,
) -> Result<Grants, InstallError> {
    let asked = manifest.asks();
    match consent {
        Consent::All => return Ok(asked),
        Consent::To(grants) => return Ok(both(grants, &asked)),
        Consent::AsBefore => {}
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
        let unchanged = |timer: &Timer| {
            TimerSpec { due_at, ..timer.spec.clone() } == spec && timer.missed == schedule.missed
        };
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
            missed: schedule.missed,
        };
        timers::arm(conn, house, &timer).await?;
    }
    Ok(())
}
