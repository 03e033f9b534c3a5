//! Running a language's tools, and installing them where they are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::project::put;

/// Where a program is, as a shell would find it.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Run a tool whose own words go to the terminal; `what` says in three words what it does.
///
/// # Errors
/// When it cannot be started, or fails: then its own words say why.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    // What a tool prints is not the result of this program.
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let program = command.get_program().to_string_lossy().into_owned();
    let status = status.with_context(|| format!("cannot start {program}"))?;
    ensure!(status.success(), "{what} failed: see the message above");
    Ok(())
}

/// Install tools into a folder, once: `made` in it says which are there.
///
/// # Errors
/// When `install` fails.
pub fn install(folder: &Path, wanted: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let made = folder.join("installed");
    if std::fs::read_to_string(&made).is_ok_and(|is| is == wanted) {
        return Ok(());
    }
    eprintln!("installing {wanted} into {}", folder.display());
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    install()?;
    put(&made, wanted.as_bytes())
}
