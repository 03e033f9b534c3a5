//! Plugins, their versions and installs, and their secrets.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, with_list};
use crate::model::{InstallState, Millis};

/// An immutable version of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub id: String,
    pub team_id: String,
    pub plugin_id: String,
    pub version: String,
    /// SHA-256 of the bytes, hexadecimal: their name in the data folder.
    pub hash: String,
    pub size: i64,
    /// TOML.
    pub manifest: String,
    pub created_at: Millis,
}

/// A version bound to a team's accounts, as it stands in the table. JSON texts are the caller's.
#[derive(Clone, Debug, PartialEq)]
pub struct InstallRow {
    pub id: String,
    pub team_id: String,
    pub plugin_id: String,
    /// The plugin's name.
    pub plugin: String,
    pub version_id: String,
    pub version: String,
    pub hash: String,
    /// TOML.
    pub manifest: String,
    pub generation: i64,
    /// Its turn in the chain, from 1.
    pub position: i64,
    pub state: InstallState,
    pub reason: String,
    pub suspended_until: Millis,
    pub faults: i64,
    /// JSON: account ids; empty for all.
    pub accounts: String,
    pub config: String,
    pub grants: String,
    pub created_at: Millis,
    pub updated_at: Millis,
}

const INSTALLS: &str = "SELECT install.*, plugin.name AS plugin_name, plugin_version.version AS version, \
     plugin_version.hash AS hash, plugin_version.manifest AS manifest FROM install \
     JOIN plugin ON plugin.id = install.plugin_id JOIN plugin_version ON plugin_version.id = install.version_id";

fn install_from_row(row: &AnyRow) -> sqlx::Result<InstallRow> {
    Ok(InstallRow {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        plugin_id: row.text("plugin_id")?,
        plugin: row.text("plugin_name")?,
        version_id: row.text("version_id")?,
        version: row.text("version")?,
        hash: row.text("hash")?,
        manifest: row.text("manifest")?,
        generation: row.int("generation")?,
        position: row.int("position")?,
        state: row.word("state")?,
        reason: row.text("reason")?,
        suspended_until: row.int("suspended_until")?,
        faults: row.int("faults")?,
        accounts: row.text("accounts")?,
        config: row.text("config")?,
        grants: row.text("grants")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

fn version_from_row(row: &AnyRow) -> sqlx::Result<Version> {
    Ok(Version {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        plugin_id: row.text("plugin_id")?,
        version: row.text("version")?,
        hash: row.text("hash")?,
        size: row.int("size")?,
        manifest: row.text("manifest")?,
        created_at: row.int("created_at")?,
    })
}

/// The id of a team's plugin of that name, made where there is none.
pub async fn ensure(
    conn: &mut Conn,
    new_id: &str,
    team_id: &str,
    name: &str,
    now: Millis,
) -> sqlx::Result<String> {
    let mut sql = Sql::new("INSERT INTO plugin (id, team_id, name, created_at) VALUES (");
    sql.bind(new_id.to_owned())
        .push(", ")
        .bind(team_id.to_owned())
        .push(", ")
        .bind(name.to_owned());
    sql.push(", ")
        .bind(now)
        .push(") ON CONFLICT (team_id, name) DO UPDATE SET name = excluded.name RETURNING id");
    sql.fetch_one(conn).await?.ok_or(sqlx::Error::RowNotFound)?.text("id")
}

/// Keep a version; the same bytes twice are one version. Gives the one that stands.
pub async fn ensure_version(conn: &mut Conn, version: &Version) -> sqlx::Result<Version> {
    let mut sql = Sql::new(
        "INSERT INTO plugin_version (id, team_id, plugin_id, version, hash, size, manifest, created_at) VALUES (",
    );
    sql.bind(version.id.clone())
        .push(", ")
        .bind(version.team_id.clone())
        .push(", ")
        .bind(version.plugin_id.clone());
    sql.push(", ")
        .bind(version.version.clone())
        .push(", ")
        .bind(version.hash.clone())
        .push(", ")
        .bind(version.size);
    sql.push(", ").bind(version.manifest.clone()).push(", ").bind(version.created_at);
    sql.push(") ON CONFLICT (plugin_id, hash) DO UPDATE SET hash = excluded.hash RETURNING *");
    version_from_row(&sql.fetch_one(conn).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// A plugin's versions, newest first.
pub async fn versions(
    conn: &mut Conn,
    team_id: &str,
    plugin_id: &str,
) -> sqlx::Result<Vec<Version>> {
    let mut sql = Sql::new("SELECT * FROM plugin_version WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND plugin_id = ").bind(plugin_id.to_owned());
    sql.push(" ORDER BY id DESC");
    sql.fetch(conn).await?.iter().map(version_from_row).collect()
}

pub async fn version(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Version>> {
    let mut sql = Sql::new("SELECT * FROM plugin_version WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(version_from_row).transpose()
}

/// Write an install, whole: the one row by which a new generation is published.
pub async fn put_install(conn: &mut Conn, install: &InstallRow) -> sqlx::Result<()> {
    let mut sql = Sql::new(
        "INSERT INTO install (id, team_id, plugin_id, version_id, generation, position, state, reason, \
         suspended_until, faults, accounts, config, grants, created_at, updated_at) VALUES (",
    );
    sql.bind(install.id.clone())
        .push(", ")
        .bind(install.team_id.clone())
        .push(", ")
        .bind(install.plugin_id.clone());
    sql.push(", ").bind(install.version_id.clone()).push(", ").bind(install.generation).push(", ");
    sql.bind(install.position).push(", ").bind(install.state.as_str().to_owned()).push(", ");
    sql.bind(install.reason.clone())
        .push(", ")
        .bind(install.suspended_until)
        .push(", ")
        .bind(install.faults);
    sql.push(", ")
        .bind(install.accounts.clone())
        .push(", ")
        .bind(install.config.clone())
        .push(", ");
    sql.bind(install.grants.clone())
        .push(", ")
        .bind(install.created_at)
        .push(", ")
        .bind(install.updated_at);
    sql.push(
        ") ON CONFLICT (id) DO UPDATE SET version_id = excluded.version_id, generation = excluded.generation, \
         position = excluded.position, state = excluded.state, reason = excluded.reason, \
         suspended_until = excluded.suspended_until, faults = excluded.faults, accounts = excluded.accounts, \
         config = excluded.config, grants = excluded.grants, updated_at = excluded.updated_at",
    );
    sql.execute(conn).await?;
    Ok(())
}

pub async fn install(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<InstallRow>> {
    let mut sql = Sql::new(INSTALLS);
    sql.push(" WHERE install.team_id = ")
        .bind(team_id.to_owned())
        .push(" AND install.id = ")
        .bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(install_from_row).transpose()
}

/// An install of any team: for its webhooks, whose address alone names it.
pub async fn install_by_id(conn: &mut Conn, id: &str) -> sqlx::Result<Option<InstallRow>> {
    let mut sql = Sql::new(INSTALLS);
    sql.push(" WHERE install.id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(install_from_row).transpose()
}

/// The install that is not removed of a team's plugin.
pub async fn install_of(
    conn: &mut Conn,
    team_id: &str,
    plugin_id: &str,
) -> sqlx::Result<Option<InstallRow>> {
    let mut sql = Sql::new(INSTALLS);
    sql.push(" WHERE install.state <> 'removed' AND install.team_id = ").bind(team_id.to_owned());
    sql.push(" AND install.plugin_id = ")
        .bind(plugin_id.to_owned())
        .push(" ORDER BY install.id DESC LIMIT 1");
    sql.fetch_one(conn).await?.as_ref().map(install_from_row).transpose()
}

/// A team's installs that are not removed, in the order of the chain.
pub async fn installs(conn: &mut Conn, team_id: &str) -> sqlx::Result<Vec<InstallRow>> {
    let mut sql = Sql::new(INSTALLS);
    sql.push(" WHERE install.state <> 'removed' AND install.team_id = ").bind(team_id.to_owned());
    sql.push(" ORDER BY install.position, install.id");
    sql.fetch(conn).await?.iter().map(install_from_row).collect()
}

/// The last position in a team's chain; 0 where it is empty.
pub async fn last_position(conn: &mut Conn, team_id: &str) -> sqlx::Result<i64> {
    let mut sql = Sql::new("SELECT MAX(position) AS last FROM install WHERE team_id = ");
    sql.bind(team_id.to_owned());
    Ok(match sql.fetch_one(conn).await? {
        Some(row) => row.maybe_int("last")?.unwrap_or(0),
        None => 0,
    })
}

/// The state of each of these installs, and until when a suspended one is. A plugin that is not
/// there is not in it.
pub async fn states<S: AsRef<str>>(
    conn: &mut Conn,
    install_ids: &[S],
) -> sqlx::Result<HashMap<String, (InstallState, Millis)>> {
    let head = "SELECT id, state, suspended_until FROM install WHERE id IN";
    let found = with_list(conn, head, install_ids, "").await?;
    found
        .iter()
        .map(|row| Ok((row.text("id")?, (row.word("state")?, row.int("suspended_until")?))))
        .collect()
}

/// Count a dead letter; gives how many there are in a row.
pub async fn count_fault(conn: &mut Conn, install_id: &str) -> sqlx::Result<i64> {
    let mut sql = Sql::new("UPDATE install SET faults = faults + 1 WHERE id = ");
    sql.bind(install_id.to_owned()).push(" RETURNING faults");
    Ok(match sql.fetch_one(conn).await? {
        Some(row) => row.int("faults")?,
        None => 0,
    })
}

/// These installs handled an event well: count anew.
pub async fn clear_faults<S: AsRef<str>>(conn: &mut Conn, install_ids: &[S]) -> sqlx::Result<()> {
    with_list(conn, "UPDATE install SET faults = 0 WHERE faults > 0 AND id IN", install_ids, "")
        .await?;
    Ok(())
}

/// Suspend an install or let it run again.
pub async fn set_install_state(
    conn: &mut Conn,
    install_id: &str,
    state: InstallState,
    reason: &str,
    suspended_until: Millis,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE install SET faults = 0, state = ");
    sql.bind(state.as_str().to_owned()).push(", reason = ").bind(reason.to_owned());
    sql.push(", suspended_until = ")
        .bind(suspended_until)
        .push(" WHERE id = ")
        .bind(install_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// Keep a sealed secret in place of the one of that name.
pub async fn set_secret(
    conn: &mut Conn,
    install_id: &str,
    name: &str,
    sealed: &str,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("INSERT INTO secret (install_id, name, sealed) VALUES (");
    sql.bind(install_id.to_owned())
        .push(", ")
        .bind(name.to_owned())
        .push(", ")
        .bind(sealed.to_owned());
    sql.push(") ON CONFLICT (install_id, name) DO UPDATE SET sealed = excluded.sealed");
    sql.execute(conn).await?;
    Ok(())
}

pub async fn secret(conn: &mut Conn, install_id: &str, name: &str) -> sqlx::Result<Option<String>> {
    let mut sql = Sql::new("SELECT sealed FROM secret WHERE install_id = ");
    sql.bind(install_id.to_owned()).push(" AND name = ").bind(name.to_owned());
    sql.fetch_one(conn).await?.map(|row| row.text("sealed")).transpose()
}

pub async fn delete_secret(conn: &mut Conn, install_id: &str, name: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("DELETE FROM secret WHERE install_id = ");
    sql.bind(install_id.to_owned()).push(" AND name = ").bind(name.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// The names of the secrets that are set, sorted.
pub async fn secret_names(conn: &mut Conn, install_id: &str) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new("SELECT name FROM secret WHERE install_id = ");
    sql.bind(install_id.to_owned()).push(" ORDER BY name");
    sql.fetch(conn).await?.iter().map(|row| row.text("name")).collect()
}

/// Forget the secrets of an install that is removed.
pub async fn remove_secrets(conn: &mut Conn, install_id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM secret WHERE install_id = ");
    sql.bind(install_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}
