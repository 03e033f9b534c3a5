//! `switchboard key create`: a new API key, while no service runs on the data folder. On a running
//! one `POST /api/v1/keys` makes them.

use anyhow::Context;
use serde_json::json;

use super::settings::{Settings, open_store};
use crate::clock::Clock;
use crate::http::auth;
use crate::store::{Store, team};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Make a key and print it, this once
    Create {
        /// The team's id [default: the first team]
        #[arg(long)]
        team: Option<String>,
        /// To know it by later
        #[arg(long, default_value = "")]
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let Command::Create { team, name, settings } = args.command;
    let clock = Clock::system();
    let store = open_store(&settings.load()?, &clock).await?;
    let made = create(&store, &clock, team, &name).await;
    store.close().await;
    println!("{}", made?);
    Ok(())
}

async fn create(
    store: &Store,
    clock: &Clock,
    team: Option<String>,
    name: &str,
) -> anyhow::Result<serde_json::Value> {
    let mut tx = store.begin().await?;
    let team_id = match team {
        Some(id) => id,
        None => team::first(&mut tx)
            .await?
            .context("there is no team yet: make one with `switchboard team create NAME`")?,
    };
    anyhow::ensure!(team::exists(&mut tx, &team_id).await?, "there is no team {team_id:?}");
    let (id, key) = (clock.id("key"), auth::new_key());
    team::insert_key(&mut tx, &id, &team_id, name, &auth::hash(&key), clock.now()).await?;
    store.commit(tx).await?;
    Ok(json!({ "team": team_id, "id": id, "api_key": key }))
}
