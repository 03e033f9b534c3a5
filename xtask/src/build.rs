//! Builds the host and the plugins.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{guests, steps};

/// Build the host and all plugins. The host comes in the dev profile: its dependencies are optimised
/// there too, it is built sooner than in release, and the tests use the same one. So that they do,
/// the whole workspace is named here as there: cargo unites features over what is named. Gives the
/// path of the program `switchboard`; the plugins are in `target/plugins`.
pub fn everything(root: &Path) -> Result<PathBuf> {
    steps::say("building the host; the first time takes some minutes");
    steps::run(cargo(root).args(["build", "--workspace", "--bins"]))?;
    let host = root.join("target/debug/switchboard");
    guests::build_all(root, &host, steps::say)?;
    Ok(host)
}

/// Cargo as a person would call it in the workspace's folder.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).env("CARGO_TARGET_DIR", root.join("target"));
    // What the cargo that started this program said of it: build scripts that look at it would run
    // again, and with them half of the dependencies.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}
