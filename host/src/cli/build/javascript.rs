//! JavaScript and TypeScript: esbuild bundles (and strips types), QuickJS runs what comes out.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::project::{Project, put};
use super::world::{self, Chance};
use super::{sdk, tools};
use crate::plugin::manifest::Language;

/// The tools, from npm.
const PACKAGES: [&str; 2] = ["componentize-qjs@0.4.5", "esbuild@0.25.12"];

/// Build a project and give its component.
///
/// # Errors
/// When node is missing, a package cannot be fetched, or the program does not hold: the tool's words
/// are on the terminal then.
pub fn build(project: &Project, language: Language) -> Result<Vec<u8>> {
    let entry = project.entry(language)?;
    let handlers = world::handlers(&project.manifest)?;
    let work = project.work()?;
    let wit = work.join("javascript/wit");
    world::write(&wit, &handlers, Chance::Imported)?;
    sdk::write(&project.dir.join("node_modules/switchboard-sdk"), &sdk::JAVASCRIPT)?;
    let tool = work.join("javascript/build.mjs");
    put(&tool, sdk::JAVASCRIPT_BUILD.as_bytes())?;
    let node = tools::find("node").context(
        "JavaScript needs Node.js 20 or newer to build: install it from https://nodejs.org",
    )?;
    install_tools(&project.tools.join("javascript"))?;
    install_dependencies(&project.dir)?;

    let component = work.join("javascript/component.wasm");
    let asked = json!({
        "dir": project.dir,
        "entry": entry,
        "handlers": handlers.iter().map(|on| on.as_str()).collect::<Vec<_>>(),
        "wit": wit,
        "world": world::NAME,
        "tools": project.tools.join("javascript"),
        "out": component,
    });
    let mut command = Command::new(node);
    command.arg(tool).arg(asked.to_string()).current_dir(&project.dir);
    tools::run(&format!("building {}", entry.display()), &mut command)?;
    std::fs::read(&component).with_context(|| component.display().to_string())
}

fn install_tools(folder: &Path) -> Result<()> {
    tools::install(folder, &PACKAGES.join(" "), || {
        put(&folder.join("package.json"), b"{\"private\":true,\"type\":\"module\"}\n")?;
        tools::run("npm install", npm().args(["install"]).args(PACKAGES).current_dir(folder))
    })
}

/// What the project's own package.json asks for, where it was not fetched yet.
fn install_dependencies(dir: &Path) -> Result<()> {
    let package = std::fs::read(dir.join("package.json")).unwrap_or_default();
    let package: Value = serde_json::from_slice(&package).unwrap_or_default();
    let names = ["dependencies", "devDependencies"]
        .into_iter()
        .filter_map(|kind| package[kind].as_object());
    let missing = names
        .flat_map(|names| names.keys())
        .any(|name| !dir.join("node_modules").join(name).exists());
    if !missing {
        return Ok(());
    }
    tools::run("npm install", npm().arg("install").current_dir(dir))?;
    // npm takes away what it did not bring.
    sdk::write(&dir.join("node_modules/switchboard-sdk"), &sdk::JAVASCRIPT)
}

fn npm() -> Command {
    let mut npm = Command::new("npm");
    npm.args(["--no-fund", "--no-audit", "--no-update-notifier", "--loglevel=error"]);
    npm
}
