//! `cargo xtask bench`: the figures of docs/performance.md, measured again.

use std::path::Path;
use std::process::Command;

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
        steps::say("building what measures");
        // The dev profile's dependencies are optimised and built already; the host joins them. The
        // whole workspace is named, as for the tests, so that nothing else is built anew.
        let mut cargo = build::cargo(root);
        cargo.args(["build", "--workspace", "--examples"]);
        steps::run(cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "3"))?;

        let plugins = root.join("target/plugins");
        let examples = root.join("target/debug/examples");
        let mut host = Command::new(examples.join("bench"));
        host.env("SWITCHBOARD_TEST_PLUGINS", &plugins);
        steps::run(host.env("SWITCHBOARD_BENCH_MESSAGES", self.messages.to_string()))?;
        let mut call = Command::new(examples.join("bench_call"));
        steps::run(call.arg(plugins.join("echo.wasm")))
    }
}
