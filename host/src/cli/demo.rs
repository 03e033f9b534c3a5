//! `switchboard demo`: the service with everything that it takes to try it.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::{serve, setup, telemetry};
use crate::clock::Clock;
use crate::flow::House;
use crate::flow::install::{Actor, Consent, Upload, upload};
use crate::{App, Running};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    serve: serve::Args,
    /// Plugins to install, with all that they ask, in this order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    install: Vec<PathBuf>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = args.serve.load()?;
    if config.log.filter == "info" {
        // What the demo prints is not to drown in the log.
        config.log.filter = "warn".to_owned();
    }
    telemetry::start(&config.log)?;
    let running = App::start(config, Clock::system()).await?;
    match begin(&running, &args.install).await {
        Ok(begun) => tell(&running, &begun, args.serve.json),
        Err(error) => {
            running.stop().await;
            return Err(error);
        }
    }
    serve::until_told(running).await
}

async fn begin(running: &Running, plugins: &[PathBuf]) -> anyhow::Result<setup::Begun> {
    let house = &running.house;
    let begun = setup::begin(&house.store, &house.clock, "demo").await?;
    for path in plugins {
        install(house, &begun.team_id, path).await.with_context(|| path.display().to_string())?;
    }
    Ok(begun)
}

async fn install(house: &House, team_id: &str, path: &PathBuf) -> anyhow::Result<()> {
    let bytes = tokio::fs::read(path).await?;
    let new = Upload { bytes, consent: Consent::All, accounts: None, config: None };
    upload(house, &Actor::new(team_id, Actor::COMMAND), new).await?;
    Ok(())
}

fn tell(running: &Running, begun: &setup::Begun, json: bool) {
    let url = running.url();
    if json {
        println!(
            "{}",
            json!({ "url": url, "api_key": begun.api_key, "account": begun.account_id })
        );
        return;
    }
    println!(
        "\nSwitchboard is running.\n\n\
         \x20 Open {url}/sandbox to write as a customer and see the bots answer.\n\n\
         \x20 API key (shown once): {key}\n\
         \x20 Account:              {account}\n\n\
         \x20 Send a message yourself:\n\n\
         \x20   curl {url}/api/v1/messages -H 'Authorization: Bearer {key}' \\\n\
         \x20     -H 'Content-Type: application/json' \\\n\
         \x20     -d '{{\"to\":\"+15550100123\",\"type\":\"text\",\"text\":\"Hello\"}}'\n\n\
         \x20 Ctrl-C stops it; nothing is lost.\n",
        key = begun.api_key,
        account = begun.account_id,
    );
}
