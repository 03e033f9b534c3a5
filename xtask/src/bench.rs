//! `cargo xtask bench`: the figures of docs/performance.md, measured again.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{build, steps};

const RUNS: [&str; 8] =
    ["flood", "memory", "installs", "swap", "languages", "lists", "pending", "notices"];

#[derive(Args)]
pub struct Bench {
    /// Messages of the end-to-end run.
    #[arg(long, default_value_t = 20_000)]
    messages: usize,
    /// Messages stored, and then as many pending, for what must not depend on how many there are.
    #[arg(long, default_value_t = 1_000_000)]
    stored: usize,
    /// One run: flood, memory, installs, swap, languages, lists, pending or notices.
    #[arg(long)]
    only: Option<String>,
}

impl Bench {
    pub fn run(&self, root: &Path) -> Result<()> {
        build::everything(root)?;
        steps::say("building what measures");
        // The dev profile's dependencies are optimised and built already; the host joins them. The
        // whole workspace is named, as for the tests, so that nothing else is built anew.
        let mut cargo = build::cargo(root);
        cargo.args(["build", "--workspace", "--examples"]);
        steps::run(cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "3"))?;

        let plugins = root.join("target/plugins");
        let examples = root.join("target/debug/examples");
        for run in RUNS {
            if self.only.as_deref().is_some_and(|only| only != run) {
                continue;
            }
            let mut host = Command::new(examples.join("bench"));
            host.arg(run).env("SWITCHBOARD_TEST_PLUGINS", &plugins);
            host.env("SWITCHBOARD", root.join("target/debug/switchboard"));
            host.env("SWITCHBOARD_EXAMPLES", root.join("examples"));
            host.env("SWITCHBOARD_TOOLS", root.join("target/languages"));
            host.env("SWITCHBOARD_BENCH_MESSAGES", self.messages.to_string());
            steps::run(host.env("SWITCHBOARD_BENCH_STORED", self.stored.to_string()))?;
        }
        if self.only.is_some() {
            return Ok(());
        }
        let mut call = Command::new(examples.join("bench_call"));
        steps::run(call.arg(plugins.join("echo.wasm")))
    }
}
