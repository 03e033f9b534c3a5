//! `switchboard setup`: enough to begin with, where there is nothing yet.

use serde_json::json;

use super::settings::{Settings, open_store};
use crate::clock::Clock;
use crate::flow::identity::{hash, new_key};
use crate::model::{Account, AccountState, ChannelType};
use crate::store::credential::{self, Credential, Kind};
use crate::store::{Conn, Store, account, team};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
}

/// What there is to begin with.
pub struct Begun {
    pub team_id: String,
    pub account_id: String,
    /// Shown now and never again.
    pub api_key: String,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.settings.load()?;
    let clock = Clock::system();
    let store = open_store(&config, &clock).await?;
    let begun = begin(&store, &clock, "setup").await;
    store.close().await;
    let begun = begun?;
    println!(
        "{}",
        json!({ "team": begun.team_id, "account": begun.account_id, "api_key": begun.api_key })
    );
    Ok(())
}

/// The first team and its sandbox account, made where there is none, and a new key of this name in
/// place of the one before: a key cannot be shown twice.
pub async fn begin(store: &Store, clock: &Clock, key_name: &str) -> anyhow::Result<Begun> {
    let mut tx = store.begin().await?;
    let team_id = match team::first(&mut tx).await? {
        Some(team_id) => team_id,
        None => {
            let id = clock.id("team");
            team::insert(&mut tx, &id, "First team", clock.now()).await?;
            id
        }
    };
    let account_id = sandbox_account(&mut tx, clock, &team_id).await?;
    let keys = credential::list(&mut tx, Kind::Key, &team_id, "", 1_000).await?;
    for old in keys.iter().filter(|key| key.name == key_name) {
        credential::delete(&mut tx, Kind::Key, &team_id, &old.id).await?;
    }
    let api_key = new_key();
    let key = Credential::new(clock.id("key"), &team_id, key_name, clock.now());
    credential::insert(&mut tx, Kind::Key, &key, &hash(&api_key)).await?;
    store.commit(tx).await?;
    Ok(Begun { team_id, account_id, api_key })
}

async fn sandbox_account(conn: &mut Conn, clock: &Clock, team_id: &str) -> anyhow::Result<String> {
    let accounts = account::list(conn, team_id, "", 1_000).await?;
    if let Some(known) =
        accounts.into_iter().find(|account| account.channel == ChannelType::Sandbox)
    {
        return Ok(known.id);
    }
    let account = Account {
        nickname: "Demo shop".to_owned(),
        phone: "+15550100000".to_owned(),
        state: AccountState::Open,
        ..Account::new(clock.id("acc"), team_id, ChannelType::Sandbox, clock.now())
    };
    account::insert(conn, &account).await?;
    Ok(account.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn beginning_twice_makes_one_team_and_the_newest_key_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(1_000);
        let store = Store::open(&Config::default().database, folder.path()).await.expect("opens");
        let first = begin(&store, &clock, "demo").await.expect("begins");
        let second = begin(&store, &clock, "demo").await.expect("begins again");
        assert_eq!((&first.team_id, &first.account_id), (&second.team_id, &second.account_id));
        let mut conn = store.read().await.expect("reads");
        let mut found = async |key: &str| {
            let found = credential::by_hash(&mut conn, Kind::Key, &hash(key), 1_000).await;
            found.expect("reads").map(|key| key.team_id)
        };
        assert_eq!(found(&first.api_key).await, None);
        assert_eq!(found(&second.api_key).await, Some(second.team_id));
    }
}
