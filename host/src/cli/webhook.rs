//! `switchboard webhook`: the endpoints that a running service posts events to, over its API.

use serde_json::json;

use super::api::{Api, Remote, part, put};
use super::table;

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
    /// All endpoints, oldest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Make an endpoint; its secret is printed, this once
    Add {
        /// Where events are posted to
        #[arg(value_name = "URL")]
        address: String,
        /// Names of events, such as message.received or message.*; none for all
        #[arg(long, value_name = "NAME")]
        event: Vec<String>,
        /// Ids of accounts; none for all
        #[arg(long, value_name = "ID")]
        account: Vec<String>,
        /// The events of a chat one after the other
        #[arg(long)]
        ordered: bool,
    },
    /// One endpoint
    Show { endpoint: String },
    /// Let it run again after it was disabled
    Enable { endpoint: String },
    /// Send it nothing more
    Disable { endpoint: String },
    /// Send it an endpoint.test event
    Test { endpoint: String },
    /// What each try brought
    Attempts {
        endpoint: String,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Give it a new secret, printed this once; the old one signs beside it for a day
    Rotate { endpoint: String },
    /// Send it what it missed once more: one event, or all of a time
    Resend {
        endpoint: String,
        /// The id of the event
        #[arg(long, conflicts_with = "from")]
        event: Option<String>,
        /// From this moment, such as 2026-12-24T09:00:00+01:00
        #[arg(long, value_name = "TIME", required_unless_present = "event")]
        from: Option<String>,
        /// Up to this moment [default: now]
        #[arg(long, value_name = "TIME", requires = "from")]
        to: Option<String>,
    },
    /// Delete an endpoint, with the notices that wait for it
    Remove { endpoint: String },
}

const COLUMNS: [&str; 4] = ["id", "url", "enabled", "reason"];

pub async fn run(args: Args) -> anyhow::Result<()> {
    let (api, json) = (Api::new(&args.remote.connection)?, args.remote.json);
    let path = |endpoint: &str| format!("endpoints/{}", part(endpoint));
    let answer = match args.command {
        Command::List { limit } => {
            let endpoints = api.list("endpoints", "endpoints", &[], limit).await?;
            table::list(json, &endpoints, &COLUMNS);
            return Ok(());
        }
        Command::Attempts { endpoint, limit } => {
            let path = path(&endpoint) + "/attempts";
            let attempts = api.list(&path, "attempts", &[], limit).await?;
            table::list(json, &attempts, &["at", "event", "attempt", "status", "millis"]);
            return Ok(());
        }
        Command::Add { address, event, account, ordered } => {
            let body =
                json!({ "url": address, "events": event, "accounts": account, "ordered": ordered });
            api.post("endpoints", body).await?
        }
        Command::Show { endpoint } => api.get(&path(&endpoint)).await?,
        Command::Enable { endpoint } => {
            api.patch(&path(&endpoint), json!({ "enabled": true })).await?
        }
        Command::Disable { endpoint } => {
            api.patch(&path(&endpoint), json!({ "enabled": false })).await?
        }
        Command::Test { endpoint } => api.post(&(path(&endpoint) + "/test"), json!({})).await?,
        Command::Rotate { endpoint } => {
            api.post(&(path(&endpoint) + "/secret/rotate"), json!({})).await?
        }
        Command::Resend { endpoint, event, from, to } => {
            let mut body = json!({});
            put(&mut body, [("event", event), ("from", from), ("to", to)]);
            api.post(&(path(&endpoint) + "/resend"), body).await?
        }
        Command::Remove { endpoint } => {
            api.delete(&path(&endpoint)).await?;
            json!({ "removed": endpoint })
        }
    };
    table::one(json, &answer);
    Ok(())
}
