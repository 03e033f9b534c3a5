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
        for example in ["bench", "bench_call"] {
            let mut cargo = build::cargo(root);
            cargo.args([
                "run",
                "--release",
                "--quiet",
                "--package",
                "switchboard",
                "--example",
                example,
            ]);
            cargo.env("SWITCHBOARD_TEST_PLUGINS", &plugins);
            cargo.env("SWITCHBOARD_BENCH_MESSAGES", self.messages.to_string());
            steps::say(&format!("measuring: {example}, in the release profile"));
            steps::run(&mut cargo)?;
        }
        Ok(())
    }
}
