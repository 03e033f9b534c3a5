//! Compiled plugins, kept for the next run of a command that starts a house for a moment: compiling
//! a large one takes seconds, loading it milliseconds.

use std::fs;
use std::path::{Path, PathBuf};

/// More files than this are not kept; each version of a plugin has two.
const MOST: usize = 128;

/// Let a house on this data folder find and keep compiled plugins in the user's cache folder. Where
/// there is none it compiles anew.
pub fn share(data: &Path) {
    let Some(folder) = folder() else { return };
    prune(&folder);
    // A cache that cannot be used costs time only.
    let _ = std::os::unix::fs::symlink(&folder, data.join("plugins"));
}

/// `$XDG_CACHE_HOME/switchboard/plugins`, the user's own: what lies there is run.
fn folder() -> Option<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;

    let named =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let folder = cache.join("switchboard/plugins");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
    is_private(&folder).then_some(folder)
}

/// Compiled code is trusted: nobody else may write it.
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    fs::metadata(folder).is_ok_and(|about| about.permissions().mode() & 0o022 == 0)
}

/// Drop the files unused for longest.
fn prune(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    for (_, path) in files.iter().take(files.len().saturating_sub(MOST)) {
        let _ = fs::remove_file(path);
    }
}
