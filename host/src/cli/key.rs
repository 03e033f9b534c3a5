//! `switchboard key`: API keys, and the keys that sign tokens, while no service runs on the data
//! folder. On a running one `/api/v1/keys` does it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::settings::{Local, team_or_first};
use super::table;
use crate::flow::identity::{hash, new_key, signing};
use crate::model::{ApiScope, scopes_as_text};
use crate::seal::Seal;
use crate::store::credential::{self, Credential, Kind};

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
        /// The team's id [default: the first team]
        #[arg(long)]
        team: Option<String>,
        #[command(flatten)]
        local: Local,
    },
    /// Make a key and print it, this once
    #[command(alias = "create")]
    Add {
        /// The team's id [default: the first team]
        #[arg(long)]
        team: Option<String>,
        /// To know it by later
        #[arg(long, default_value = "")]
        name: String,
        /// What it may do, such as messages:send; more than one [default: everything]
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<ApiScope>,
        #[command(flatten)]
        local: Local,
    },
    /// End a key
    Remove {
        key: String,
        /// The team's id [default: the first team]
        #[arg(long)]
        team: Option<String>,
        #[command(flatten)]
        local: Local,
    },
    /// Sign access tokens with a new key from now on
    RotateSigning {
        /// Take the old ones away too: every access token given so far is void
        #[arg(long)]
        forget: bool,
        #[command(flatten)]
        local: Local,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List { team, local } => {
            let keys = local
                .on_store(async |store, _, _| {
                    let mut conn = store.read().await?;
                    let team_id = team_or_first(&mut conn, team.as_deref()).await?;
                    Ok(credential::list(&mut conn, Kind::Key, &team_id, "", 10_000).await?)
                })
                .await?;
            let keys: Vec<Value> = keys.iter().map(view).collect();
            table::list(local.json, &keys, &["id", "name", "scopes"]);
        }
        Command::Add { team, name, scope, local } => {
            table::one(local.json, &add(&local, team, name, scope).await?);
        }
        Command::Remove { key, team, local } => {
            let removed = local
                .on_store(async |store, _, _| {
                    let mut tx = store.begin().await?;
                    let team_id = team_or_first(&mut tx, team.as_deref()).await?;
                    let removed = credential::delete(&mut tx, Kind::Key, &team_id, &key).await?;
                    store.commit(tx).await?;
                    Ok(removed)
                })
                .await?;
            anyhow::ensure!(removed, "there is no key {key:?} in this team");
            table::one(local.json, &json!({ "removed": key }));
        }
        Command::RotateSigning { forget, local } => {
            let id = local
                .on_store(async |store, clock, config| {
                    let seal = Seal::open_or_create(&config.data)?;
                    signing::rotate(store, &seal, clock, forget).await
                })
                .await?;
            table::one(local.json, &json!({ "signing_key": id }));
        }
    }
    Ok(())
}

fn view(key: &Credential) -> Value {
    let scopes = scopes_as_text(&key.scopes);
    json!({ "id": key.id, "team": key.team_id, "name": key.name, "scopes": scopes })
}

async fn add(
    local: &Local,
    team: Option<String>,
    name: String,
    scopes: Vec<ApiScope>,
) -> anyhow::Result<Value> {
    anyhow::ensure!(!name.contains('\0'), "the name holds a NUL");
    local
        .on_store(async |store, clock, _| {
            let mut tx = store.begin().await?;
            let team_id = team_or_first(&mut tx, team.as_deref()).await?;
            let mut key = Credential::new(clock.id("key"), &team_id, &name, clock.now());
            if !scopes.is_empty() {
                key.scopes = scopes.into_iter().collect::<BTreeSet<_>>();
            }
            let secret = new_key();
            credential::insert(&mut tx, Kind::Key, &key, &hash(&secret)).await?;
            store.commit(tx).await?;
            let mut view = view(&key);
            view["api_key"] = secret.into();
            Ok(view)
        })
        .await
}
