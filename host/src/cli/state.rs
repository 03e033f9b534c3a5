//! `switchboard plugin state`: what a plugin keeps, seen and edited, out and in.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Api, part};
use super::table;

#[derive(Clone, Debug, clap::Args)]
#[command(subcommand_negates_reqs = true)]
pub struct Args {
    /// A plugin's name or id
    #[arg(required = true)]
    plugin: Option<String>,
    /// plugin, account, chat or contact [default: all]
    #[arg(long)]
    scope: Option<String>,
    /// The id of one account, chat or contact
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only keys that begin so
    #[arg(long)]
    prefix: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 1000)]
    limit: usize,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// One value
    Get {
        #[command(flatten)]
        place: Place,
    },
    /// Write a value
    Set {
        #[command(flatten)]
        place: Place,
        value: String,
        /// Forget it after so many seconds
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u32>,
    },
    /// Take a value away
    Delete {
        #[command(flatten)]
        place: Place,
    },
    /// All of it, one JSON object a line
    Export {
        plugin: String,
        /// A file [default: print it]
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Write what a file holds, in lines as of an export
    Import { plugin: String, file: PathBuf },
}

/// Where a value stands.
#[derive(Clone, Debug, clap::Args)]
struct Place {
    /// A plugin's name or id
    plugin: String,
    // Not `key`, which is the API's.
    #[arg(value_name = "KEY")]
    name: String,
    /// plugin, account, chat or contact
    #[arg(long, default_value = "plugin")]
    scope: String,
    /// The id of the account, chat or contact
    #[arg(long, value_name = "ID", default_value = "")]
    subject: String,
}

pub async fn run(api: &Api, json: bool, args: Args) -> anyhow::Result<()> {
    let answer = match args.command {
        None => {
            let plugin = args.plugin.unwrap_or_default();
            let wanted = [("scope", args.scope), ("id", args.subject), ("prefix", args.prefix)];
            let wanted: Vec<(&str, String)> =
                wanted.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let filters: Vec<(&str, &str)> =
                wanted.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let path = format!("plugins/{}/state", part(&plugin));
            let found = api.list(&path, "state", &filters, args.limit).await?;
            let columns = ["scope", "subject", "key", "expiresAt", "value"];
            table::list(json, &found, &columns);
            return Ok(());
        }
        Some(Command::Get { place }) => {
            let found = at(api, Method::GET, &place, None).await?;
            if !json {
                println!("{}", found["value"].as_str().unwrap_or_default());
                return Ok(());
            }
            found
        }
        Some(Command::Set { place, value, ttl }) => {
            let ttl = ttl.map(|seconds| i64::from(seconds) * 1000);
            let body = json!({ "value": value, "ttl": ttl });
            at(api, Method::PUT, &place, Some(body)).await?
        }
        Some(Command::Delete { place }) => {
            at(api, Method::DELETE, &place, None).await?;
            json!({ "deleted": place.name })
        }
        Some(Command::Export { plugin, output }) => return export(api, &plugin, output).await,
        Some(Command::Import { plugin, file }) => {
            let bytes = tokio::fs::File::open(&file).await;
            let bytes = bytes.with_context(|| file.display().to_string())?;
            let path = format!("plugins/{}/state/import", part(&plugin));
            let request = api.request(Method::POST, &path).body(bytes);
            let imported =
                api.answer(request.header("content-type", "application/x-ndjson")).await?;
            table::one(json, &imported);
            if imported["refused"].as_u64() != Some(0) {
                bail!("{} lines were left out", imported["refused"]);
            }
            return Ok(());
        }
    };
    table::one(json, &answer);
    Ok(())
}

async fn at(
    api: &Api,
    method: Method,
    place: &Place,
    body: Option<Value>,
) -> anyhow::Result<Value> {
    let query = [("scope", &place.scope), ("id", &place.subject), ("key", &place.name)];
    let path = format!("plugins/{}/state/value", part(&place.plugin));
    let request = api.request(method, &path).query(&query);
    api.answer(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

/// As it comes: it may be larger than memory.
async fn export(api: &Api, plugin: &str, output: Option<PathBuf>) -> anyhow::Result<()> {
    let mut answer = api.stream(&format!("plugins/{}/state/export", part(plugin))).await?;
    let mut target: Box<dyn Write> = match &output {
        Some(path) => {
            let file = std::fs::File::create(path);
            Box::new(file.with_context(|| path.display().to_string())?)
        }
        None => Box::new(std::io::stdout().lock()),
    };
    while let Some(part) = answer.chunk().await.context("the export broke off")? {
        target.write_all(&part)?;
    }
    target.flush()?;
    Ok(())
}
