//! `cargo xtask demo`: from a fresh clone to a bot that answers, in one command.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::build;

/// The bots that come with the demo, in the order in which they see a message: the one that must
/// hear STOP first, the one that answers anything last.
const BOTS: [&str; 5] = ["opt-out", "hand-over", "reminder", "away", "auto-reply"];

#[derive(Args)]
pub struct Demo {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The data folder, to come back to; without it the demo starts in a new one.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print one line {"url","api_key","account"} when it is ready, and nothing else.
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub fn run(&self, root: &Path) -> Result<()> {
        self.check_port()?;
        let switchboard = build::everything(root)?;
        let data = match &self.data {
            Some(data) => data.clone(),
            None => new_folder(&root.join("target/demo"))?,
        };
        let mut host = Command::new(&switchboard);
        host.arg("demo").arg("--port").arg(self.port.to_string()).arg("--data").arg(data);
        if self.json {
            host.arg("--json");
        }
        for bot in BOTS {
            host.arg("--install").arg(root.join(format!("target/plugins/{bot}.wasm")));
        }
        // In this process's place, so that Ctrl-C and signals reach the host itself.
        let refused = host.exec();
        Err(refused).with_context(|| format!("cannot start {}", switchboard.display()))
    }

    /// Before minutes of building, rather than after.
    fn check_port(&self) -> Result<()> {
        if let Err(problem) = TcpListener::bind(("127.0.0.1", self.port)) {
            bail!(
                "port {} cannot be used ({problem}): stop what uses it, or choose another --port (0 takes a free one)",
                self.port
            );
        }
        Ok(())
    }
}

/// The first of `folder`/1, 2, … that does not exist yet; it is made here, so that no other has it.
fn new_folder(folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    for number in 1..=u32::MAX {
        let new = folder.join(number.to_string());
        match std::fs::create_dir(&new) {
            Ok(()) => return Ok(new),
            Err(taken) if taken.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(problem) => {
                return Err(problem).with_context(|| format!("cannot make {}", new.display()));
            }
        }
    }
    bail!("{} is full", folder.display())
}
