//! `cargo xtask test`: everything that the tests need, then every test.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::postgres::Postgres;
use crate::{build, languages, packages, python, steps};

/// What `--fast` leaves out.
const SLOW: [&str; 8] = [
    "crash::",
    "phone::",
    "fuzz::",
    "in_a_browser",
    "languages::",
    "builds::",
    "reference::the_examples",
    "in_javascript_of_the_frozen",
];

/// Those that need the tools of the languages.
const LANGUAGES: [&str; 4] = ["languages::", "builds::", "reference::the_examples", "contract::"];

#[derive(Args)]
pub struct Test {
    /// Leave out the crash test, the browser, the generated requests and the languages.
    #[arg(long)]
    fast: bool,
    /// Only tests whose name contains one of these.
    filter: Vec<String>,
}

impl Test {
    pub fn run(&self, root: &Path) -> Result<()> {
        packages::install_missing()?;
        let switchboard = build::everything(root)?;
        let python = python::environment(root)?;
        let postgres = Postgres::start()?;
        let mut cargo = build::cargo(root);
        cargo.args(["test", "--workspace", "--no-fail-fast"]);
        cargo.env("SWITCHBOARD_TEST_POSTGRES", &postgres.url);
        cargo.env("SWITCHBOARD_TEST_PYTHON", python);
        if LANGUAGES.iter().any(|name| self.wants(name)) {
            cargo.env("SWITCHBOARD_TEST_TOOLS", languages::install(root, &switchboard)?);
        }
        cargo.env("SWITCHBOARD_TEST_PLUGINS", root.join("target/plugins"));
        cargo.arg("--").args(&self.filter);
        if self.fast {
            steps::say(
                "leaving out the crash test, the browser, the generated requests and the languages",
            );
            cargo.args(SLOW.iter().flat_map(|slow| ["--skip", *slow]));
        }
        steps::run(&mut cargo)
    }

    /// Whether tests of this name are among those that run.
    fn wants(&self, name: &str) -> bool {
        let asked = |filter: &String| filter.contains(name) || name.contains(filter.as_str());
        !self.fast && (self.filter.is_empty() || self.filter.iter().any(asked))
    }
}
