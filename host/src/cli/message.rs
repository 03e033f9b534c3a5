//! `switchboard message`: messages on a running service, over its API.

use serde_json::json;

use super::api::{Api, Remote, part};
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
    /// Send a text
    Send {
        /// A phone number or the id of a chat
        to: String,
        text: String,
        /// The account to send from; needed where the team has several
        #[arg(long)]
        account: Option<String>,
        /// When to send, such as 2026-12-24T09:00:00+01:00
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Your own id: the same one again is the same message
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// Messages, newest first
    List {
        /// Of this account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Of this chat
        #[arg(long, value_name = "ID")]
        chat: Option<String>,
        /// Of this contact: an id or a phone number
        #[arg(long, value_name = "ID")]
        contact: Option<String>,
        /// With this status, such as pending
        #[arg(long)]
        status: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One message
    Get { message: String },
    /// Cancel a message that has not left
    Cancel { message: String },
}

const COLUMNS: [&str; 6] = ["id", "timestamp", "direction", "status", "to", "text"];

pub async fn run(args: Args) -> anyhow::Result<()> {
    let (api, json) = (Api::new(&args.remote.connection)?, args.remote.json);
    let answer = match args.command {
        Command::Send { to, text, account, at, id } => {
            let mut body = json!({ "to": to, "type": "text", "text": text });
            for (field, value) in [("account", account), ("scheduleAt", at), ("idempotencyId", id)]
            {
                if let Some(value) = value {
                    body[field] = value.into();
                }
            }
            api.post("messages", body).await?
        }
        Command::List { account, chat, contact, status, limit } => {
            let asked = [
                ("account", &account),
                ("chat", &chat),
                ("contact", &contact),
                ("status", &status),
            ];
            let filters: Vec<(&str, &str)> =
                asked.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
            let messages = api.list("messages", "messages", &filters, limit).await?;
            table::list(json, &messages, &COLUMNS);
            return Ok(());
        }
        Command::Get { message } => api.get(&format!("messages/{}", part(&message))).await?,
        Command::Cancel { message } => api.delete(&format!("messages/{}", part(&message))).await?,
    };
    table::one(json, &answer);
    Ok(())
}
