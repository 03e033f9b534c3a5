//! The command line: one file per subcommand.

mod account;
mod api;
mod build;
mod call;
mod called;
mod check;
mod compiled;
mod config;
mod demo;
mod deploy;
mod dev;
mod fire;
mod flow_file;
mod key;
mod logs;
mod message;
mod new;
mod one_file;
mod paint;
mod plugin;
mod plugin_file;
mod plugin_versions;
mod progress;
mod serve;
mod settings;
mod setup;
mod state;
mod table;
mod team;
mod telemetry;
mod test;
mod trace;
mod user;
mod webhook;

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A self-hosted messaging host that runs WhatsApp accounts and WebAssembly plugins.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service (also without a subcommand)
    Serve(serve::Args),
    /// Run the service with a team, a sandbox account and a key to try it
    Demo(demo::Args),
    /// Make a team, a sandbox account and a key where there are none
    Setup(setup::Args),
    /// Look at the settings
    Config(config::Args),
    /// Look after teams, while no service runs on the data folder
    Team(team::Args),
    /// Look after people, while no service runs on the data folder
    User(user::Args),
    /// Look after API keys, while no service runs on the data folder
    Key(key::Args),
    /// Look after accounts on a running service
    Account(account::Args),
    /// Look after webhook endpoints on a running service
    Webhook(webhook::Args),
    /// Send and look at messages on a running service
    Message(message::Args),
    /// Install and look after plugins on a running service
    Plugin(plugin::Args),
    /// What plugins of a running service logged
    Logs(logs::Args),
    /// All that came of one message or event on a running service
    Trace(trace::Args),
    /// Call any operation of a running service's API
    Api(call::Args),
    /// Make one .wasm file of a plugin's folder
    Build(build::Args),
    /// Begin a plugin: a project that builds and holds its own transcript
    New(new::Args),
    /// Write a plugin: built and swapped in at every save, and a chat with it
    Dev(dev::Args),
    /// Look at a plugin as an upload would, and say what to fix
    Check(check::Args),
    /// Play a plugin's transcripts: what customers say, what it must answer
    Test(test::Args),
    /// Build a plugin and make it the version that runs on a service
    Deploy(deploy::Args),
    /// Hand an event to a plugin on a running service: a schedule, a timer, a webhook call
    Fire(fire::Args),
}

/// Run the command; a failure is one line on stderr and exit code 1.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => block_on(serve::run(cli.serve)),
        Some(Command::Serve(args)) => block_on(serve::run(args)),
        Some(Command::Demo(args)) => block_on(demo::run(args)),
        Some(Command::Setup(args)) => block_on(setup::run(args)),
        Some(Command::Config(args)) => block_on(config::run(args)),
        Some(Command::Team(args)) => block_on(team::run(args)),
        Some(Command::User(args)) => block_on(user::run(args)),
        Some(Command::Key(args)) => block_on(key::run(args)),
        Some(Command::Account(args)) => block_on(account::run(args)),
        Some(Command::Webhook(args)) => block_on(webhook::run(args)),
        Some(Command::Message(args)) => block_on(message::run(args)),
        Some(Command::Plugin(args)) => block_on(plugin::run(args)),
        Some(Command::Logs(args)) => block_on(logs::run(args)),
        Some(Command::Trace(args)) => block_on(trace::run(args)),
        Some(Command::Api(args)) => block_on(call::run(args)),
        Some(Command::Build(args)) => build::run(&args),
        Some(Command::New(args)) => new::run(&args),
        Some(Command::Deploy(args)) => block_on(deploy::run(args)),
        Some(Command::Fire(args)) => block_on(fire::run(args)),
        Some(Command::Dev(args)) => block_on(dev::run(args)),
        Some(Command::Check(args)) => block_on(check::run(args)),
        Some(Command::Test(args)) => block_on(test::run(args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_of_all_commands_fit_together() {
        Cli::command().debug_assert();
    }
}
