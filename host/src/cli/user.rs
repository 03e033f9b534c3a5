//! `switchboard user`: people, while no service runs on the data folder.

use std::io::{IsTerminal, Read};

use anyhow::Context;
use serde_json::{Value, json};

use super::settings::{Local, team_or_first};
use super::table;
use crate::clock::Clock;
use crate::flow::identity::people::{self, Newcomer};
use crate::flow::identity::{hold, password};
use crate::model::Role;
use crate::store::user::{self, Member};
use crate::store::{Store, team};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Args)]
struct Whose {
    /// The team's id [default: the first team]
    #[arg(long)]
    team: Option<String>,
    #[command(flatten)]
    local: Local,
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
            let members = whose
                .local
                .on_store(async |store, _, _| {
                    let mut conn = store.read().await?;
                    let team_id = team_or_first(&mut conn, whose.team.as_deref()).await?;
                    Ok(user::members(&mut conn, &team_id, "", 10_000).await?)
                })
                .await?;
            let members: Vec<Value> = members.iter().map(view).collect();
            table::list(whose.local.json, &members, &["id", "email", "name", "role"]);
        }
        Command::Add { email, name, role, owner, password_stdin, whose } => {
            let role = if owner { Role::Owner } else { role };
            let email = people::address(&email)?;
            let new = Newcomer { email, name, role, password: String::new() };
            let added = whose
                .local
                .on_store(async |store, clock, _| {
                    add(store, clock, whose.team.as_deref(), new, password_stdin).await
                })
                .await?;
            table::one(whose.local.json, &view(&added));
        }
        Command::Show { email, whose } => {
            let found = whose
                .local
                .on_store(async |store, _, _| {
                    let mut tx = store.begin().await?;
                    let team_id = team_or_first(&mut tx, whose.team.as_deref()).await?;
                    member(&mut tx, &team_id, &email).await
                })
                .await?;
            table::one(whose.local.json, &view(&found));
        }
        Command::Role { email, role, whose } => {
            let changed = whose
                .local
                .on_store(async |store, _, _| {
                    let mut tx = store.begin().await?;
                    let team_id = team_or_first(&mut tx, whose.team.as_deref()).await?;
                    hold(&mut tx, &team_id).await?;
                    let before = member(&mut tx, &team_id, &email).await?;
                    let id = &before.user.id;
                    let changed = people::change_role(&mut tx, &team_id, id, role).await?;
                    store.commit(tx).await?;
                    Ok(changed)
                })
                .await?;
            table::one(whose.local.json, &view(&changed));
        }
        Command::Password { email, password_stdin, local } => {
            let id = local
                .on_store(async |store, _, _| set_password(store, &email, password_stdin).await)
                .await?;
            table::one(local.json, &json!({ "id": id, "email": people::normal(&email) }));
        }
        Command::Remove { email, whose } => {
            let removed = whose
                .local
                .on_store(async |store, _, _| {
                    let mut tx = store.begin().await?;
                    let team_id = team_or_first(&mut tx, whose.team.as_deref()).await?;
                    hold(&mut tx, &team_id).await?;
                    let leaving = member(&mut tx, &team_id, &email).await?;
                    let removed = people::remove(&mut tx, &team_id, &leaving.user.id).await?;
                    store.commit(tx).await?;
                    Ok(removed)
                })
                .await?;
            table::one(whose.local.json, &json!({ "removed": removed.user.id }));
        }
    }
    Ok(())
}

async fn member(tx: &mut crate::store::Tx, team_id: &str, email: &str) -> anyhow::Result<Member> {
    let missing = || format!("there is no user {email:?} in this team");
    let found = user::by_email(tx, &people::address(email)?).await?.with_context(missing)?;
    user::membership(tx, team_id, &found.id).await?.with_context(missing)
}

async fn add(
    store: &Store,
    clock: &Clock,
    named: Option<&str>,
    mut new: Newcomer,
    stdin: bool,
) -> anyhow::Result<Member> {
    anyhow::ensure!(!new.name.contains('\0'), "the name holds a NUL");
    let known = user::by_email(&mut *store.read().await?, &new.email).await?;
    if known.is_none() {
        new.password = password::hash(&asked(stdin)?).await?;
    }
    let mut tx = store.begin().await?;
    if new.role == Role::Owner && named.is_none() && team::first(&mut tx).await?.is_none() {
        team::insert(&mut tx, &clock.id("team"), "First team", clock.now()).await?;
    }
    let team_id = team_or_first(&mut tx, named).await?;
    hold(&mut tx, &team_id).await?;
    let added = match known {
        None => people::add(&mut tx, clock, &team_id, new).await?,
        Some(user) => {
            let now = clock.now();
            let joined = user::join(&mut tx, &team_id, &user.id, new.role, now).await?;
            anyhow::ensure!(joined, "{} belongs to this team already", user.email);
            Member { user, role: new.role, joined_at: now }
        }
    };
    store.commit(tx).await?;
    Ok(added)
}

async fn set_password(store: &Store, email: &str, stdin: bool) -> anyhow::Result<String> {
    let known = user::by_email(&mut *store.read().await?, &people::address(email)?).await?;
    let user = known.with_context(|| format!("there is no user {email:?}"))?;
    let kept = password::hash(&asked(stdin)?).await?;
    let mut tx = store.begin().await?;
    people::set_password(&mut tx, &user.id, &kept, "").await?;
    store.commit(tx).await?;
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
