//! `cargo xtask engine`: the components that bots in one file need, kept in `plugins/sdk/engine`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{bindings, steps};

/// A file beside the components with the hash of the contract that they were made for.
const STAMP: &str = "contract.sha256";

/// Parsing types takes more stack than plugins have.
const STACK: &str = "-C link-arg=-zstack-size=2097152";

#[derive(clap::Args)]
pub struct Engine {
    /// Also what takes types out of TypeScript, which is not of the contract.
    #[arg(long)]
    typescript: bool,
}

/// Make them anew. Each is made by a package of its own, outside the workspace: what they need is built
/// here and nowhere else.
///
/// # Errors
/// When a package cannot be fetched or built.
pub fn make(root: &Path, asked: &Engine) -> Result<()> {
    let (folder, target) = (root.join("plugins/sdk/engine"), root.join("target/engine"));
    let cargo = |task: &str, manifest: &str| {
        let mut cargo = Command::new("cargo");
        cargo.arg(task).arg("--manifest-path").arg(folder.join(manifest));
        cargo.arg("--locked").arg("--quiet").arg("--target-dir").arg(&target);
        cargo
    };
    steps::run_quietly("making the engine of scripts", &mut cargo("run", "Cargo.toml"))?;
    std::fs::write(folder.join(STAMP), format!("{}\n", bindings::contract(root)?))?;
    if !asked.typescript {
        return Ok(());
    }
    let mut typescript = cargo("build", "typescript/Cargo.toml");
    typescript.args(["--release", "--target", "wasm32-wasip2"]).env("RUSTFLAGS", STACK);
    steps::run_quietly("making what takes out types; this takes minutes", &mut typescript)?;
    let made = target.join("wasm32-wasip2/release/typescript.wasm");
    std::fs::copy(made, folder.join("typescript.wasm"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_that_of_the_contract() {
        let root = crate::root();
        let stamp = std::fs::read_to_string(root.join("plugins/sdk/engine").join(STAMP));
        let contract = bindings::contract(&root).expect("the contract can be read");
        assert_eq!(stamp.expect("a stamp").trim(), contract, "run `cargo xtask engine`");
    }
}
