//! The project's own commands: `cargo xtask demo | test | bench | guests | bindings | engine | freeze`.

mod bench;
mod bindings;
mod build;
mod demo;
mod engine;
mod freeze;
mod guests;
mod languages;
mod packages;
mod postgres;
mod python;
mod steps;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Switchboard's own commands")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and start a host with a phone to try it with.
    Demo(demo::Demo),
    /// Install what the tests need, build everything, and run every test.
    Test(test::Test),
    /// Measure, and print the figures as a table.
    Bench(bench::Bench),
    /// Build all plugins into target/plugins.
    Guests,
    /// Make the bindings of the C SDK anew, after a change of wit/.
    Bindings,
    /// Make the components of bots in one file anew, after a change of wit/.
    Engine(engine::Engine),
    /// Copy the contract into wit/frozen, where what was published never changes.
    Freeze {
        /// Replace a copy whose version was not published yet.
        #[arg(long)]
        again: bool,
    },
}

fn main() -> ExitCode {
    let root = root();
    let done = match Xtask::parse().command {
        Command::Demo(demo) => demo.run(&root),
        Command::Test(test) => test.run(&root),
        Command::Bench(bench) => bench.run(&root),
        Command::Bindings => bindings::generate(&root),
        Command::Engine(engine) => engine::make(&root, &engine),
        Command::Freeze { again } => freeze::copy(&root, again),
        Command::Guests => build::everything(&root).map(|_| ()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
