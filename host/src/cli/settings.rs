//! The options by which every command finds its settings.

use std::path::PathBuf;

use anyhow::Context;

use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::flow::House;
use crate::store::{Conn, Store, job, team};

#[derive(Clone, Debug, Default, clap::Args)]
pub struct Settings {
    /// A file of settings; what it leaves out has its default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Settings {
    /// Read the settings; the options win over the file and the environment.
    pub fn load(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }
}

/// Where a command that prints finds its database.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Local {
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Local {
    /// Do something in the house at rest, and close it whatever came of it. What it writes as events
    /// goes to plugins and endpoints when the service runs again.
    pub async fn at_rest<T>(
        &self,
        work: impl AsyncFnOnce(&House) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let house = app::open(self.settings.load()?, Clock::system()).await?;
        let done = work(&house).await;
        house.store.close().await;
        done
    }
}

/// The same for commands about one team.
#[derive(Clone, Debug, clap::Args)]
pub struct Whose {
    /// The team's id [default: the first team]
    #[arg(long)]
    pub team: Option<String>,
    #[command(flatten)]
    pub local: Local,
}

impl Whose {
    /// The id of the team.
    pub async fn team(&self, house: &House) -> anyhow::Result<String> {
        team_or_first(&mut *house.store.read().await?, self.team.as_deref()).await
    }
}

/// The team that is named, or the first.
pub async fn team_or_first(conn: &mut Conn, named: Option<&str>) -> anyhow::Result<String> {
    match named {
        Some(id) => {
            anyhow::ensure!(team::exists(conn, id).await?, "there is no team {id:?}");
            Ok(id.to_owned())
        }
        None => team::first(conn)
            .await?
            .context("there is no team yet: make one with `switchboard team add NAME`"),
    }
}

/// Open the store for one command, while no service runs on it.
pub async fn open_store(config: &Config, clock: &Clock) -> anyhow::Result<Store> {
    let store = Store::open(&config.database, &config.data).await?;
    if store.was_unclean() {
        // This command will close it cleanly: what the crash left is noted now.
        job::recover(&store, clock.now()).await?;
    }
    Ok(store)
}
