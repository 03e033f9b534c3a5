//! Builds every plugin of the workspace: the shipped bots, the example, the guests of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{build, steps};

const TARGET: &str = "wasm32-wasip2";

/// Build all plugins into `target/plugins/<package>.wasm` and give their paths, sorted.
///
/// A plugin is a package of the workspace with a `plugin.toml` beside its `Cargo.toml`. All are built
/// by one call of cargo; `switchboard`, the built host, checks each manifest and puts it in. `progress`
/// is told in a few words what comes next.
///
/// # Errors
/// When the target cannot be added, a plugin does not build, or its manifest does not hold.
pub fn build_all(root: &Path, switchboard: &Path, progress: impl Fn(&str)) -> Result<Vec<PathBuf>> {
    add_target(root, &progress)?;
    let guests = find_guests(root)?;
    progress(&format!("building {} plugins", guests.len()));
    let mut cargo = cargo(root);
    cargo.args(["build", "--target", TARGET, "--profile", "plugin"]);
    cargo.args(guests.iter().flat_map(|guest| ["--package", &guest.package]));
    steps::run(&mut cargo)?;
    let out = root.join("target/plugins");
    std::fs::create_dir_all(&out)?;
    progress("putting the manifests in");
    let built = root.join("target").join(TARGET).join("plugin");
    let mut plugins = Vec::with_capacity(guests.len());
    for guest in guests {
        let plugin = out.join(format!("{}.wasm", guest.package));
        let wasm = built.join(format!("{}.wasm", guest.package.replace('-', "_")));
        let mut build = Command::new(switchboard);
        build
            .arg("build")
            .arg(&guest.dir)
            .arg("--wasm")
            .arg(wasm)
            .arg("--out")
            .arg(&plugin)
            .arg("--json");
        let output =
            build.output().with_context(|| format!("cannot start {}", switchboard.display()))?;
        let reason = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", guest.package, reason.trim());
        plugins.push(plugin);
    }
    plugins.sort();
    Ok(plugins)
}

struct Guest {
    package: String,
    dir: PathBuf,
}

/// Every package of the workspace that has a `plugin.toml`.
fn find_guests(root: &Path) -> Result<Vec<Guest>> {
    let output = cargo(root).args(["metadata", "--no-deps", "--format-version=1"]).output()?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let guest = |package: &Value| {
        let dir = Path::new(package["manifest_path"].as_str()?).parent()?.to_owned();
        let package = package["name"].as_str()?.to_owned();
        dir.join("plugin.toml").is_file().then_some(Guest { package, dir })
    };
    Ok(packages.iter().filter_map(guest).collect())
}

fn add_target(root: &Path, progress: impl Fn(&str)) -> Result<()> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(root).args(["--print", "target-libdir", "--target", TARGET]);
    let output =
        rustc.output().context("cannot start rustc: install Rust from https://rustup.rs")?;
    if Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
        return Ok(());
    }
    progress(&format!("adding the Rust target {TARGET}"));
    steps::run(Command::new("rustup").current_dir(root).args(["target", "add", TARGET]))
}

/// Cargo with the flags of `.cargo/config.toml`, which those of the environment would replace.
fn cargo(root: &Path) -> Command {
    let mut cargo = build::cargo(root);
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
}
