//! `switchboard plugin`: look after plugins on a running service, over its API.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Api, Connection};
use super::{fire, plugin_file, plugin_versions};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// What is installed, in the order of the chain
    List,
    /// Install a plugin, or upgrade the one of its name
    Install {
        /// A built plugin, a bot in one file, or a folder to build
        #[arg(value_name = "FILE|DIR")]
        file: PathBuf,
        #[command(flatten)]
        terms: Terms,
    },
    /// Take a plugin away, with its timers, data and secrets
    Remove { plugin: String },
    /// What it logged
    Logs {
        plugin: String,
        /// Go on as it logs more
        #[arg(short, long)]
        follow: bool,
    },
    /// Run the version before this one
    Rollback { plugin: String },
    #[command(flatten)]
    Versions(plugin_versions::Command),
    /// Events that could not be handled, of all plugins or one
    Dead { plugin: Option<String> },
    /// Hand a dead letter (or, with --all, all of a plugin) to the plugin once more
    Replay {
        /// A dead letter's id; with --all a plugin
        id: String,
        #[arg(long)]
        all: bool,
    },
    /// Hand an event to a plugin: a schedule, a timer, a webhook call (as `switchboard fire`)
    Fire(fire::Shot),
}

/// What is agreed to when a plugin is installed.
#[derive(Clone, Debug, clap::Args)]
pub struct Terms {
    /// Agree to all that it asks
    #[arg(long)]
    grant_all: bool,
    /// Serve these accounts only
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
}

impl Terms {
    pub fn grant_all(&self) -> bool {
        self.grant_all
    }
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let api = Api::new(&args.connection)?;
    match args.command {
        Command::List => {
            for plugin in list(&api.get("plugins").await?, "plugins") {
                println!("{}", line(plugin, &["id", "plugin", "version", "state", "reason"]));
            }
        }
        Command::Install { file, terms } => {
            let bytes = plugin_file::bytes(&file).await?;
            let installed = upload(&api, bytes, &terms).await?;
            println!("{}", line(&installed, &["id", "plugin", "version"]));
        }
        Command::Remove { plugin } => {
            api.call(Method::DELETE, &format!("plugins/{plugin}"), None).await?;
        }
        Command::Logs { plugin, follow } => logs(&api, &plugin, follow).await?,
        Command::Rollback { plugin } => {
            let now = api.call(Method::POST, &format!("plugins/{plugin}/rollback"), None).await?;
            println!("{}", line(&now, &["plugin", "version"]));
        }
        Command::Versions(command) => plugin_versions::run(&api, command).await?,
        Command::Dead { plugin } => {
            let filter = plugin.map(|plugin| format!("?plugin={plugin}")).unwrap_or_default();
            for letter in list(&api.get(&format!("dead-letters{filter}")).await?, "deadLetters") {
                println!("{}", line(letter, &["id", "createdAt", "plugin", "fault", "reason"]));
            }
        }
        Command::Fire(shot) => fire::fire(&api, shot, false).await?,
        Command::Replay { id, all } => {
            let path = if all {
                format!("plugins/{id}/replay")
            } else {
                format!("dead-letters/{id}/replay")
            };
            let done = api.call(Method::POST, &path, Some(json!({}))).await?;
            println!("replayed: {}", done["replayed"]);
        }
    }
    Ok(())
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

/// These fields with tabs between them.
fn line(item: &Value, fields: &[&str]) -> String {
    let text = |field: &&str| item[*field].as_str().unwrap_or_default().to_owned();
    fields.iter().map(text).collect::<Vec<_>>().join("\t")
}

/// Hand a built plugin to the service, which runs it from the next event on.
pub async fn upload(api: &Api, bytes: Vec<u8>, terms: &Terms) -> anyhow::Result<Value> {
    let mut query = Vec::new();
    if terms.grant_all {
        query.push(("grant", "all".to_owned()));
    }
    if !terms.account.is_empty() {
        query.push(("account", terms.account.join(",")));
    }
    let request = api.request(Method::POST, "plugins").query(&query).body(bytes);
    api.answer(request).await.context("not installed")
}

async fn logs(api: &Api, plugin: &str, follow: bool) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let answer = api.get(&format!("plugins/{plugin}/logs?limit=1000&after={after}")).await?;
        let lines = list(&answer, "logs");
        for entry in lines {
            println!("{}", line(entry, &["at", "level", "message"]));
        }
        answer["pagination"]["next"].as_str().unwrap_or_default().clone_into(&mut after);
        if lines.is_empty() {
            if !follow {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_fields_in_order_and_blanks_for_what_is_absent() {
        let item = json!({ "id": "a", "version": "1.0.0", "reason": null });
        assert_eq!(line(&item, &["id", "reason", "version"]), "a\t\t1.0.0");
    }
}
