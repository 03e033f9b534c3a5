//! `switchboard user`: people, while no service runs on the data folder.

use std::io::{IsTerminal, Read};

use anyhow::Context;
use serde_json::{Value, json};

use super::settings::{Local, Whose, team_or_first};
use super::table;
use crate::flow::House;
use crate::flow::identity::people::{self, Newcomer};
use crate::flow::identity::{hold, password};
use crate::model::Role;
use crate::store::user::{self, Member};
use crate::store::{Conn, team};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// A team's people
    List {
        #[command(flatten)]
        whose: Whose,
    },
    /// Add a person; who is known to this host already joins the team with the password they have
    Add {
        email: String,
        #[arg(long, default_value = "")]
        name: String,
        /// owner, admin, agent or viewer
        #[arg(long, default_value = "agent")]
        role: Role,
        /// The same as --role owner; makes the first team where there is none
        #[arg(long, conflicts_with = "role")]
        owner: bool,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        whose: Whose,
    },
    /// One person
    Show {
        email: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Give a person another role
    Role {
        email: String,
        role: Role,
        #[command(flatten)]
        whose: Whose,
    },
    /// Set a new password; all their sessions end
    Password {
        email: String,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        local: Local,
    },
    /// Let a person leave a team; who belongs to none any more is forgotten
    Remove {
        email: String,
        #[command(flatten)]
        whose: Whose,
    },
}

/// What of a person is printed.
fn view(member: &Member) -> Value {
    let user = &member.user;
    json!({ "id": user.id, "email": user.email, "name": user.name, "role": member.role })
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List { whose } => {
            let members = whose.local.at_rest(async |house| list(house, &whose).await).await?;
            let members: Vec<Value> = members.iter().map(view).collect();
            table::list(whose.local.json, &members, &["id", "email", "name", "role"]);
        }
        Command::Add { email, name, role, owner, password_stdin, whose } => {
            let role = if owner { Role::Owner } else { role };
            let email = people::address(&email)?;
            let new = Newcomer { email, name, role, password: String::new() };
            let work = async |house: &House| add(house, &whose, new, password_stdin).await;
            let added = whose.local.at_rest(work).await?;
            table::one(whose.local.json, &view(&added));
        }
        Command::Show { email, whose } => {
            let work = async |house: &House| {
                let team_id = whose.team(house).await?;
                member(&mut *house.store.read().await?, &team_id, &email).await
            };
            let found = whose.local.at_rest(work).await?;
            table::one(whose.local.json, &view(&found));
        }
        Command::Role { email, role, whose } => {
            let work = async |house: &House| change_role(house, &whose, &email, role).await;
            let changed = whose.local.at_rest(work).await?;
            table::one(whose.local.json, &view(&changed));
        }
        Command::Password { email, password_stdin, local } => {
            let work = async |house: &House| set_password(house, &email, password_stdin).await;
            let id = local.at_rest(work).await?;
            table::one(local.json, &json!({ "id": id, "email": people::normal(&email) }));
        }
        Command::Remove { email, whose } => {
            let work = async |house: &House| remove(house, &whose, &email).await;
            let removed = whose.local.at_rest(work).await?;
            table::one(whose.local.json, &json!({ "removed": removed.user.id }));
        }
    }
    Ok(())
}

async fn member(conn: &mut Conn, team_id: &str, email: &str) -> anyhow::Result<Member> {
    let missing = || format!("there is no user {email:?} in this team");
    let found = user::by_email(conn, &people::address(email)?).await?.with_context(missing)?;
    user::membership(conn, team_id, &found.id).await?.with_context(missing)
}

async fn list(house: &House, whose: &Whose) -> anyhow::Result<Vec<Member>> {
    let team_id = whose.team(house).await?;
    Ok(user::members(&mut *house.store.read().await?, &team_id, "", 10_000).await?)
}

async fn add(
    house: &House,
    whose: &Whose,
    mut new: Newcomer,
    stdin: bool,
) -> anyhow::Result<Member> {
    anyhow::ensure!(!new.name.contains('\0'), "the name holds a NUL");
    let known = user::by_email(&mut *house.store.read().await?, &new.email).await?;
    if known.is_none() {
        new.password = password::hash(&asked(stdin)?).await?;
    }
    let mut tx = house.store.begin().await?;
    let named = whose.team.as_deref();
    if new.role == Role::Owner && named.is_none() && team::first(&mut tx).await?.is_none() {
        let clock = &house.clock;
        team::insert(&mut tx, &clock.id("team"), "First team", clock.now()).await?;
    }
    let team_id = team_or_first(&mut tx, named).await?;
    let mut numbers = hold(&mut tx, &team_id).await?;
    let added = match known {
        None => people::add(house, &mut tx, &mut numbers, &team_id, new).await?,
        Some(user) => people::join(house, &mut tx, &mut numbers, &team_id, user, new.role).await?,
    };
    house.commit(tx).await?;
    Ok(added)
}

async fn change_role(
    house: &House,
    whose: &Whose,
    email: &str,
    role: Role,
) -> anyhow::Result<Member> {
    let team_id = whose.team(house).await?;
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, &team_id).await?;
    let id = member(&mut tx, &team_id, email).await?.user.id;
    let changed = people::change_role(house, &mut tx, &mut numbers, &team_id, &id, role).await?;
    house.commit(tx).await?;
    Ok(changed)
}

async fn remove(house: &House, whose: &Whose, email: &str) -> anyhow::Result<Member> {
    let team_id = whose.team(house).await?;
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, &team_id).await?;
    let id = member(&mut tx, &team_id, email).await?.user.id;
    let removed = people::remove(house, &mut tx, &mut numbers, &team_id, &id).await?;
    house.commit(tx).await?;
    Ok(removed)
}

async fn set_password(house: &House, email: &str, stdin: bool) -> anyhow::Result<String> {
    let known = user::by_email(&mut *house.store.read().await?, &people::address(email)?).await?;
    let user = known.with_context(|| format!("there is no user {email:?}"))?;
    let kept = password::hash(&asked(stdin)?).await?;
    let mut tx = house.store.begin().await?;
    people::set_password(&mut tx, &user.id, &kept, "").await?;
    house.commit(tx).await?;
    Ok(user.id)
}

/// The password, from a person or from standard input.
fn asked(stdin: bool) -> anyhow::Result<String> {
    if stdin {
        let mut text = String::new();
        std::io::stdin().take(4096).read_to_string(&mut text)?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    anyhow::ensure!(
        std::io::stdin().is_terminal(),
        "there is nobody to ask for a password: give it with --password-stdin"
    );
    let given = rpassword::prompt_password("Password: ")?;
    anyhow::ensure!(given == rpassword::prompt_password("Again: ")?, "the two passwords differ");
    Ok(given)
}
