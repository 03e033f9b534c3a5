//! The options by which every command finds its settings.

use std::path::PathBuf;

use crate::clock::Clock;
use crate::config::Config;
use crate::store::{Store, job};

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

/// Open the store for one command, while no service runs on it.
pub async fn open_store(config: &Config, clock: &Clock) -> anyhow::Result<Store> {
    let store = Store::open(&config.database, &config.data).await?;
    if store.was_unclean() {
        // This command will close it cleanly: what the crash left is noted now.
        job::recover(&store, clock.now()).await?;
    }
    Ok(store)
}
