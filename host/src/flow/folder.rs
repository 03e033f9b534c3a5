//! The watched folder: a `.wasm`, or a bot in one file, put there is installed, or upgraded, for the first team.
//!
//! News from the system is only a hint to look: a file is taken when two looks find it unchanged, so
//! a copy under way is left alone, and a system that tells nothing costs a few seconds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::House;
use super::install::{Actor, Consent, Upload, open, upload};
use crate::plugin::Bare;
use crate::store::team;

/// Files belong to the world outside, so these run on real time.
const SETTLE: Duration = Duration::from_millis(300);
const LOOK: Duration = Duration::from_secs(5);

/// What a file looked like.
type Look = (u64, Option<SystemTime>);

/// Watch `plugins.watch` until told to stop; nothing where it is empty.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    let folder = house.config.plugins.watch.clone();
    if folder.as_os_str().is_empty() {
        return;
    }
    if let Err(error) = std::fs::create_dir_all(&folder) {
        tracing::error!(folder = %folder.display(), %error, "cannot watch plugins.watch");
        return;
    }
    let told = Arc::new(Notify::new());
    let _watcher = watcher(&folder, told.clone());
    tracing::info!(folder = %folder.display(), "plugins put here are installed");
    let mut known = Known::default();
    loop {
        let unsettled = known.look(&house, &folder).await;
        let wait = if unsettled { SETTLE } else { LOOK };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            () = told.notified(), if !unsettled => {}
        }
    }
}

fn watcher(folder: &Path, told: Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let watcher =
        notify::recommended_watcher(move |_| told.notify_one()).and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
    watcher.inspect_err(|error| tracing::warn!(%error, "the system tells no news of files; looking now and then")).ok()
}

#[derive(Default)]
struct Known {
    /// What each file looked like at the last look.
    seen: BTreeMap<PathBuf, Look>,
    /// What it looked like when it was taken (or refused).
    taken: BTreeMap<PathBuf, Look>,
}

impl Known {
    /// Install what is new and settled; true where something is still changing.
    async fn look(&mut self, house: &House, folder: &Path) -> bool {
        let now = plugin_files(folder);
        self.taken.retain(|path, _| now.contains_key(path));
        let mut unsettled = false;
        for (path, look) in &now {
            if self.taken.get(path) == Some(look) {
                continue;
            }
            if self.seen.get(path) != Some(look) {
                unsettled = true;
            } else if install(house, path).await {
                self.taken.insert(path.clone(), *look);
            }
        }
        self.seen = now;
        unsettled
    }
}

/// In order of their names, so that a full folder makes the same chain everywhere.
fn plugin_files(folder: &Path) -> BTreeMap<PathBuf, Look> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            let is_wasm = path.extension().is_some_and(|extension| extension == "wasm");
            is_wasm || Bare::of(path).is_some()
        })
        .filter_map(|path| {
            let about = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
            Some((path, (about.len(), about.modified().ok())))
        })
        .collect()
}

/// True when the file was dealt with; false to try again at the next look.
async fn install(house: &House, path: &Path) -> bool {
    let file = path.display().to_string();
    let team_id = match first_team(house).await {
        Ok(Some(team_id)) => team_id,
        Ok(None) => {
            tracing::info!(file, "waits for the first team: make one with `switchboard team add`");
            return false;
        }
        Err(error) => {
            tracing::error!(file, error = format!("{error:#}"), "cannot install now");
            return false;
        }
    };
    let bytes = match tokio::fs::read(path).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::warn!(file, %error, "cannot read the plugin");
            return false;
        }
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let installed = async {
        let bytes = open(house, name, bytes).await?;
        let new = Upload { bytes, consent: Consent::All, accounts: None, config: None };
        upload(house, &Actor::new(team_id, Actor::FOLDER), new).await
    };
    match installed.await {
        Ok(install) => {
            tracing::info!(
                file,
                plugin = install.plugin,
                version = install.version,
                generation = install.generation,
                "installed"
            );
        }
        Err(error) => {
            tracing::error!(file, code = error.code(), %error, "not installed; what ran before runs on")
        }
    }
    true
}

async fn first_team(house: &House) -> anyhow::Result<Option<String>> {
    Ok(team::first(&mut *house.store.read().await?).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plugin_files_are_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.wasm"), "x").expect("written");
        std::fs::write(folder.path().join("b.txt"), "x").expect("written");
        std::fs::write(folder.path().join("d.ts"), "x").expect("written");
        std::fs::create_dir(folder.path().join("c.wasm")).expect("made");
        let found: Vec<PathBuf> = plugin_files(folder.path()).into_keys().collect();
        assert_eq!(found, [folder.path().join("a.wasm"), folder.path().join("d.ts")]);
    }
}
