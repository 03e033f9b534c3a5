//! `switchboard serve`: run until told to stop.

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::settings::Settings;
use super::telemetry;
use crate::clock::Clock;
use crate::config::Config;
use crate::flow::identity::people;
use crate::store::user;
use crate::{App, Running};

#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Address and port to listen on, such as 0.0.0.0:8080
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The port alone; 0 takes a free one
    #[arg(long)]
    port: Option<u16>,
    /// Print one line of JSON when ready
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub fn load(&self) -> anyhow::Result<Config> {
        let mut config = self.settings.load()?;
        if let Some(listen) = &self.listen {
            config.server.listen.clone_from(listen);
        }
        if let Some(port) = self.port {
            let host = config.server.listen.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
            config.server.listen = format!("{host}:{port}");
        }
        Ok(config)
    }
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.load()?;
    telemetry::start(&config.log)?;
    let running = App::start(config, Clock::system()).await?;
    let setup = match setup_link(&running).await {
        Ok(setup) => setup,
        Err(error) => {
            running.stop().await;
            return Err(error);
        }
    };
    if args.json {
        println!("{}", json!({ "url": running.url(), "setup": setup }));
    } else {
        tracing::info!(url = running.url(), "ready");
        if let Some(link) = setup {
            println!(
                "There is no owner yet. Open this once, within a day, to become it:\n\n  {link}\n"
            );
        }
    }
    until_told(running).await
}

/// Where nobody owns this host yet: a link to become its owner, in place of the one before.
async fn setup_link(running: &Running) -> anyhow::Result<Option<String>> {
    let house = &running.house;
    if user::owners(&mut *house.store.read().await?, "").await? > 0 {
        return Ok(None);
    }
    let expires_at = house.clock.now() + house.config.identity.setup_link;
    let mut tx = house.store.begin().await?;
    let token = people::new_link(&mut tx, "", expires_at).await?;
    house.commit(tx).await?;
    Ok(Some(format!("{}/setup?token={token}", running.url())))
}

/// Serve until Ctrl-C or SIGTERM, then stop gracefully; a second signal ends it at once.
pub async fn until_told(running: Running) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping; a second signal does not wait");
    tokio::select! {
        () = running.stop() => {
            tracing::info!("stopped");
            Ok(())
        }
        _ = interrupt.recv() => anyhow::bail!("stopped at once; the next start picks up what was under way"),
        _ = terminate.recv() => anyhow::bail!("stopped at once; the next start picks up what was under way"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_keeps_the_address() {
        let args = Args { port: Some(0), ..Args::default() };
        assert_eq!(args.load().expect("settings").server.listen, "127.0.0.1:0");
        let args = Args { listen: Some("0.0.0.0:80".into()), port: Some(81), ..Args::default() };
        assert_eq!(args.load().expect("settings").server.listen, "0.0.0.0:81");
    }
}
