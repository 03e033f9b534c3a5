//! `switchboard plugin`: look after plugins on a running service, over its API.

use std::path::PathBuf;

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Api, Remote, part};
use super::{fire, logs, plugin_file, plugin_versions, state, table};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
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
        #[command(flatten)]
        wanted: logs::Wanted,
    },
    /// What its calls came to: in the last hour, in a day, and since it was installed
    Stats { plugin: String },
    /// What it keeps; seen and edited, out and in
    State(state::Args),
    /// Run the version before this one
    Rollback { plugin: String },
    #[command(flatten)]
    Versions(plugin_versions::Command),
    /// Events that could not be handled, of all plugins or one; or one of them whole
    Dead {
        /// A plugin's name or id, or a dead letter's id
        which: Option<String>,
    },
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
    let (api, json) = (Api::new(&args.remote.connection)?, args.remote.json);
    match args.command {
        Command::List => {
            let columns = ["id", "plugin", "version", "state", "reason"];
            lines(json, list(&api.get("plugins").await?, "plugins"), &columns);
        }
        Command::Install { file, terms } => {
            let bytes = plugin_file::bytes(&file).await?;
            let installed = upload(&api, bytes, &terms).await?;
            lines(json, &[installed], &["id", "plugin", "version"]);
        }
        Command::Remove { plugin } => {
            api.call(Method::DELETE, &format!("plugins/{plugin}"), None).await?;
        }
        Command::Logs { plugin, wanted } => logs::show(&api, json, Some(&plugin), &wanted).await?,
        Command::State(args) => state::run(&api, json, args).await?,
        Command::Stats { plugin } => {
            stats(json, &api.get(&format!("plugins/{}/stats", part(&plugin))).await?);
        }
        Command::Rollback { plugin } => {
            let now = api.call(Method::POST, &format!("plugins/{plugin}/rollback"), None).await?;
            lines(json, &[now], &["plugin", "version"]);
        }
        Command::Versions(command) => plugin_versions::run(&api, command).await?,
        Command::Dead { which: Some(id) } if id.starts_with("dead_") => {
            dead_letter(json, &api.get(&format!("dead-letters/{}", part(&id))).await?);
        }
        Command::Dead { which } => {
            let filter =
                which.map(|plugin| format!("?plugin={}", part(&plugin))).unwrap_or_default();
            let columns = ["id", "createdAt", "plugin", "fault", "reason"];
            let found = api.get(&format!("dead-letters{filter}")).await?;
            lines(json, list(&found, "deadLetters"), &columns);
        }
        Command::Fire(shot) => fire::fire(&api, shot, false).await?,
        Command::Replay { id, all } => {
            let path = if all {
                format!("plugins/{id}/replay")
            } else {
                format!("dead-letters/{id}/replay")
            };
            let done = api.call(Method::POST, &path, Some(json!({}))).await?;
            if json { println!("{done}") } else { println!("replayed: {}", done["replayed"]) }
        }
    }
    Ok(())
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

/// These fields with tabs between them.
fn line(item: &Value, fields: &[&str]) -> String {
    let text = |field: &&str| table::cell(&item[*field]);
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

/// Print these: lines with tabs, or JSON.
fn lines(json: bool, items: &[Value], columns: &[&str]) {
    if json {
        table::list(true, items, columns);
        return;
    }
    for item in items {
        println!("{}", line(item, columns));
    }
}

/// Print figures: a row a figure, a column a time.
fn stats(json: bool, stats: &Value) {
    if json {
        println!("{stats}");
        return;
    }
    let times = ["hour", "day", "total"];
    let figures = stats["total"].as_object().into_iter().flat_map(serde_json::Map::keys);
    let rows = figures.map(|figure| {
        let mut row = json!({ "figure": figure });
        for time in times {
            row[time] = match &stats[time][figure] {
                Value::Array(ended) => {
                    let each = ended
                        .iter()
                        .map(|one| format!("{} {}", table::cell(&one["outcome"]), one["calls"]));
                    each.collect::<Vec<_>>().join(", ").into()
                }
                value => value.clone(),
            };
        }
        row
    });
    table::list(false, &rows.collect::<Vec<_>>(), &["figure", "hour", "day", "total"]);
}

/// Print a dead letter whole: what came, each attempt, where it broke, what was logged.
fn dead_letter(json: bool, letter: &Value) {
    if json {
        println!("{letter}");
        return;
    }
    let mut head = letter.clone();
    for part in ["backtrace", "input", "failures", "logs"] {
        head.as_object_mut().map(|head| head.remove(part));
    }
    table::one(false, &head);
    println!("\nattempts");
    table::list(
        false,
        list(letter, "failures"),
        &["attempt", "at", "wallMicros", "fault", "reason"],
    );
    let backtrace = letter["backtrace"].as_str().unwrap_or_default();
    let backtrace = backtrace.chars().filter(|c| *c == '\n' || !c.is_control()).collect::<String>();
    if !backtrace.is_empty() {
        println!("\n{}", backtrace.trim_end());
    }
    println!("\nlog");
    lines(false, list(letter, "logs"), &["at", "level", "message"]);
    println!("\nevent\n{:#}", letter["input"]);
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
