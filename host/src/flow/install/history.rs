//! Who changed what about a plugin: one row a change, in the transaction that makes it.

use serde_json::Value;

use super::{House, InstallError};
use crate::plugin::Grants;
use crate::store::plugin::InstallRow;
use crate::store::plugin_change::{self, ChangeRow};
use crate::store::{Conn, StoreError};

/// Who changes plugins, and of which team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub team_id: String,
    /// The id of a key, an app or a person; or one of the words below.
    pub who: String,
}

impl Actor {
    /// The watched folder.
    pub const FOLDER: &str = "folder";
    /// A command on this machine: `demo`, `dev`, `test`.
    pub const COMMAND: &str = "command";
    /// The host by itself.
    pub const HOST: &str = "host";

    pub fn new(team_id: impl Into<String>, who: impl Into<String>) -> Self {
        Self { team_id: team_id.into(), who: who.into() }
    }
}

/// What happened to an install; the words of its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Installed,
    Upgraded,
    /// A kept version was made the one that runs.
    Activated,
    RolledBack,
    /// A version was uploaded that asks for more, and waits until somebody agrees.
    Held,
    /// A version was uploaded, not to run yet.
    Kept,
    Configured,
    Granted,
    Accounts,
    SecretSet,
    SecretDeleted,
    Suspended,
    Resumed,
    Moved,
    Removed,
}

impl Change {
    /// Those that say which version runs, or waits to.
    pub(super) const OF_VERSION: [Self; 5] =
        [Self::Installed, Self::Upgraded, Self::Activated, Self::RolledBack, Self::Held];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Upgraded => "upgraded",
            Self::Activated => "activated",
            Self::RolledBack => "rolled_back",
            Self::Held => "held",
            Self::Kept => "kept",
            Self::Configured => "configured",
            Self::Granted => "granted",
            Self::Accounts => "accounts",
            Self::SecretSet => "secret_set",
            Self::SecretDeleted => "secret_deleted",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Moved => "moved",
            Self::Removed => "removed",
        }
    }
}

/// Note a change of an install, about the version that it is on.
pub(in crate::flow) async fn note(
    house: &House,
    conn: &mut Conn,
    who: &str,
    install: &InstallRow,
    change: Change,
    details: Value,
) -> Result<(), StoreError> {
    let row = ChangeRow {
        id: house.clock.id("chg"),
        team_id: install.team_id.clone(),
        install_id: install.id.clone(),
        at: house.clock.now(),
        change: change.as_str().to_owned(),
        who: who.to_owned(),
        version_id: install.version_id.clone(),
        version: String::new(),
        details: details.to_string(),
    };
    plugin_change::insert(conn, &row).await
}

/// The version that waits until somebody agrees to what it asks, where the newest word about versions
/// is that one does.
pub async fn waiting(conn: &mut Conn, install: &InstallRow) -> Result<Option<String>, StoreError> {
    let words = Change::OF_VERSION.map(Change::as_str);
    let newest = plugin_change::newest(conn, &install.team_id, &install.id, None, &words).await?;
    Ok(newest.filter(|row| row.change == Change::Held.as_str()).map(|row| row.version_id))
}

/// What was last granted to a version while it ran; `None` where that was before there was a history.
pub(super) async fn grants_of(
    conn: &mut Conn,
    install: &InstallRow,
    version_id: &str,
) -> Result<Option<Grants>, InstallError> {
    let words = [Change::Installed, Change::Upgraded, Change::Activated, Change::RolledBack];
    let words = words.into_iter().chain([Change::Granted]).map(Change::as_str).collect::<Vec<_>>();
    let about = Some(version_id);
    let row = plugin_change::newest(conn, &install.team_id, &install.id, about, &words).await?;
    let Some(row) = row else { return Ok(None) };
    let details: Value = serde_json::from_str(&row.details)?;
    Ok(serde_json::from_value(details["grants"].clone()).ok())
}

/// The ids of versions that were uploaded and have not run yet.
pub(super) async fn never_ran(
    conn: &mut Conn,
    install: &InstallRow,
) -> Result<Vec<String>, StoreError> {
    let waited = [Change::Kept.as_str(), Change::Held.as_str()];
    plugin_change::never_ran(conn, &install.team_id, &install.id, waited).await
}
