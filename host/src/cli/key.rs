//! `switchboard key`: API keys, and the keys that sign tokens, while no service runs on the data
//! folder. On a running one `/api/v1/keys` does it.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::{Value, json};

use super::settings::{Whose, team_or_first};
use super::table;
use crate::flow::House;
use crate::flow::identity::{credentials, new_key, signing};
use crate::model::{ApiScope, Millis, scopes_as_text};
use crate::store::credential::{self, Credential, Kind};
use crate::store::group;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// A team's keys, oldest first
    List {
        #[command(flatten)]
        whose: Whose,
    },
    /// Make a key and print it, this once
    #[command(alias = "create")]
    Add {
        #[command(flatten)]
        new: New,
        #[command(flatten)]
        whose: Whose,
    },
    /// One key
    Show {
        key: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// End a key
    Remove {
        key: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Sign access tokens with a new key from now on
    RotateSigning {
        /// Take the old ones away too: every access token given so far is void
        #[arg(long)]
        forget: bool,
        #[command(flatten)]
        local: super::settings::Local,
    },
}

/// What a new key is to be.
#[derive(Clone, Debug, clap::Args)]
struct New {
    /// To know it by later
    #[arg(long, default_value = "")]
    name: String,
    /// What it may do, such as messages:send; more than one [default: everything]
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<ApiScope>,
    /// The only department whose accounts it sees
    #[arg(long, value_name = "ID")]
    department: Option<String>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List { whose } => {
            let keys = whose.local.at_rest(async |house| list(house, &whose).await).await?;
            let columns = ["id", "name", "department", "last_used", "scopes"];
            table::list(whose.local.json, &keys, &columns);
        }
        Command::Add { new, whose } => {
            let made = whose.local.at_rest(async |house| add(house, &whose, new).await).await?;
            table::one(whose.local.json, &made);
        }
        Command::Show { key, whose } => {
            let found = whose.local.at_rest(async |house| show(house, &whose, &key).await).await?;
            table::one(whose.local.json, &found);
        }
        Command::Remove { key, whose } => {
            let ended = async |house: &House| {
                let team_id = whose.team(house).await?;
                credentials::end(house, Kind::Key, &team_id, &key).await
            };
            let removed = whose.local.at_rest(ended).await?;
            anyhow::ensure!(removed, "there is no key {key:?} in this team");
            table::one(whose.local.json, &json!({ "removed": key }));
        }
        Command::RotateSigning { forget, local } => {
            let rotated = async |house: &House| {
                signing::rotate(&house.store, &house.seal, &house.clock, forget).await
            };
            let id = local.at_rest(rotated).await?;
            table::one(local.json, &json!({ "signing_key": id }));
        }
    }
    Ok(())
}

fn view(key: &Credential) -> Value {
    let moment = |at: Millis| {
        let at = chrono::DateTime::from_timestamp_millis(at).filter(|_| at > 0);
        at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    };
    json!({
        "id": key.id,
        "team": key.team_id,
        "name": key.name,
        "scopes": scopes_as_text(&key.scopes),
        "department": key.department_id,
        "created": moment(key.created_at),
        "expires": moment(key.expires_at),
        "last_used": moment(key.last_used_at),
    })
}

async fn list(house: &House, whose: &Whose) -> anyhow::Result<Vec<Value>> {
    let team_id = whose.team(house).await?;
    let mut conn = house.store.read().await?;
    let keys = credential::list(&mut conn, Kind::Key, &team_id, "", 10_000).await?;
    Ok(keys.iter().map(view).collect())
}

async fn show(house: &House, whose: &Whose, id: &str) -> anyhow::Result<Value> {
    let team_id = whose.team(house).await?;
    let found = credential::get(&mut *house.store.read().await?, Kind::Key, &team_id, id).await?;
    Ok(view(&found.with_context(|| format!("there is no key {id:?} in this team"))?))
}

async fn add(house: &House, whose: &Whose, new: New) -> anyhow::Result<Value> {
    anyhow::ensure!(!new.name.contains('\0'), "the name holds a NUL");
    let mut conn = house.store.read().await?;
    let team_id = team_or_first(&mut conn, whose.team.as_deref()).await?;
    let mut key = Credential::new(house.clock.id("key"), &team_id, &new.name, house.clock.now());
    if !new.scope.is_empty() {
        key.scopes = new.scope.into_iter().collect::<BTreeSet<_>>();
    }
    if let Some(id) = new.department {
        let known = group::get(&mut conn, group::Kind::Department, &team_id, &id).await?;
        anyhow::ensure!(known.is_some(), "there is no department {id:?} in this team");
        key.department_id = id;
    }
    drop(conn);
    let secret = new_key();
    credentials::keep(house, Kind::Key, &key, &secret).await?;
    let mut view = view(&key);
    view["api_key"] = secret.into();
    Ok(view)
}
