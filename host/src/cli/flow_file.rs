//! A flow as a command is given it: a YAML or JSON file, put into the engine that runs flows.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::compiled;
use crate::clock::Clock;
use crate::config::Config;
use crate::plugin::manifest::Source;
use crate::plugin::{PluginError, Runtime};

/// The engine's file: `cargo xtask guests` builds it.
const ENGINE: &str = "flow.wasm";
/// Where to look for it first.
const SETTING: &str = "SWITCHBOARD_FLOW_ENGINE";

/// Whether a file is a flow, by its name.
pub fn is_flow(path: &Path) -> bool {
    let extension = path.extension().and_then(std::ffi::OsStr::to_str);
    matches!(extension, Some("yaml" | "yml" | "json")) && path.is_file()
}

/// The plugin that a flow is.
///
/// # Errors
/// Every line of the flow that does not hold; or that the engine is not there.
pub async fn bytes(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let text =
        tokio::fs::read_to_string(path).await.with_context(|| format!("cannot read {shown}"))?;
    let engine = engine()?;
    let bytes = tokio::fs::read(&engine).await;
    let bytes = bytes.with_context(|| format!("cannot read {}", engine.display()))?;
    let data = tempfile::tempdir().context("no temporary folder")?;
    compiled::share(data.path());
    let config = Config { data: data.path().to_owned(), ..Config::default() };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let source = Source { name, text };
    match Runtime::new(&config, Clock::system())?.wrap(&bytes, &source).await {
        Ok(plugin) => Ok(plugin),
        Err(PluginError::Source(problems)) => {
            let problems: Vec<String> =
                problems.lines().map(|line| format!("{shown}: {line}")).collect();
            Err(anyhow!(problems.join("\n")))
        }
        Err(other) => {
            Err(anyhow::Error::new(other).context(format!("{shown} with {}", engine.display())))
        }
    }
}

/// The engine's file: named by the setting, beside this program, or where a build of it leaves it.
fn engine() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(SETTING) {
        return Ok(PathBuf::from(named));
    }
    let program = std::env::current_exe().context("where is this program?")?;
    let folder = program.parent().unwrap_or(Path::new("."));
    let places = [
        folder.join(ENGINE),
        folder.join("plugins").join(ENGINE),
        folder.join("../plugins").join(ENGINE),
        folder.join("../share/switchboard").join(ENGINE),
    ];
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    bail!(
        "the engine of flows is not there: put {ENGINE} beside {} (in the sources, `cargo xtask guests` builds it into target/plugins), or name it in {SETTING}",
        program.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_known_by_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, flow) in [
            ("a.yaml", true),
            ("a.yml", true),
            ("a.json", true),
            ("a.toml", false),
            ("yaml", false),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, "").expect("written");
            assert_eq!(is_flow(&path), flow, "{name}");
        }
        assert!(!is_flow(folder.path()));
    }
}
