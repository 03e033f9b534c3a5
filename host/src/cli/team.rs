//! `switchboard team create`: a new tenant, while no service runs on the data folder.

use serde_json::json;

use super::settings::{Settings, open_store};
use crate::clock::Clock;
use crate::store::team;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Make a team and print its id
    Create {
        /// What people call it
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let Command::Create { name, settings } = args.command;
    anyhow::ensure!(!name.trim().is_empty() && !name.contains('\0'), "give the team a name");
    let clock = Clock::system();
    let store = open_store(&settings.load()?, &clock).await?;
    let id = clock.id("team");
    let mut tx = store.begin().await?;
    team::insert(&mut tx, &id, name.trim(), clock.now()).await?;
    store.commit(tx).await?;
    store.close().await;
    println!("{}", json!({ "team": id }));
    Ok(())
}
