//! `switchboard team`: tenants, while no service runs on the data folder.

use std::io::IsTerminal;

use anyhow::Context;
use serde_json::{Value, json};

use super::settings::Local;
use super::table;
use crate::flow::{House, teams};
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
    /// Delete a team with all that it has: there is no way back
    Remove {
        team: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
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
            let work = async |house: &House| Ok(team::all(&mut *house.store.read().await?).await?);
            let teams: Vec<Value> = local.at_rest(work).await?.iter().map(view).collect();
            table::list(local.json, &teams, &["id", "name"]);
        }
        Command::Add { name, local } => {
            let name = checked(&name)?;
            let id = local.at_rest(async |house| add(house, &name).await).await?;
            table::one(local.json, &json!({ "id": id, "name": name }));
        }
        Command::Show { team, local } => {
            let found = local.at_rest(async |house| get(house, &team).await).await?;
            table::one(local.json, &view(&found));
        }
        Command::Rename { team, name, local } => {
            let name = checked(&name)?;
            let work = async |house: &House| {
                let mut tx = house.store.begin().await?;
                let renamed = team::rename(&mut tx, &team, &name).await?;
                house.commit(tx).await?;
                Ok(renamed)
            };
            anyhow::ensure!(local.at_rest(work).await?, "there is no team {team:?}");
            table::one(local.json, &json!({ "id": team, "name": name }));
        }
        Command::Remove { team, yes, local } => {
            local.at_rest(async |house| remove(house, &team, yes).await).await?;
            table::one(local.json, &json!({ "removed": team }));
        }
    }
    Ok(())
}

async fn add(house: &House, name: &str) -> anyhow::Result<String> {
    let id = house.clock.id("team");
    let mut tx = house.store.begin().await?;
    team::insert(&mut tx, &id, name, house.clock.now()).await?;
    house.commit(tx).await?;
    Ok(id)
}

async fn get(house: &House, id: &str) -> anyhow::Result<Team> {
    let found = team::get(&mut *house.store.read().await?, id).await?;
    found.with_context(|| format!("there is no team {id:?}"))
}

async fn remove(house: &House, id: &str, yes: bool) -> anyhow::Result<()> {
    let team = get(house, id).await?;
    if !yes {
        anyhow::ensure!(
            std::io::stdin().is_terminal(),
            "this deletes all that {:?} has: say --yes",
            team.name
        );
        eprint!("This deletes all that {:?} has. Type its name to go on: ", team.name);
        let mut typed = String::new();
        std::io::stdin().read_line(&mut typed)?;
        anyhow::ensure!(typed.trim() == team.name, "nothing was deleted");
    }
    teams::remove(house, id).await
}

fn checked(name: &str) -> anyhow::Result<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= 100 && !name.contains('\0');
    anyhow::ensure!(fits, "give the team a name of at most 100 characters");
    Ok(name.to_owned())
}
