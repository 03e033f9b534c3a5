//! `switchboard account`: accounts on a running service, over its API.

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
    /// All accounts, oldest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Make an account
    Add {
        /// sandbox, cloud, dialog360 or web
        #[arg(long = "type", default_value = "sandbox")]
        channel: String,
        #[arg(long, default_value = "")]
        nickname: String,
        /// A sandbox account with a number needs no pairing
        #[arg(long)]
        phone: Option<String>,
    },
    /// One account
    Show { account: String },
    /// Call an account something else
    Rename { account: String, nickname: String },
    /// Begin to connect
    Open { account: String },
    /// Disconnect
    Close { account: String },
    /// The code to scan now
    Qr { account: String },
    /// Delete an account
    Remove { account: String },
}

const COLUMNS: [&str; 5] = ["id", "type", "nickname", "phone", "state"];

pub async fn run(args: Args) -> anyhow::Result<()> {
    let (api, json) = (Api::new(&args.remote.connection)?, args.remote.json);
    let path = |account: &str| format!("accounts/{}", part(account));
    let answer = match args.command {
        Command::List { limit } => {
            let accounts = api.list("accounts", "accounts", &[], limit).await?;
            table::list(json, &accounts, &COLUMNS);
            return Ok(());
        }
        Command::Add { channel, nickname, phone } => {
            let mut body = json!({ "type": channel, "nickname": nickname });
            if let Some(phone) = phone {
                body["phone"] = phone.into();
            }
            api.post("accounts", body).await?
        }
        Command::Show { account } => api.get(&path(&account)).await?,
        Command::Rename { account, nickname } => {
            api.patch(&path(&account), json!({ "nickname": nickname })).await?
        }
        Command::Open { account } => api.post(&(path(&account) + "/open"), json!({})).await?,
        Command::Close { account } => api.post(&(path(&account) + "/close"), json!({})).await?,
        Command::Qr { account } => api.get(&(path(&account) + "/qr")).await?,
        Command::Remove { account } => {
            api.delete(&path(&account)).await?;
            json!({ "removed": account })
        }
    };
    table::one(json, &answer);
    Ok(())
}
