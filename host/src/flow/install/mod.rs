//! Installing, upgrading and changing plugins while the house runs. Every change is one row of a
//! new generation: calls under way end on the one that they began with.

mod change;
mod history;
mod publish;
mod rehearse;
pub mod state;
mod versions;

use serde_json::Value;

use crate::plugin::manifest::{Access, ManifestError};
use crate::plugin::{Grants, PluginError};
use crate::store::plugin::{InstallRow, Version};
use crate::store::{Conn, StoreError, account, plugin};

use super::House;

pub use change::{
    delete_secret, remove, reorder, resume, set_accounts, set_config, set_grants, set_secret,
    suspend,
};
pub(in crate::flow) use history::note;
pub use history::{Actor, Change, waiting};
pub use rehearse::{Asked, MOST_EVENTS, Rehearsal, Rehearsed, Told, Trial, rehearse};
pub use versions::{Upload, activate, keep, open, rollback, upload};

/// What the installer agrees to.
#[derive(Clone, Debug, PartialEq)]
pub enum Consent {
    /// To what was granted before, and no more.
    AsBefore,
    /// To all that the manifest asks.
    All,
    /// To these, which were agreed to when this version ran.
    To(Grants),
}

/// Why an install did not change; the one before runs on.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("{0}")]
    Plugin(#[from] PluginError),
    /// Each names the field.
    #[error("the configuration does not fit this version: {}", .0.join("; "))]
    Config(Vec<String>),
    /// What is new, in plain words.
    #[error("this version asks to {}: install it with grant=all to agree", .0.join("; to "))]
    ConsentRequired(Vec<String>),
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{0}")]
    Invalid(String),
    /// It would keep more than so many keys or bytes.
    #[error(
        "an install may keep {0} keys and {1} bytes: delete keys, or raise plugins.state_keys and plugins.state_bytes"
    )]
    Full(i64, i64),
    #[error("{0:#}")]
    Internal(anyhow::Error),
}

impl InstallError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Plugin(error) => error.code(),
            Self::Config(_) => "invalid_config",
            Self::ConsentRequired(_) => "consent_required",
            Self::NotFound(_) => "not_found",
            Self::Invalid(_) => "invalid_request",
            Self::Full(..) => "state_full",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<anyhow::Error> for InstallError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl From<StoreError> for InstallError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<serde_json::Error> for InstallError {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// A team's install by its id or its plugin's name; removed ones are not found.
pub async fn find(house: &House, team_id: &str, key: &str) -> Result<InstallRow, InstallError> {
    let installs = plugin::installs(&mut *house.store.read().await?, team_id).await?;
    installs
        .into_iter()
        .find(|install| install.id == key || install.plugin == key)
        .ok_or_else(|| InstallError::NotFound(format!("plugin {key:?}")))
}

fn config_problems(problems: Vec<ManifestError>) -> InstallError {
    InstallError::Config(problems.iter().map(ToString::to_string).collect())
}

/// What the installer agreed to and the plugin asks: the rest is not granted.
fn both(granted: &Grants, asked: &Grants) -> Grants {
    let less = |a: Access, b: Access| if a < b { a } else { b };
    Grants {
        messaging: granted.messaging && asked.messaging,
        timers: granted.timers && asked.timers,
        state: granted.state && asked.state,
        contacts: less(granted.contacts, asked.contacts),
        chats: less(granted.chats, asked.chats),
        templates: granted.templates && asked.templates,
        media: granted.media && asked.media,
        events: granted.events && asked.events,
        hosts: asked
            .hosts
            .iter()
            .filter(|host| granted.hosts.iter().any(|g| g.covers(host)))
            .cloned()
            .collect(),
        reveal: asked.reveal.iter().filter(|name| granted.reveal.contains(name)).cloned().collect(),
    }
}

/// The account that an install speaks for where nothing else names one: the only one that it serves,
/// or the only one that the team has; empty where there are several.
pub async fn only_account(conn: &mut Conn, install: &InstallRow) -> Result<String, InstallError> {
    let mut serves: Vec<String> = serde_json::from_str(&install.accounts)?;
    if serves.is_empty() {
        let accounts = account::list(conn, &install.team_id, "", 2).await?;
        serves = accounts.into_iter().map(|account| account.id).collect();
    }
    Ok(if serves.len() == 1 { serves.remove(0) } else { String::new() })
}

/// An install as it would be on another version.
fn on_version(install: InstallRow, version: &Version) -> InstallRow {
    InstallRow {
        version_id: version.id.clone(),
        version: version.version.clone(),
        hash: version.hash.clone(),
        manifest: version.manifest.clone(),
        ..install
    }
}

/// A configuration as text, with the schema's defaults filled in.
fn configured(
    manifest: &crate::plugin::manifest::Manifest,
    given: Value,
) -> Result<String, InstallError> {
    Ok(manifest.configure(given).map_err(config_problems)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::manifest::Manifest;
    use serde_json::json;

    fn manifest() -> Manifest {
        Manifest::parse(
            r#"
            id = "greeter"
            version = "0.1.0"
            [config]
            type = "object"
            [config.properties.greeting]
            type = "string"
            default = "Hello"
            [config.properties.times]
            type = "integer"
            "#,
        )
        .expect("a manifest")
    }

    #[test]
    fn a_configuration_takes_the_defaults_of_its_schema() {
        let config = configured(&manifest(), json!({ "times": 2 })).expect("fits");
        assert_eq!(
            serde_json::from_str::<Value>(&config).expect("JSON"),
            json!({ "greeting": "Hello", "times": 2 })
        );
    }

    #[test]
    fn a_configuration_that_does_not_fit_names_the_field() {
        let refused =
            configured(&manifest(), json!({ "times": "often" })).expect_err("does not fit");
        assert_eq!(refused.code(), "invalid_config");
        assert!(refused.to_string().contains("config/times"), "{refused}");
    }

    #[test]
    fn nothing_is_granted_that_was_not_both_asked_and_agreed_to() {
        let host = |name: &str| name.to_owned().try_into().expect("a host");
        let granted = Grants {
            messaging: true,
            timers: true,
            contacts: Access::Read,
            hosts: vec![host("*.example.com")],
            ..Grants::default()
        };
        let asked = Grants {
            messaging: true,
            state: true,
            contacts: Access::Write,
            hosts: vec![host("api.example.com"), host("other.example.org")],
            ..Grants::default()
        };
        let expected = Grants {
            messaging: true,
            contacts: Access::Read,
            hosts: vec![host("api.example.com")],
            ..Grants::default()
        };
        assert_eq!(both(&granted, &asked), expected);
    }
}
