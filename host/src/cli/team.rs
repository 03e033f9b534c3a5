//! `switchboard team`: tenants, while no service runs on the data folder.

use anyhow::Context;
use serde_json::{Value, json};

use super::settings::Local;
use super::table;
use crate::store::team::{self, Team};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// All teams, oldest first
    List {
        #[command(flatten)]
        local: Local,
    },
    /// Make a team
    #[command(alias = "create")]
    Add {
        /// What people call it
        name: String,
        #[command(flatten)]
        local: Local,
    },
    /// One team
    Show {
        team: String,
        #[command(flatten)]
        local: Local,
    },
    /// Call a team something else
    Rename {
        team: String,
        name: String,
        #[command(flatten)]
        local: Local,
    },
}

fn view(team: &Team) -> Value {
    json!({ "id": team.id, "name": team.name })
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List { local } => {
            let teams = local
                .on_store(async |store, _, _| Ok(team::all(&mut *store.read().await?).await?))
                .await?;
            let teams: Vec<Value> = teams.iter().map(view).collect();
            table::list(local.json, &teams, &["id", "name"]);
        }
        Command::Add { name, local } => {
            let name = checked(&name)?;
            let id = local
                .on_store(async |store, clock, _| {
                    let id = clock.id("team");
                    let mut tx = store.begin().await?;
                    team::insert(&mut tx, &id, &name, clock.now()).await?;
                    store.commit(tx).await?;
                    Ok(id)
                })
                .await?;
            table::one(local.json, &json!({ "id": id, "name": name }));
        }
        Command::Show { team, local } => {
            let found = local
                .on_store(
                    async |store, _, _| Ok(team::get(&mut *store.read().await?, &team).await?),
                )
                .await?;
            let found = found.with_context(|| format!("there is no team {team:?}"))?;
            table::one(local.json, &view(&found));
        }
        Command::Rename { team, name, local } => {
            let name = checked(&name)?;
            let renamed = local
                .on_store(async |store, _, _| {
                    let mut tx = store.begin().await?;
                    let renamed = team::rename(&mut tx, &team, &name).await?;
                    store.commit(tx).await?;
                    Ok(renamed)
                })
                .await?;
            anyhow::ensure!(renamed, "there is no team {team:?}");
            table::one(local.json, &json!({ "id": team, "name": name }));
        }
    }
    Ok(())
}

fn checked(name: &str) -> anyhow::Result<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= 100 && !name.contains('\0');
    anyhow::ensure!(fits, "give the team a name of at most 100 characters");
    Ok(name.to_owned())
}
