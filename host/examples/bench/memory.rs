//! What installs keep in memory.

use std::collections::HashMap;

use anyhow::{Context, Result};
use switchboard::clock::Clock;

use crate::house::{host, tenant};
use crate::say;

/// What more installs of one plugin keep in memory.
pub async fn run(wasm: &[u8]) -> Result<()> {
    let (running, _folder) = host(Clock::system()).await?;
    let mut found = HashMap::new();
    let mut installed = 0;
    for wanted in [1, 100, 1000] {
        while installed < wanted {
            tenant(&running, wasm, installed).await?;
            installed += 1;
        }
        found.insert(wanted, resident()?);
        say(
            &format!("resident memory with {wanted} installs"),
            format!("{:.1} MiB", resident()? / 1_048_576.0),
        );
    }
    say(
        "more for one install",
        format!("{:.1} KiB", (found[&1000] - found[&100]) / 900.0 / 1024.0),
    );
    running.stop().await;
    Ok(())
}

/// This process's resident memory, in bytes (Linux).
pub fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024.0)
}
