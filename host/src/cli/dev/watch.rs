//! The files of a plugin that is being written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// An editor saves in several steps, and people save several files.
const SETTLE: Duration = Duration::from_millis(100);

/// Folders that tools write into.
const MADE: [&str; 8] =
    ["target", "node_modules", "__pycache__", "dist", "build", "venv", "tests", "out"];

/// Tells when a file was changed.
pub struct Watch {
    watcher: RecommendedWatcher,
    /// The folder, or the one that the file is in.
    folder: PathBuf,
    /// The one file that counts, where a built plugin is watched.
    file: Option<PathBuf>,
    watched: BTreeSet<PathBuf>,
    news: mpsc::UnboundedReceiver<PathBuf>,
    /// A file was changed, and nobody was told yet.
    moved: bool,
}

impl Watch {
    /// # Errors
    /// When there is no such folder or file, or the system watches none.
    pub fn start(path: &Path) -> Result<Self> {
        let path =
            path.canonicalize().with_context(|| format!("there is no {}", path.display()))?;
        let (sender, news) = mpsc::unbounded_channel();
        let tell = move |event: notify::Result<Event>| {
            let Ok(event) = event else { return };
            // Reading is no change, and a build reads everything.
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            for path in event.paths {
                // Nobody listens any more: the program ends.
                let _ = sender.send(path);
            }
        };
        let watcher = notify::recommended_watcher(tell).context("this system watches no files")?;
        let file = path.is_file().then(|| path.clone());
        let folder = if file.is_some() {
            path.parent().map(Path::to_owned).unwrap_or_default()
        } else {
            path
        };
        let mut watch =
            Self { watcher, folder, file, watched: BTreeSet::new(), news, moved: false };
        let folder = watch.folder.clone();
        watch
            .watcher
            .watch(&folder, RecursiveMode::NonRecursive)
            .context("cannot watch the folder")?;
        watch.look_for_folders();
        Ok(watch)
    }

    /// Watch the folders of sources that are there by now.
    pub fn look_for_folders(&mut self) {
        if self.file.is_some() {
            return;
        }
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() && self.counts(&path) && !self.watched.contains(&path) {
                // One that cannot be watched is looked at again next time.
                if self.watcher.watch(&path, RecursiveMode::Recursive).is_ok() {
                    self.watched.insert(path);
                }
            }
        }
    }

    /// Return when a file was changed and nothing has moved for a moment. What was seen is kept where
    /// the wait is dropped in the middle.
    pub async fn changed(&mut self) {
        while !self.moved {
            match self.news.recv().await {
                Some(path) => self.moved = self.counts(&path),
                None => std::future::pending().await,
            }
        }
        while let Ok(Some(_)) = tokio::time::timeout(SETTLE, self.news.recv()).await {}
        self.moved = false;
    }

    fn counts(&self, path: &Path) -> bool {
        match &self.file {
            Some(file) => path == file,
            None => is_source(path.strip_prefix(&self.folder).unwrap_or(path)),
        }
    }
}

/// Whether somebody wrote this file, by its path in the plugin's folder.
fn is_source(path: &Path) -> bool {
    let made = |name: &str| name.starts_with('.') || MADE.contains(&name);
    let named = |name: &std::ffi::OsStr| name.to_str().is_some_and(made);
    let written = path.extension().and_then(std::ffi::OsStr::to_str);
    // What a build leaves, and what editors leave beside a file.
    let passing = matches!(written, Some("wasm" | "lock" | "swp" | "tmp"))
        || path.to_string_lossy().ends_with('~');
    !path.as_os_str().is_empty() && !passing && !path.iter().any(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_is_told_although_a_wait_for_it_was_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut watch = Watch::start(folder.path()).expect("watched");
        std::fs::write(folder.path().join("bot.js"), "a").expect("written");
        while !watch.moved {
            let moment = Duration::from_millis(10);
            let _ = tokio::time::timeout(moment, watch.changed()).await;
        }
        watch.changed().await;
        assert!(!watch.moved);
    }

    #[test]
    fn what_tools_leave_is_no_source() {
        for written in ["src/lib.rs", "plugin.toml", "bot.js", "src/deep/a.py"] {
            assert!(is_source(Path::new(written)), "{written}");
        }
        for left in [
            "target/x/a.rs",
            "a.wasm",
            "Cargo.lock",
            ".git/HEAD",
            "src/.lib.rs.swp",
            "lib.rs~",
            "node_modules/a/b.js",
            "",
        ] {
            assert!(!is_source(Path::new(left)), "{left}");
        }
    }
}
