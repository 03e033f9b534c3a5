//! Rust: cargo builds the component by itself.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::project::{Project, put};
use super::sdk;

/// The target that Rust plugins are built for.
const TARGET: &str = "wasm32-wasip2";

/// Small plugins: a fresh instance touches every page it has, its stack's too.
const RUSTFLAGS: &str = "-C\x1flink-arg=-zstack-size=32768";
const PROFILE: [&str; 6] = [
    "profile.plugin.inherits='release'",
    "profile.plugin.opt-level='s'",
    "profile.plugin.lto=true",
    "profile.plugin.codegen-units=1",
    "profile.plugin.strip='debuginfo'",
    "profile.plugin.panic='abort'",
];

/// Build a project and give its component.
///
/// # Errors
/// When Rust or its target is missing, or the program does not hold: cargo's words are on the terminal
/// then.
pub fn build(project: &Project) -> Result<Vec<u8>> {
    if std::fs::read_to_string(project.dir.join("Cargo.toml"))?.contains(SDK) {
        let work = project.work()?.join("rust");
        sdk::write(&work, &sdk::RUST)?;
        put(&work.join("Cargo.toml"), sdk::RUST_WORKSPACE.as_bytes())?;
    }
    let component = cargo_build(&project.dir)?;
    std::fs::read(&component).with_context(|| component.display().to_string())
}

/// Where a project outside this repository finds the SDK.
const SDK: &str = ".switchboard/rust/plugins/sdk/rust";

/// The path of the component that a project makes.
fn cargo_build(dir: &Path) -> Result<PathBuf> {
    let project = dir.join("Cargo.toml");
    ensure!(
        has_target(dir)?,
        "the Rust target {TARGET} is missing: run `rustup target add {TARGET}`"
    );
    let mut cargo = Command::new("cargo");
    cargo.current_dir(dir).args(["build", "--target", TARGET, "--profile", "plugin"]);
    cargo.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    cargo.arg("--message-format=json-render-diagnostics");
    cargo.env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS);
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo: is Rust installed?")?;
    ensure!(output.status.success(), "cargo could not build {}", project.display());
    let project = project.canonicalize()?;
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .find_map(|line| component_of(&serde_json::from_str(line).ok()?, &project))
        .with_context(|| {
            format!(
                "{} builds no component: add `crate-type = [\"cdylib\"]` under [lib]",
                project.display()
            )
        })
}

fn has_target(dir: &Path) -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(dir).args(["--print", "target-libdir", "--target", TARGET]);
    let output =
        rustc.output().context("cannot start rustc: install Rust from https://rustup.rs")?;
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// The component in one of cargo's messages, where it is about this project.
fn component_of(message: &Value, project: &Path) -> Option<PathBuf> {
    if message["reason"] != "compiler-artifact"
        || Path::new(message["manifest_path"].as_str()?) != project
    {
        return None;
    }
    let files =
        message["filenames"].as_array()?.iter().filter_map(|file| file.as_str().map(PathBuf::from));
    files.into_iter().find(|file| file.extension() == Some(OsStr::new("wasm")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_component_is_the_projects_own_and_not_a_dependencys() {
        let message = |manifest: &str, file: &str| {
            json!({
                "reason": "compiler-artifact", "manifest_path": manifest, "filenames": [file],
            })
        };
        let project = Path::new("/bot/Cargo.toml");
        let component = |message: Value| component_of(&message, project);
        assert_eq!(
            component(message("/bot/Cargo.toml", "/t/bot.wasm")),
            Some(PathBuf::from("/t/bot.wasm"))
        );
        assert_eq!(component(message("/bot/Cargo.toml", "/t/libbot.rlib")), None);
        assert_eq!(component(message("/sdk/Cargo.toml", "/t/sdk.wasm")), None);
        assert_eq!(component(json!({"reason": "build-finished", "success": true})), None);
    }
}
