//! What plugins keep, written by people: by the rules of what calls write.

use std::collections::BTreeMap;

use super::{House, InstallError};
use crate::flow::effect::state_write;
use crate::model::{InstallState, Millis, Scope};
use crate::store::plugin::InstallRow;
use crate::store::state::Write;
use crate::store::{Conn, account, chat, contact, plugin, state, team};

/// The longest key, in bytes.
const MAX_KEY: usize = 256;

/// A key to write, or with no value to delete.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    pub scope: Scope,
    pub key: String,
    pub value: Option<String>,
    pub expires_at: Option<Millis>,
}

/// The scope of these two words, as the team has it now: of a chat or contact that was merged, the one
/// that stays.
///
/// # Errors
/// One sentence, where the team has no such account, chat or contact.
pub async fn scope(
    conn: &mut Conn,
    team_id: &str,
    word: &str,
    subject: &str,
) -> Result<Scope, InstallError> {
    let found = match word {
        "plugin" if subject.is_empty() => return Ok(Scope::Plugin),
        "plugin" => {
            let problem = "subject: the scope plugin has none".to_owned();
            return Err(InstallError::Invalid(problem));
        }
        "account" => account::get(conn, team_id, subject).await?.map(|it| Scope::Account(it.id)),
        "chat" => chat::get(conn, team_id, subject).await?.map(|it| Scope::Chat(it.id)),
        "contact" => contact::get(conn, team_id, subject).await?.map(|it| Scope::Contact(it.id)),
        _ => {
            let problem = "scope: plugin, account, chat or contact".to_owned();
            return Err(InstallError::Invalid(problem));
        }
    };
    found.ok_or_else(|| InstallError::NotFound(format!("{word} {subject:?}")))
}

/// Whether a key and a value hold, in one sentence.
pub fn check(house: &House, key: &str, value: Option<&str>) -> Result<(), String> {
    let most = house.config.plugins.state_value;
    if key.is_empty() || key.len() > MAX_KEY || key.contains('\0') {
        return Err(format!("key: 1 to {MAX_KEY} bytes, and no NUL"));
    }
    if value.is_some_and(|value| value.len() > most || value.contains('\0')) {
        return Err(format!("value: at most {most} bytes, and no NUL"));
    }
    Ok(())
}

/// Write a set, all of it or nothing. A call under way that read one of these keys runs again.
///
/// # Errors
/// [`InstallError::Full`] where the install would keep more than it may.
pub async fn write(
    house: &House,
    install: &InstallRow,
    edits: &[Edit],
) -> Result<(), InstallError> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(install.team_id.clone(), 1)])).await?;
    let now = plugin::install(&mut tx, &install.team_id, &install.id).await?;
    if now.is_none_or(|install| install.state == InstallState::Removed) {
        return Err(InstallError::NotFound(format!("plugin {:?}", install.id)));
    }
    let before = state::held(&mut tx, &install.id).await?;
    // One entry per key: the last one counts.
    let writes: BTreeMap<(&Scope, &str), Write> = edits
        .iter()
        .map(|edit| {
            let value = edit.value.as_deref();
            let write = state_write(&install.id, &edit.scope, &edit.key, value, edit.expires_at);
            ((&edit.scope, edit.key.as_str()), write)
        })
        .collect();
    state::write(&mut tx, &writes.into_values().collect::<Vec<_>>()).await?;
    let after = state::held(&mut tx, &install.id).await?;
    let settings = &house.config.plugins;
    if (after.0 > settings.state_keys && after.0 > before.0)
        || (after.1 > settings.state_bytes && after.1 > before.1)
    {
        return Err(InstallError::Full(settings.state_keys, settings.state_bytes));
    }
    house.commit(tx).await?;
    house.holdings.forget(&install.id);
    Ok(())
}
