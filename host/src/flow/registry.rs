//! Who receives what: each team's installs and endpoints, kept in memory until they change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;

use crate::model::{ChannelType, Event, EventKind, InstallState, Message, Millis};
use crate::plugin::manifest::{Manifest, On, Seen};
use crate::plugin::{Grants, Install};
use crate::store::endpoint::Endpoint;
use crate::store::plugin::InstallRow;
use crate::store::{Store, account, endpoint, plugin};

/// The teams in use.
#[derive(Default)]
pub struct Registry {
    teams: RwLock<HashMap<String, Arc<Team>>>,
    /// Counts what was forgotten, so that a reading from before is not kept after.
    forgotten: AtomicU64,
}

/// What a team has installed and whom it tells.
pub struct Team {
    /// In the order of the chain.
    pub installs: Vec<Active>,
    pub endpoints: Vec<Endpoint>,
    /// The types of its accounts, where an install chooses by them.
    channels: HashMap<String, ChannelType>,
}

/// An install, and where it stands.
pub struct Active {
    pub install: Arc<Install>,
    pub version_id: String,
    pub position: i64,
    pub state: InstallState,
    /// When a suspended one may run again; not 0 where it ever was suspended.
    pub suspended_until: Millis,
}

impl Registry {
    pub async fn team(&self, store: &Store, team_id: &str) -> anyhow::Result<Arc<Team>> {
        let known = self.teams.read().unwrap_or_else(PoisonError::into_inner).get(team_id).cloned();
        if let Some(team) = known {
            return Ok(team);
        }
        let before = self.forgotten.load(Ordering::Acquire);
        let team = Arc::new(load(store, team_id).await?);
        let mut teams = self.teams.write().unwrap_or_else(PoisonError::into_inner);
        if self.forgotten.load(Ordering::Acquire) == before {
            teams.insert(team_id.to_owned(), team.clone());
        }
        Ok(team)
    }

    /// Read this team anew at the next event. Call it after the change is committed.
    pub fn forget(&self, team_id: &str) {
        let mut teams = self.teams.write().unwrap_or_else(PoisonError::into_inner);
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        teams.remove(team_id);
    }

    pub fn forget_all(&self) {
        let mut teams = self.teams.write().unwrap_or_else(PoisonError::into_inner);
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        teams.clear();
    }
}

async fn load(store: &Store, team_id: &str) -> anyhow::Result<Team> {
    let mut conn = store.read().await?;
    let rows = plugin::installs(&mut conn, team_id).await?;
    let installs = rows.into_iter().filter_map(|row| match active(&row) {
        Ok(active) => Some(active),
        Err(error) => {
            tracing::error!(
                install = row.id,
                error = format!("{error:#}"),
                "an install cannot be read; it is left out"
            );
            None
        }
    });
    let installs: Vec<Active> = installs.collect();
    let choosy = installs.iter().any(|active| active.install.manifest.asks_for_channels());
    let channels =
        if choosy { account::channels(&mut conn, team_id).await? } else { HashMap::new() };
    Ok(Team { installs, endpoints: endpoint::enabled(&mut conn, team_id).await?, channels })
}

fn active(row: &InstallRow) -> anyhow::Result<Active> {
    Ok(Active {
        install: Arc::new(as_it_runs(row)?),
        version_id: row.version_id.clone(),
        position: row.position,
        state: row.state,
        suspended_until: row.suspended_until,
    })
}

/// An install's row, as calls take it.
pub fn as_it_runs(row: &InstallRow) -> anyhow::Result<Install> {
    Ok(Install {
        id: row.id.clone(),
        team_id: row.team_id.clone(),
        plugin: row.plugin.clone(),
        hash: row.hash.clone(),
        generation: row.generation,
        manifest: Arc::new(Manifest::parse(&row.manifest).context("its manifest")?),
        config: serde_json::from_str(&row.config).context("its configuration")?,
        grants: serde_json::from_str::<Grants>(&row.grants).context("its grants")?,
        accounts: serde_json::from_str(&row.accounts).context("its accounts")?,
    })
}

impl Team {
    /// The next install of the chain that receives this event, after a position.
    pub fn next(&self, event: &Event, after: i64) -> Option<&Active> {
        self.installs.iter().find(|active| active.position > after && self.tells(active, event))
    }

    /// The same while a human answers: only who must hear messages even then.
    pub fn next_always(&self, event: &Event, after: i64) -> Option<&Active> {
        self.installs.iter().find(|active| {
            active.install.manifest.always && active.position > after && self.tells(active, event)
        })
    }

    pub fn install(&self, id: &str) -> Option<&Active> {
        self.installs.iter().find(|active| active.install.id == id)
    }

    /// Timers and webhooks belong to one install; their jobs name it.
    fn tells(&self, active: &Active, event: &Event) -> bool {
        !matches!(On::of(&event.kind), On::Timer | On::Webhook)
            && wants(&active.install, event, &self.channels)
    }
}

impl Active {
    /// Whether its events wait now.
    pub fn is_suspended(&self, now: Millis) -> bool {
        self.state == InstallState::Suspended && self.suspended_until > now
    }
}

/// Whether an install serves the event's account, and its manifest asks for such events. `channels` are
/// the types of the team's accounts, as far as the manifest chooses by them.
pub fn wants(install: &Install, event: &Event, channels: &HashMap<String, ChannelType>) -> bool {
    let on = On::of(&event.kind);
    let serves = event.account_id.is_empty()
        || install.accounts.is_empty()
        || install.accounts.contains(&event.account_id);
    serves && {
        let (name, text) = name_and_text(event);
        let seen = Seen {
            name: &name,
            text: &text,
            first: event.data["first"] == true,
            channel: channels.get(&event.account_id).copied(),
        };
        install.manifest.wants(on, &seen)
    }
}

/// What a manifest's filters look at: the content's kind and text of a message, the word of a
/// status, the name of anything else.
fn name_and_text(event: &Event) -> (String, String) {
    match event.kind.as_str() {
        EventKind::MESSAGE_RECEIVED => {
            match serde_json::from_value::<Message>(event.data.clone()) {
                Ok(message) => {
                    (message.content.kind().to_owned(), message.content.as_text().to_owned())
                }
                Err(_) => ("other".to_owned(), String::new()),
            }
        }
        EventKind::MESSAGE_SENT | EventKind::MESSAGE_STATUS => {
            (event.data["status"].as_str().unwrap_or_default().to_owned(), String::new())
        }
        name => (name.to_owned(), String::new()),
    }
}
