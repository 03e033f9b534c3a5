//! `switchboard deploy`: build a plugin and make it the version that runs on a service.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::api::{Api, Remote};
use super::plugin_file;
use super::progress::Progress;
use super::{plugin, plugin_versions, table};
use crate::plugin::manifest::{Manifest, extract};

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
    /// Upload it, hand it the last N events and show what it would do; what runs runs on
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20")]
    dry_run: Option<usize>,
}

/// Build, upload and activate; where it asks for more than was granted, the version before runs on.
pub async fn run(args: Args) -> Result<()> {
    let api = Api::new(&args.remote.connection)?;
    let building = Progress::start(format!("building {}", args.plugin.display()));
    let bytes = plugin_file::bytes(&args.plugin).await?;
    drop(building);
    if let Some(last) = args.dry_run {
        return try_dry(&api, bytes, last, &args).await;
    }
    let uploading = Progress::start(format!("uploading {} KiB", bytes.len() / 1024));
    let installed = plugin::upload(&api, bytes, &args.terms).await?;
    drop(uploading);
    table::one(args.remote.json, &installed);
    Ok(())
}

/// The version is kept on the service, and does not run.
async fn try_dry(api: &Api, bytes: Vec<u8>, last: usize, args: &Args) -> Result<()> {
    let plugin = Manifest::parse(&extract(&bytes)?)?.id;
    let trying = Progress::start(format!("trying {plugin} on the last {last} events"));
    let version = plugin_versions::keep(api, &plugin, bytes).await;
    let version = version.context("a dry run needs the plugin installed: deploy it first")?;
    let report =
        plugin_versions::dry_run(api, &plugin, &version, last, args.terms.grant_all()).await?;
    drop(trying);
    plugin_versions::show(args.remote.json, &report);
    if !args.remote.json {
        println!("make it the one that runs: switchboard plugin activate {plugin} {version}");
    }
    Ok(())
}
