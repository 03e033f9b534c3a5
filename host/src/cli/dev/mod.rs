//! `switchboard dev`: a house for one plugin that is being written. It is built anew when a file
//! changes, swapped in while the house runs, and spoken to in the terminal.

mod chat;
mod command;
mod screen;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{compiled, plugin_file, setup, telemetry};
use crate::clock::Clock;
use crate::config::Config;
use crate::flow::install::{Actor, Consent, Upload, upload};
use crate::plugin::manifest::Manifest;
use crate::{App, Running};
use chat::Chat;
use watch::Watch;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// A plugin's folder, or a built file
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    plugin: PathBuf,
    /// A data folder to come back to [default: a new one, gone at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A file of settings; what it leaves out has its default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The port of the phone in the browser; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

pub async fn run(args: Args) -> Result<()> {
    // Before anything is started: what is wrong with it shows at once.
    let watch = Watch::start(&args.plugin)?;
    let temporary = match &args.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("no temporary folder")?),
    };
    let config = settings(&args, temporary.as_ref())?;
    telemetry::start(&config.log)?;
    let running = App::start(config, Clock::system()).await?;
    let done = talk(&running, &args.plugin, watch).await;
    running.stop().await;
    done
}

fn settings(args: &Args, temporary: Option<&TempDir>) -> Result<Config> {
    let mut config = Config::load(args.config.as_deref())?;
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    if let Some(temporary) = temporary {
        config.data = temporary.path().to_owned();
        compiled::share(&config.data);
    }
    config.server.listen = format!("127.0.0.1:{}", args.port);
    // The log would drown the conversation.
    config.log.filter = "error".to_owned();
    Ok(config)
}

/// What ends a wait of the loop below.
enum News {
    Line(String),
    /// Standard input has ended.
    NoMoreLines,
    Changed,
    Built(Result<Vec<u8>>, Instant),
    /// Something was committed: a message, a status, a log line.
    Committed,
    Stop,
}

async fn talk(running: &Running, path: &Path, mut watch: Watch) -> Result<()> {
    let house = &running.house;
    let begun = setup::begin(&house.store, &house.clock, "dev").await?;
    let mut chat = Chat::new(house.clone(), &begun.team_id, &begun.account_id);
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut builds = JoinSet::new();
    let build = |path: PathBuf| async move {
        let begun = Instant::now();
        (plugin_file::bytes(&path).await, begun)
    };
    builds.spawn(build(path.to_owned()));
    chat.welcome(&running.url(), path);
    let mut lines = None;
    let mut commits = house.wake.committed.subscribe();
    loop {
        let news = tokio::select! {
            line = next(&mut lines) => line.map_or(News::NoMoreLines, News::Line),
            () = watch.changed() => News::Changed,
            Some(Ok((built, begun))) = builds.join_next() => News::Built(built, begun),
            Ok(()) = commits.changed() => News::Committed,
            _ = interrupt.recv() => News::Stop,
            _ = terminate.recv() => News::Stop,
        };
        match news {
            News::Line(line) => {
                if !chat.typed(&line).await? {
                    return Ok(());
                }
            }
            News::NoMoreLines => {
                chat.finish().await?;
                return Ok(());
            }
            News::Changed => {
                // A build under way is of the files before.
                builds.abort_all();
                builds.spawn(build(path.to_owned()));
            }
            News::Built(built, begun) => {
                swap(&mut chat, built, begun).await?;
                // What was typed before there is anybody to answer waits for the first build.
                lines.get_or_insert_with(read_lines);
                watch.look_for_folders();
            }
            News::Committed => chat.show_news().await?,
            News::Stop => return Ok(()),
        }
    }
}

/// Install what was built; what does not build, or may not be installed, leaves what runs.
async fn swap(chat: &mut Chat, built: Result<Vec<u8>>, begun: Instant) -> Result<()> {
    let bytes = match built {
        Ok(bytes) => bytes,
        Err(error) => {
            chat.refuse("it does not build", &format!("{error:#}"));
            return Ok(());
        }
    };
    if chat.running.as_ref() == Some(&bytes) {
        return Ok(());
    }
    let (built_in, begun) = (begun.elapsed(), Instant::now());
    let new = Upload { bytes: bytes.clone(), consent: Consent::All, accounts: None, config: None };
    match upload(&chat.house, &Actor::new(&chat.team, Actor::COMMAND), new).await {
        Ok(install) => {
            let may = Manifest::parse(&install.manifest)
                .map(|manifest| manifest.asks().in_words())
                .unwrap_or_default();
            let again = chat.running.replace(bytes).is_some();
            chat.install = install.id;
            chat.swapped(&install.plugin, &install.version, again, &may, built_in, begun.elapsed());
        }
        Err(error) => chat.refuse("it cannot be installed", &error.to_string()),
    }
    Ok(())
}

/// The next line; none ever comes while nobody reads.
async fn next(lines: &mut Option<mpsc::UnboundedReceiver<String>>) -> Option<String> {
    match lines {
        Some(lines) => lines.recv().await,
        None => std::future::pending().await,
    }
}

/// Lines of standard input, read on a thread of their own: reading cannot be stopped, and must not
/// hold up the end.
fn read_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
