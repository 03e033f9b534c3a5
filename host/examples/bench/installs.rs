//! Many installs on one host: how soon it is ready, and what each keeps in memory.

use std::time::Instant;

use anyhow::{Context, Result};
use switchboard::App;
use switchboard::clock::Clock;
use switchboard::flow::House;
use switchboard::plugin::manifest::{embed, extract};
use switchboard::store::plugin::{self, InstallRow, Version};
use switchboard::store::team;

use crate::house::{Bench, config, incoming, installed};
use crate::memory::resident;
use crate::say;

const PLUGINS: usize = 50;
const TEAMS: usize = 200;

/// Fifty plugins, of which each of two hundred teams has all: written, and the host started anew.
pub async fn run(wasm: &[u8]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = config(folder.path())?;
    let running = App::start(settings.clone(), Clock::system()).await?;
    let mut bench = Bench::on(running, wasm, folder).await?;
    for number in 1..PLUGINS {
        installed(&bench.running, &bench.team, variant(wasm, number)?).await?;
    }
    let teams = spread(&bench.running.house, &bench.team).await?;
    bench.running.stop().await;

    let begun = Instant::now();
    bench.running = App::start(settings, Clock::system()).await?;
    let up = begun.elapsed();
    // The first message calls each plugin of the team: all of them are in memory then.
    let after = bench.last_seq()?;
    let sandbox = &bench.running.house.channels.sandbox;
    sandbox.incoming(&bench.account, incoming(0, "hello")).await?;
    bench.delivered(after, PLUGINS, |_| {}).await?;
    let before = resident()?;
    for team in &teams {
        let house = &bench.running.house;
        let read = house.registry.team(&house.store, team).await?;
        anyhow::ensure!(read.installs.len() == PLUGINS, "{team} has {}", read.installs.len());
    }
    let ready = begun.elapsed();
    let each = (resident()? - before) / (TEAMS * PLUGINS) as f64;
    let count = TEAMS * PLUGINS;
    say(&format!("{count} installs of {PLUGINS} plugins: start to listening"), format!("{up:.1?}"));
    say("the same, until every plugin and install is in memory", format!("{ready:.1?}"));
    say("memory for one idle install, beyond the plugins", format!("{:.1} KiB", each / 1024.0));
    bench.running.stop().await;
    Ok(())
}

/// The same bot as another plugin, whose code is compiled by itself.
pub fn variant(wasm: &[u8], number: usize) -> Result<Vec<u8>> {
    let manifest = extract(wasm)?;
    let id = manifest.lines().find(|line| line.starts_with("id")).context("an id")?;
    let name = format!("id = \"echo-{number}\"");
    let mut other = wasm.to_vec();
    // A section of our own, of one byte's length in both places.
    let text = format!("bench-{number}");
    let length = u8::try_from(text.len())?;
    other.extend([0, length + 1, length]);
    other.extend(text.as_bytes());
    Ok(embed(&other, &manifest.replace(id, &name))?)
}

/// Give many teams what one team has; gives their ids.
async fn spread(house: &House, from: &str) -> Result<Vec<String>> {
    let rows = plugin::installs(&mut *house.store.read().await?, from).await?;
    let mut teams = Vec::with_capacity(TEAMS);
    for _ in 0..TEAMS {
        let team_id = house.clock.id("team");
        let mut tx = house.store.begin().await?;
        team::insert(&mut tx, &team_id, "bench", house.clock.now()).await?;
        for row in &rows {
            let (id, now) = (house.clock.id("plg"), row.created_at);
            let plugin_id = plugin::ensure(&mut tx, &id, &team_id, &row.plugin, now).await?;
            let version = Version {
                id: house.clock.id("ver"),
                team_id: team_id.clone(),
                plugin_id: plugin_id.clone(),
                version: row.version.clone(),
                hash: row.hash.clone(),
                size: 0,
                manifest: row.manifest.clone(),
                created_at: now,
            };
            let version = plugin::ensure_version(&mut tx, &version).await?;
            let install = InstallRow {
                id: house.clock.id("ins"),
                team_id: team_id.clone(),
                plugin_id,
                version_id: version.id,
                ..row.clone()
            };
            plugin::put_install(&mut tx, &install).await?;
        }
        house.commit(tx).await?;
        teams.push(team_id);
    }
    Ok(teams)
}
