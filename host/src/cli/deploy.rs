//! `switchboard deploy`: build a plugin and make it the version that runs on a service.

use std::path::PathBuf;

use anyhow::Result;

use super::api::{Api, Remote};
use super::plugin_file;
use super::progress::Progress;
use super::{plugin, table};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
    /// A plugin's folder, or a built file
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    plugin: PathBuf,
    #[command(flatten)]
    terms: plugin::Terms,
}

/// Build, upload and activate; where it asks for more than was granted, the version before runs on.
pub async fn run(args: Args) -> Result<()> {
    let api = Api::new(&args.remote.connection)?;
    let building = Progress::start(format!("building {}", args.plugin.display()));
    let bytes = plugin_file::bytes(&args.plugin).await?;
    drop(building);
    let uploading = Progress::start(format!("uploading {} KiB", bytes.len() / 1024));
    let installed = plugin::upload(&api, bytes, &args.terms).await?;
    drop(uploading);
    table::one(args.remote.json, &installed);
    Ok(())
}
