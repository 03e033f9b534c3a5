//! `switchboard plugin versions | activate | dry-run | history`: what runs, what could, and who changed it.

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Api, part};
use super::table;

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// What was uploaded, newest first
    Versions {
        plugin: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run an uploaded version from the next event on
    Activate {
        plugin: String,
        /// A version's id, or its number (the newest upload of it)
        version: String,
        /// Agree to all that it asks
        #[arg(long)]
        grant_all: bool,
    },
    /// Hand the last events to an uploaded version, and show what it would do
    DryRun {
        plugin: String,
        /// A version's id, or its number (the newest upload of it)
        version: String,
        /// How many events
        #[arg(long, default_value_t = 20, value_name = "N")]
        last: usize,
        /// As if all that it asks were agreed to
        #[arg(long)]
        grant_all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Who changed what, newest first
    History {
        plugin: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(api: &Api, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Versions { plugin, json } => {
            let path = format!("plugins/{}/versions", part(&plugin));
            let versions = api.list(&path, "versions", &[], usize::MAX).await?;
            table::list(json, &versions, &["id", "version", "active", "size", "createdAt"]);
        }
        Command::Activate { plugin, version, grant_all } => {
            let version = version_id(api, &plugin, &version).await?;
            let mut body = json!({ "version": version });
            if grant_all {
                body["grant"] = "all".into();
            }
            let now = api.post(&format!("plugins/{}/activate", part(&plugin)), body).await?;
            println!("{} {} runs", text(&now["plugin"]), text(&now["version"]));
        }
        Command::DryRun { plugin, version, last, grant_all, json } => {
            let version = version_id(api, &plugin, &version).await?;
            let report = dry_run(api, &plugin, &version, last, grant_all).await?;
            show(json, &report);
        }
        Command::History { plugin, json } => {
            let path = format!("plugins/{}/history", part(&plugin));
            let mut changes = api.list(&path, "changes", &[], 1_000).await?;
            for change in &mut changes {
                if change["whoName"] != "" {
                    change["who"] = change["whoName"].clone();
                }
            }
            table::list(json, &changes, &["at", "change", "version", "who", "details"]);
        }
    }
    Ok(())
}

async fn version_id(api: &Api, plugin: &str, named: &str) -> anyhow::Result<String> {
    let path = format!("plugins/{}/versions", part(plugin));
    let versions = api.list(&path, "versions", &[], usize::MAX).await?;
    let found = versions.iter().find(|it| it["id"] == named || it["version"] == named);
    let found = found.and_then(|version| version["id"].as_str()).map(str::to_owned);
    found.with_context(|| {
        format!("{plugin} has no version {named:?}: see `switchboard plugin versions {plugin}`")
    })
}

/// Upload a version that does not run yet; gives its id.
pub async fn keep(api: &Api, plugin: &str, bytes: Vec<u8>) -> anyhow::Result<String> {
    let path = format!("plugins/{}/versions", part(plugin));
    let kept = api.answer(api.request(Method::POST, &path).body(bytes)).await?;
    kept["id"].as_str().map(str::to_owned).context("the service named no version")
}

pub async fn dry_run(
    api: &Api,
    plugin: &str,
    version: &str,
    last: usize,
    grant_all: bool,
) -> anyhow::Result<Value> {
    let mut body = json!({ "version": version, "last": last });
    if grant_all {
        body["grant"] = "all".into();
    }
    api.post(&format!("plugins/{}/dry-run", part(plugin)), body).await
}

/// Print a report: what differs event by event, then the sum.
pub fn show(json: bool, report: &Value) {
    if json {
        println!("{report}");
        return;
    }
    let trials = report["trials"].as_array().map_or(&[][..], Vec::as_slice);
    for trial in trials {
        print!("{}", told(trial));
    }
    println!(
        "{} events: {} differ from the version that runs, {} fail{}",
        report["events"],
        report["different"],
        report["failed"],
        if report["cutShort"] == true { " (time ran out before the others)" } else { "" },
    );
}

/// One event: `=` where both do the same, else what the present version does (`-`) and this one (`+`).
fn told(trial: &Value) -> String {
    let event = &trial["event"];
    let sign = if trial["same"] == true { "=" } else { "≠" };
    let mut lines = format!(
        "{sign} {} {} {}\n",
        text(&event["at"]),
        text(&event["kind"]),
        clean(text(&event["text"]))
    );
    if trial["same"] == true {
        lines += &deeds(&trial["after"], " ");
    } else {
        lines += &deeds(&trial["before"], "-");
        lines += &deeds(&trial["after"], "+");
    }
    lines
}

fn deeds(call: &Value, sign: &str) -> String {
    let mut lines = String::new();
    let mut line = |words: &str| lines += &format!("  {sign} {}\n", clean(words));
    if call["outcome"] != "done" {
        line(&format!("{} {}", text(&call["outcome"]), text(&call["reason"])));
    }
    for effect in call["effects"].as_array().into_iter().flatten() {
        line(text(&effect["words"]));
    }
    for request in call["requests"].as_array().into_iter().flatten() {
        line(&format!("requests {} {}", text(&request["method"]), text(&request["url"])));
    }
    for log in call["logs"].as_array().into_iter().flatten() {
        line(&format!("log {} {}", text(&log["level"]), text(&log["message"])));
    }
    lines
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// On one line, and nothing that steers a terminal.
fn clean(text: &str) -> String {
    let shown = text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c });
    shown.filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_both_sides_and_sameness_one() {
        let call = |words: &str| json!({ "outcome": "done", "effects": [{ "words": words }] });
        let event = json!({ "at": "t", "kind": "message.received", "text": "hi\u{1b}" });
        let same = json!({ "event": event, "same": true, "before": call("a"), "after": call("a") });
        assert_eq!(told(&same), "= t message.received hi\n    a\n");
        let other =
            json!({ "event": event, "same": false, "before": call("a"), "after": call("b") });
        assert_eq!(told(&other), "≠ t message.received hi\n  - a\n  + b\n");
    }
}
