//! A whole house for one transcript: a folder of its own, the pretend network, a clock that stands.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::heard::Heard;
use super::stubs::{Files, Stubs};
use super::transcript::{Person, Transcript, What};
use crate::channel::sandbox::{Behaviour, Receipts};
use crate::cli::api::Api;
use crate::cli::plugin_file::Plugin;
use crate::cli::{compiled, setup};
use crate::clock::Clock;
use crate::config::Config;
use crate::flow::House;
use crate::flow::batch::Batcher;
use crate::flow::inbound::{Door, Receiver};
use crate::flow::install::{self, Actor, Consent, InstallError, Upload};
use crate::model::{Chat, Contact, Millis};
use crate::plugin::Grants;
use crate::plugin::manifest::Manifest;
use crate::store::{chat, contact};
use crate::{App, Running};

/// Monday, 5 January 2026, 12:00 UTC: where the clock stands unless the transcript begins with `at`.
pub const NOON: Millis = 1_767_614_400_000;

/// How long a house may take to come to rest, in real time. Only a plugin that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Scene {
    pub(super) running: Running,
    pub(super) api: Api,
    pub(super) door: Door,
    pub(super) team: String,
    pub(super) account: String,
    pub(super) install: String,
    /// The other plugins of the chain: install and name, and the last failure that was heard.
    pub(super) neighbours: Vec<Neighbour>,
    /// Of the plugin, as far as the transcript gave them.
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) manifest: Manifest,
    pub(super) people: BTreeMap<String, Person>,
    pub(super) stubs: Arc<Stubs>,
    pub(super) heard: Heard,
    /// Whom a line means that names nobody: the customer who acted last.
    pub(super) current: String,
    config: Map<String, Value>,
    withheld: Vec<String>,
    _data: TempDir,
}

impl Scene {
    /// Start a house, with the plugin installed as the transcript's first lines say, in its place of the
    /// chain among the others.
    ///
    /// # Errors
    /// When the house does not start, or a plugin cannot be installed in it.
    pub async fn start(
        plugin: &Plugin,
        chain: &[Option<Plugin>],
        transcript: &Transcript,
    ) -> anyhow::Result<Self> {
        let data = tempfile::tempdir().context("no temporary folder")?;
        compiled::share(data.path());
        let clock = Clock::manual(beginning(transcript));
        let running = App::start(settings(data.path()), clock).await?;
        let begun = setup::begin(&running.house.store, &running.house.clock, "test").await?;
        let stubs = Arc::new(Stubs::default());
        running.house.runtime.egress().replace(stubs.clone());
        running.house.depot.egress.replace(Arc::new(Files));
        // Receipts come when the transcript says so.
        let behaviour = Behaviour {
            receipts: Receipts::Off,
            ..running.house.channels.sandbox.default_behaviour()
        };
        running.house.channels.sandbox.set_behaviour(&begun.account_id, behaviour);
        let config = first_config(transcript);
        let installed = install_all(&running, &begun.team_id, plugin, chain, &config).await;
        let (installed, neighbours) = match installed {
            Ok(installed) => installed,
            Err(error) => {
                running.stop().await;
                return Err(error.into());
            }
        };
        let door = Door {
            house: running.house.clone(),
            receiver: Batcher::start(Arc::new(Receiver(running.house.clone()))),
        };
        Ok(Self {
            api: Api::at(&running.url(), &begun.api_key)?,
            door,
            team: begun.team_id,
            account: begun.account_id,
            install: installed,
            neighbours,
            secrets: BTreeMap::new(),
            manifest: plugin.manifest.clone(),
            people: transcript.people.clone(),
            stubs,
            heard: Heard::default(),
            current: super::transcript::CUSTOMER.to_owned(),
            config,
            withheld: Vec::new(),
            _data: data,
            running,
        })
    }

    pub async fn stop(self) {
        drop(self.door);
        self.running.stop().await;
    }

    pub(super) fn house(&self) -> &Arc<House> {
        &self.running.house
    }

    pub(super) fn now(&self) -> Millis {
        self.house().clock.now()
    }

    /// Let happen all that is due, and hear what came of it.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        let rested = self.house().come_to_rest(PATIENCE).await?;
        ensure!(rested, "the house does not come to rest within {} s", PATIENCE.as_secs());
        self.listen().await
    }

    /// Move the clock on, from one moment at which something is due to the next.
    pub(super) async fn wait_until(&mut self, moment: Millis) -> anyhow::Result<()> {
        ensure!(
            moment >= self.now(),
            "the clock stands at {} already, in UTC",
            super::moment::spoken(self.now())
        );
        while let Some(due) = self.house().next_due().await?.filter(|due| *due <= moment) {
            self.house().clock.advance(due - self.now());
            self.settle().await?;
        }
        self.house().clock.advance(moment - self.now());
        self.settle().await
    }

    pub(super) async fn set_config(&mut self, key: &str, value: &Value) -> anyhow::Result<()> {
        if self.config.get(key) == Some(value) {
            return Ok(());
        }
        self.config.insert(key.to_owned(), value.clone());
        let config = Value::Object(self.config.clone());
        install::set_config(self.house(), &self.by(), &self.install, config).await?;
        Ok(())
    }

    pub(super) fn by(&self) -> Actor {
        Actor::new(&self.team, Actor::COMMAND)
    }

    pub(super) async fn set_secret(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        install::set_secret(self.house(), &self.by(), &self.install, name, value).await?;
        self.secrets.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    pub(super) async fn withhold(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.withheld.extend_from_slice(names);
        let mut grants = serde_json::to_value(self.manifest.asks())?;
        if let Some(grants) = grants.as_object_mut() {
            // What is absent is not granted.
            grants.retain(|name, _| !self.withheld.contains(name));
        }
        let grants: Grants = serde_json::from_value(grants)?;
        install::set_grants(self.house(), &self.by(), &self.install, &grants).await?;
        Ok(())
    }

    /// The contact and the chat of a customer; `None` while they are strangers.
    pub(super) async fn chat_of(&self, who: &str) -> anyhow::Result<Option<(Contact, Chat)>> {
        let phone = self.people.get(who).map(|person| person.phone.as_str()).unwrap_or_default();
        let mut conn = self.house().store.read().await?;
        let Some(contact) = contact::by_phone(&mut conn, &self.team, phone).await? else {
            return Ok(None);
        };
        let chat = chat::between(&mut conn, &self.account, &contact.id).await?;
        Ok(chat.map(|chat| (contact, chat)))
    }
}

/// A plugin beside the one that is tested.
pub struct Neighbour {
    pub install: String,
    pub name: String,
    pub last_failure: String,
}

/// Install the plugins of a chain in their order; the one that is tested is `None` there. Gives its
/// install and the others'.
async fn install_all(
    running: &Running,
    team: &str,
    plugin: &Plugin,
    chain: &[Option<Plugin>],
    config: &Map<String, Value>,
) -> Result<(String, Vec<Neighbour>), InstallError> {
    let by = Actor::new(team, Actor::COMMAND);
    let mut own = String::new();
    let mut neighbours = Vec::new();
    for one in chain {
        let upload = Upload {
            bytes: one.as_ref().unwrap_or(plugin).bytes.clone(),
            consent: Consent::All,
            accounts: None,
            config: one.is_none().then(|| Value::Object(config.clone())),
        };
        let installed = install::upload(&running.house, &by, upload).await?;
        match one {
            None => own = installed.id,
            Some(_) => neighbours.push(Neighbour {
                install: installed.id,
                name: installed.plugin,
                last_failure: String::new(),
            }),
        }
    }
    Ok((own, neighbours))
}

/// No limits that a test would meet, nothing that waits for a person to read.
fn settings(data: &Path) -> Config {
    let mut config = Config { data: data.to_owned(), ..Config::default() };
    config.server.listen = "127.0.0.1:0".to_owned();
    config.limits.requests_per_minute = 1_000_000;
    config.limits.messages_per_day = 0;
    config.outbox.typing = 0;
    // A Python takes many seconds of a busy machine.
    config.plugins.compile_timeout = 600_000;
    config
}

/// Where the clock stands at first: at the moment that the transcript begins with.
fn beginning(transcript: &Transcript) -> Millis {
    let first = transcript.steps.iter().find(|step| !step.what.is_setting());
    match first.map(|step| &step.what) {
        Some(What::Wait(due @ (super::moment::Due::At(_) | super::moment::Due::Daily(..)))) => {
            due.from(NOON)
        }
        _ => NOON,
    }
}

/// What is configured before anything happens: a plugin may need it to be installed at all.
fn first_config(transcript: &Transcript) -> Map<String, Value> {
    let settings = transcript.steps.iter().take_while(|step| step.what.is_setting());
    let set = settings.filter_map(|step| match &step.what {
        What::Config { key, value } => Some((key.clone(), value.clone())),
        _ => None,
    });
    set.collect()
}
