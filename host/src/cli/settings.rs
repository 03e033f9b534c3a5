//! The options by which every command finds its settings.

use std::path::PathBuf;

use anyhow::Context;

use crate::clock::Clock;
use crate::config::Config;
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
    /// Do something on the database, and close it whatever came of it.
    pub async fn on_store<T>(
        &self,
        work: impl AsyncFnOnce(&Store, &Clock, &Config) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let config = self.settings.load()?;
        let clock = Clock::system();
        let store = open_store(&config, &clock).await?;
        let done = work(&store, &clock, &config).await;
        store.close().await;
        done
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
