//! A whole host under load, in one process; each run is bounded in count and prints its lines of one
//! table.
//!
//! `SWITCHBOARD_TEST_PLUGINS=target/plugins bench flood|memory|installs|swap|languages|lists|pending|notices`
//! (`cargo xtask bench` runs them all, each in a process of its own)

mod flood;
mod house;
mod installs;
mod languages;
mod lists;
mod memory;
mod notices;
mod pending;
mod swap;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    let plugins = std::env::var("SWITCHBOARD_TEST_PLUGINS").context("SWITCHBOARD_TEST_PLUGINS")?;
    let echo = std::fs::read(Path::new(&plugins).join("echo.wasm")).context("echo.wasm")?;
    match std::env::args().nth(1).as_deref() {
        Some("flood") => flood::run(&echo, count("SWITCHBOARD_BENCH_MESSAGES", 20_000)?).await,
        Some("memory") => memory::run(&echo).await,
        Some("installs") => installs::run(&echo).await,
        Some("swap") => swap::run(&echo).await,
        Some("languages") => languages::run().await,
        Some("lists") => lists::run(&echo, count("SWITCHBOARD_BENCH_STORED", 1_000_000)?).await,
        Some("pending") => pending::run(&echo, count("SWITCHBOARD_BENCH_STORED", 1_000_000)?).await,
        Some("notices") => notices::run(&echo, 20_000).await,
        other => bail!(
            "{other:?} is none of flood, memory, installs, swap, languages, lists, pending, notices"
        ),
    }
}

/// How many, unless the environment says otherwise.
fn count(name: &str, usual: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(count) => count.parse().with_context(|| format!("{name} is a number")),
        Err(_) => Ok(usual),
    }
}

fn say(what: &str, found: String) {
    println!("{what:<60} {found:>14}");
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}
