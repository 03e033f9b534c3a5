//! `switchboard account`: accounts on a running service, over its API.

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
        /// What it is bought as, such as messages [default: the host's]
        #[arg(long)]
        tier: Option<String>,
        /// The id of the department that it belongs to
        #[arg(long, value_name = "ID")]
        department: Option<String>,
    },
    /// One account
    Show { account: String },
    /// Call an account something else
    Rename { account: String, nickname: String },
    /// Put an account on another tier
    Tier { account: String, tier: String },
    /// Begin to connect
    Open { account: String },
    /// Disconnect
    Close { account: String },
    /// Unlink the phone
    Logout { account: String },
    /// Send nothing for now
    Pause { account: String },
    /// Send again
    Resume { account: String },
    /// Log out, end the subscription, and remove what was synced; notes and contacts stay
    Archive { account: String },
    /// Buy an archived account anew
    Unarchive { account: String },
    /// The code to scan now
    Qr { account: String },
    /// Delete an account
    Remove { account: String },
}

const COLUMNS: [&str; 6] = ["id", "type", "nickname", "phone", "tier", "state"];

pub async fn run(args: Args) -> anyhow::Result<()> {
    let (api, json) = (Api::new(&args.remote.connection)?, args.remote.json);
    let path = |account: &str| format!("accounts/{}", part(account));
    let order = async |account: &str, order: &str| {
        api.post(&format!("{}/{order}", path(account)), json!({})).await
    };
    let answer = match args.command {
        Command::List { limit } => {
            let accounts = api.list("accounts", "accounts", &[], limit).await?;
            table::list(json, &accounts, &COLUMNS);
            return Ok(());
        }
        Command::Add { channel, nickname, phone, tier, department } => {
            let mut body = json!({ "type": channel, "nickname": nickname });
            put(&mut body, [("phone", phone), ("tier", tier), ("department", department)]);
            api.post("accounts", body).await?
        }
        Command::Show { account } => api.get(&path(&account)).await?,
        Command::Rename { account, nickname } => {
            api.patch(&path(&account), json!({ "nickname": nickname })).await?
        }
        Command::Tier { account, tier } => {
            api.patch(&path(&account), json!({ "tier": tier })).await?
        }
        Command::Open { account } => order(&account, "open").await?,
        Command::Close { account } => order(&account, "close").await?,
        Command::Logout { account } => order(&account, "logout").await?,
        Command::Pause { account } => order(&account, "queue/pause").await?,
        Command::Resume { account } => order(&account, "queue/resume").await?,
        Command::Archive { account } => order(&account, "archive").await?,
        Command::Unarchive { account } => order(&account, "unarchive").await?,
        Command::Qr { account } => api.get(&(path(&account) + "/qr")).await?,
        Command::Remove { account } => {
            api.delete(&path(&account)).await?;
            json!({ "removed": account })
        }
    };
    table::one(json, &answer);
    Ok(())
}
