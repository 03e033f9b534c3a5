//! A bot that is exchanged again and again while messages come.

use std::time::{Duration, Instant};

use anyhow::Result;
use switchboard::clock::Clock;
use switchboard::plugin::manifest::{embed, extract};

use crate::house::{Bench, CHATS, installed};
use crate::{percentile, say};

const MESSAGES: usize = 6_000;
const EVERY: Duration = Duration::from_millis(250);

/// The same steady rate twice: with one version, and with an upload every quarter of a second.
pub async fn run(wasm: &[u8]) -> Result<()> {
    let bench = Bench::start(wasm, Clock::system()).await?;
    let versions = [version(wasm, 1)?, version(wasm, 2)?];
    for version in &versions {
        installed(&bench.running, &bench.team, version.clone()).await?; // compiled before
    }
    let flood = bench.flood(CHATS * 4).await?;
    let rate = (CHATS * 4) as f64 / flood.took.as_secs_f64() / 3.0;
    let still = bench.paced(MESSAGES, rate).await?;
    let (swapped, swaps, slowest) = under_swaps(&bench, &versions, rate).await?;
    // Every message was answered, or the wait would not have ended; and none twice.
    let after = bench.last_seq()?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    anyhow::ensure!(bench.last_seq()? == after, "an answer came twice");
    anyhow::ensure!(still.len() + swapped.len() == MESSAGES * 2, "answers are missing");
    say("messages at a steady rate, versions exchanged meanwhile", format!("{MESSAGES}, {swaps}"));
    for (what, mut waits) in [("with one version", still), ("with exchanges", swapped)] {
        waits.sort_unstable();
        let worst = waits.last().copied().unwrap_or_default();
        say(
            &format!("accepted to delivered {what}: p50, p99, worst"),
            format!("{:.0?} {:.0?} {worst:.0?}", percentile(&waits, 50), percentile(&waits, 99)),
        );
    }
    say("an upload until it runs, the slowest", format!("{slowest:.0?}"));
    bench.running.stop().await;
    Ok(())
}

/// The load while versions are exchanged: how long each message took, how many exchanges, the slowest.
async fn under_swaps(
    bench: &Bench,
    versions: &[Vec<u8>; 2],
    rate: f64,
) -> Result<(Vec<Duration>, usize, Duration)> {
    let (mut swaps, mut slowest) = (0, Duration::ZERO);
    let load = bench.paced(MESSAGES, rate);
    tokio::pin!(load);
    loop {
        tokio::select! {
            waits = &mut load => return Ok((waits?, swaps, slowest)),
            () = tokio::time::sleep(EVERY) => {}
        }
        let begun = Instant::now();
        let upload = installed(&bench.running, &bench.team, versions[swaps % 2].clone());
        tokio::select! {
            waits = &mut load => return Ok((waits?, swaps, slowest)),
            done = upload => done?,
        }
        slowest = slowest.max(begun.elapsed());
        swaps += 1;
    }
}

/// The bot as another version of itself, which is compiled already when it is exchanged.
fn version(wasm: &[u8], number: usize) -> Result<Vec<u8>> {
    let manifest = extract(wasm)?;
    let lines = manifest.lines().map(|line| match line.starts_with("version") {
        true => format!("version = \"0.{number}.0\""),
        false => line.to_owned(),
    });
    Ok(embed(wasm, &lines.collect::<Vec<_>>().join("\n"))?)
}
