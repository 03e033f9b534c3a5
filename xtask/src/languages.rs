//! The tools of the languages that plugins are written in, in `target/languages`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::steps;

/// An example of each language whose tools `switchboard build` installs by itself.
const EXAMPLES: [&str; 2] = ["javascript", "python"];

/// Build an example of each, which installs what is missing; gives the folder of the tools. The plugins
/// are in `target/plugins`.
///
/// # Errors
/// When a tool cannot be fetched, or an example does not build.
pub fn install(root: &Path, switchboard: &Path) -> Result<PathBuf> {
    let tools = root.join("target/languages");
    for example in EXAMPLES {
        let mut build = Command::new(switchboard);
        build.arg("build").arg(root.join("examples").join(example)).arg("--tools").arg(&tools);
        build.arg("--out").arg(root.join(format!("target/plugins/echo-{example}.wasm")));
        steps::run_quietly(&format!("building a plugin in {example}"), &mut build)?;
    }
    Ok(tools)
}
