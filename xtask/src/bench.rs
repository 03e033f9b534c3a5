//! `cargo xtask bench`: the figures of docs/performance.md, measured again.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::{build, steps};

#[derive(Args)]
pub struct Bench {
    /// Messages of the end-to-end run.
    #[arg(long, default_value_t = 20_000)]
    messages: usize,
}

impl Bench {
    pub fn run(&self, root: &Path) -> Result<()> {
        build::everything(root)?;
        let plugins = root.join("target/plugins");
        let echo = plugins.join("echo.wasm").display().to_string();
        for (example, arguments) in [("bench", None), ("bench_call", Some(echo))] {
            steps::say(&format!("measuring: {example}"));
            let mut cargo = build::cargo(root);
            cargo.args(["run", "--quiet", "--package", "switchboard", "--example", example]);
            cargo.arg("--").args(arguments);
            // The dev profile's dependencies are optimised and built already; the host joins them.
            cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "3");
            cargo.env("SWITCHBOARD_TEST_PLUGINS", &plugins);
            cargo.env("SWITCHBOARD_BENCH_MESSAGES", self.messages.to_string());
            steps::run(&mut cargo)?;
        }
        Ok(())
    }
}
