//! A plugin as a command is given it: a built file, or what `switchboard build` makes of a folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use super::{flow_file, one_file};
use crate::plugin::manifest::{Manifest, extract};

/// A built plugin.
#[derive(Clone, Debug)]
pub struct Plugin {
    pub bytes: Vec<u8>,
    pub manifest: Manifest,
}

/// The bytes of a built file, of a bot in one file, or of what is built from anything else.
///
/// # Errors
/// What the build says.
pub async fn bytes(path: &Path) -> Result<Vec<u8>> {
    if path.extension() == Some(OsStr::new("wasm")) {
        return tokio::fs::read(path)
            .await
            .with_context(|| format!("cannot read {}", path.display()));
    }
    if one_file::is(path) {
        return one_file::wrap(path).await;
    }
    if flow_file::is_flow(path) {
        return flow_file::bytes(path).await;
    }
    build(path).await
}

/// The same, with its manifest.
///
/// # Errors
/// Also where the manifest does not hold.
pub async fn get(path: &Path) -> Result<Plugin> {
    let bytes = bytes(path).await?;
    let manifest =
        Manifest::parse(&extract(&bytes)?).with_context(|| path.display().to_string())?;
    Ok(Plugin { bytes, manifest })
}

/// Build in a process of its own, whose words are shown when it fails; nothing is left in the folder
/// but what the language's own tools leave there.
async fn build(path: &Path) -> Result<Vec<u8>> {
    let place = tempfile::tempdir().context("no temporary folder")?;
    let out: PathBuf = place.path().join("plugin.wasm");
    let output = Command::new(std::env::current_exe().context("where is this program?")?)
        .arg("build")
        .arg(path)
        .arg("--json")
        .arg("--out")
        .arg(&out)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot start the build")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = words.lines().filter(|line| !is_progress(line)).collect();
        bail!("{}", words.join("\n").trim().trim_start_matches("error: "));
    }
    let line: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let path = line["path"].as_str().map_or(out, PathBuf::from);
    tokio::fs::read(&path).await.with_context(|| format!("cannot read {}", path.display()))
}

/// Lines by which cargo says that it is at work.
fn is_progress(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    let busy = [
        "Compiling",
        "Downloading",
        "Downloaded",
        "Blocking",
        "Updating",
        "Locking",
        "Adding",
        "Fresh",
    ];
    line.starts_with(' ') && busy.contains(&first)
}
