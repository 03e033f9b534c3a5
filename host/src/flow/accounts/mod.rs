//! What becomes of accounts: bought, changed, archived, deleted; and what they are paid for.
//!
//! Each change is one transaction that holds the team: the account's row, its entry in the ledger,
//! an event, and where much data is to go, a job that takes it away set by set.

mod history;
mod ledger;
mod pulse;
mod removal;
mod renewal;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::rules::quota;
use super::{House, record};
use crate::model::{
    Account, AccountSettings, AccountState, Event, EventKind, Health, JobKind, LedgerKind, Removal,
    Tier,
};
use crate::store::group::Kind;
use crate::store::{Tx, account, bulk, group, job, listen, team};

pub use history::sync;
pub use pulse::Pulses;

/// Why an account cannot be changed so.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("there is no {what} {id:?}")]
    NotFound { what: &'static str, id: String },
    #[error("the account has the tier {0} already")]
    SameTier(Tier),
    #[error("the account is archived: unarchive it first, which buys it anew")]
    Archived,
    #[error("the account is not archived")]
    NotArchived,
    #[error("data of the account is still being removed; try again in a moment")]
    Removing,
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<crate::store::StoreError> for AccountError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Internal(error.into())
    }
}

/// What to change; what is absent stays. An empty group takes the account out of it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub nickname: Option<String>,
    pub tier: Option<Tier>,
    pub department_id: Option<String>,
    pub business_account_id: Option<String>,
    pub settings: Option<AccountSettings>,
}

/// A transaction that holds the team, with numbers for an event.
async fn begin(house: &House, team_id: &str) -> anyhow::Result<(Tx, team::Numbers)> {
    let mut tx = house.store.begin().await?;
    let numbers = team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    Ok((tx, numbers))
}

/// The account as it stands in the transaction.
async fn of_team(tx: &mut Tx, team_id: &str, id: &str) -> Result<Account, AccountError> {
    let found = account::get(tx, team_id, id).await?;
    found.ok_or_else(|| AccountError::NotFound { what: "account", id: id.to_owned() })
}

/// The account, where it is not archived.
pub fn in_use(account: Account) -> Result<Account, AccountError> {
    if account.is_archived() { Err(AccountError::Archived) } else { Ok(account) }
}

/// Buy an account.
pub async fn buy(house: &House, mut account: Account) -> Result<Account, AccountError> {
    let (mut tx, _) = begin(house, &account.team_id).await?;
    check_groups(&mut tx, &account).await?;
    ledger::purchase(house, &mut tx, &mut account).await?;
    account::insert(&mut tx, &account).await?;
    // Plugins may choose by the types of accounts.
    listen::tell_installs(&house.store, &mut tx).await?;
    house.commit(tx).await?;
    house.registry.forget(&account.team_id);
    Ok(account)
}

/// Its groups are the team's.
async fn check_groups(tx: &mut Tx, account: &Account) -> Result<(), AccountError> {
    for (kind, what, id) in [
        (Kind::Department, "department", &account.department_id),
        (Kind::BusinessAccount, "business account", &account.business_account_id),
    ] {
        if !id.is_empty() && group::get(tx, kind, &account.team_id, id).await?.is_none() {
            return Err(AccountError::NotFound { what, id: id.clone() });
        }
    }
    Ok(())
}

/// Change an account, all or nothing.
pub async fn change(
    house: &House,
    team_id: &str,
    id: &str,
    change: Change,
) -> Result<Account, AccountError> {
    let (mut tx, _) = begin(house, team_id).await?;
    let before = of_team(&mut tx, team_id, id).await?;
    let mut account = before.clone();
    account.nickname = change.nickname.unwrap_or(account.nickname);
    account.department_id = change.department_id.unwrap_or(account.department_id);
    account.business_account_id = change.business_account_id.unwrap_or(account.business_account_id);
    account.settings = change.settings.unwrap_or(account.settings);
    check_groups(&mut tx, &account).await?;
    if let Some(tier) = change.tier {
        change_tier(house, &mut tx, &mut account, tier).await?;
    }
    account::update(&mut tx, &account).await?;
    if account.tier != before.tier {
        quota::tier_changed(house, &mut tx, &account).await?;
    }
    house.commit(tx).await?;
    Ok(account)
}

/// Another tier, from now on. Without history, what came with the login goes; it comes back only by
/// another login.
async fn change_tier(
    house: &House,
    tx: &mut Tx,
    account: &mut Account,
    tier: Tier,
) -> Result<(), AccountError> {
    if account.is_archived() {
        return Err(AccountError::Archived);
    }
    if account.tier == tier {
        return Err(AccountError::SameTier(tier));
    }
    let previous = std::mem::replace(&mut account.tier, tier);
    ledger::tier_change(house, tx, account, previous).await?;
    let billing = &house.config.billing;
    if billing.terms(previous).history > 0 && billing.terms(tier).history == 0 {
        remove(house, tx, account, Removal::Synced).await?;
    }
    Ok(())
}

/// Begin to remove data: a job does it, set by set. A larger removal takes a smaller one's place.
async fn remove(
    house: &House,
    tx: &mut Tx,
    account: &mut Account,
    what: Removal,
) -> anyhow::Result<()> {
    job::remove_subject(tx, &account.team_id, JobKind::Account, &account.id).await?;
    account.removing = account.removing.max(what);
    (account.synced_messages, account.synced_at) = (0, 0);
    let job = job::Job {
        place: 1,
        subject_id: account.id.clone(),
        stage: account.removing.as_str().to_owned(),
        ..job::Job::new(
            house.clock.id("job"),
            &account.team_id,
            JobKind::Account,
            house.clock.now(),
        )
    };
    job::insert(tx, &[job]).await?;
    Ok(())
}

/// Log out, end the subscription, and remove what was synced; notes and contacts stay.
pub async fn archive(house: &House, team_id: &str, id: &str) -> Result<Account, AccountError> {
    let (mut tx, mut numbers) = begin(house, team_id).await?;
    let mut account = of_team(&mut tx, team_id, id).await?;
    if account.is_archived() {
        return Err(AccountError::Archived);
    }
    let (now, was) = (house.clock.now(), account.state);
    ledger::end(house, &mut tx, &account, LedgerKind::Archive).await?;
    remove(house, &mut tx, &mut account, Removal::Archive).await?;
    bulk::cancel_all(&mut tx, id).await?;
    (account.archived_at, account.paid_until) = (now, Account::ENDED);
    account::update(&mut tx, &account).await?;
    let reason = "archived";
    account::set_state(&mut tx, id, AccountState::Close, reason, None).await?;
    let event = event(
        house,
        &account,
        EventKind::ACCOUNT_STATE,
        json!({
            "state": AccountState::Close, "reason": reason, "was": was, "health": account.health,
        }),
    );
    record::events(house, &mut tx, &mut numbers, vec![event]).await?;
    house.commit(tx).await?;
    log_out(house, &account).await;
    (account.state, account.reason) = (AccountState::Close, reason.to_owned());
    Ok(account)
}

/// Buy an archived account anew: a period begins, and it has to log in again.
pub async fn unarchive(house: &House, team_id: &str, id: &str) -> Result<Account, AccountError> {
    let (mut tx, _) = begin(house, team_id).await?;
    let mut account = of_team(&mut tx, team_id, id).await?;
    if !account.is_archived() {
        return Err(AccountError::NotArchived);
    }
    if account.removing != Removal::Nothing {
        return Err(AccountError::Removing);
    }
    account.archived_at = 0;
    account.subscribed_at = house.clock.now();
    ledger::purchase(house, &mut tx, &mut account).await?;
    account::update(&mut tx, &account).await?;
    account::set_state(&mut tx, id, AccountState::Close, "not logged in yet", None).await?;
    house.commit(tx).await?;
    account.reason = "not logged in yet".to_owned();
    Ok(account)
}

/// Delete an account: nobody sees it from now on, and its data goes.
pub async fn delete(house: &House, team_id: &str, id: &str) -> Result<(), AccountError> {
    let (mut tx, mut numbers) = begin(house, team_id).await?;
    let mut account = of_team(&mut tx, team_id, id).await?;
    ledger::end(house, &mut tx, &account, LedgerKind::Delete).await?;
    remove(house, &mut tx, &mut account, Removal::All).await?;
    bulk::cancel_all(&mut tx, id).await?;
    account::set_state(&mut tx, id, AccountState::Close, "deleted", None).await?;
    (account.deleted_at, account.paid_until) = (house.clock.now(), Account::ENDED);
    account::update(&mut tx, &account).await?;
    let event =
        event(house, &account, EventKind::ACCOUNT_DELETED, json!({ "phone": account.phone }));
    record::events(house, &mut tx, &mut numbers, vec![event]).await?;
    house.commit(tx).await?;
    log_out(house, &account).await;
    Ok(())
}

/// Log an account out: it needs another scan to open again.
pub async fn logged_out(house: &House, account: &Account) -> anyhow::Result<()> {
    log_out(house, account).await;
    set_state(house, &account.id, AccountState::Close, "logged out", None).await
}

/// Store a new state with its event, of whatever team; what is gone, or archived, stays as it is.
pub async fn set_state(
    house: &House,
    account_id: &str,
    state: AccountState,
    reason: &str,
    phone: Option<&str>,
) -> anyhow::Result<()> {
    let ids = [account_id.to_owned()];
    let found = account::by_ids(&mut *house.store.read().await?, &ids).await?;
    let Some(account) = found.into_iter().next() else { return Ok(()) };
    let data = json!({
        "state": state, "reason": reason, "was": account.state, "health": Health::Ok,
    });
    let event = event(house, &account, EventKind::ACCOUNT_STATE, data);
    let (mut tx, mut numbers) = begin(house, &account.team_id).await?;
    if account::set_state(&mut tx, account_id, state, reason, phone).await? {
        record::events(house, &mut tx, &mut numbers, vec![event]).await?;
        house.commit(tx).await?;
        house.pulses.heard(account_id, house.clock.now());
    }
    Ok(())
}

/// The channel lets go of the number. That the account is closed is stored already.
async fn log_out(house: &House, account: &Account) {
    if let Some(channel) = house.channels.get(account.channel) {
        channel.log_out(account).await;
    }
}

/// A fact about an account.
fn event(house: &House, account: &Account, kind: &str, data: serde_json::Value) -> Event {
    Event {
        id: house.clock.id("evt"),
        team_id: account.team_id.clone(),
        cursor: 0,
        kind: kind.to_owned(),
        account_id: account.id.clone(),
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        trace: Default::default(),
        data,
    }
}

/// Remove what is to go, renew what is paid for, and feel the pulses, until told to stop.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    loop {
        let looked = house.clock.now();
        match look(&house).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(error = format!("{error:#}"), "accounts: will try again"),
        }
        if house.rest(&house.wake.accounts, Some(JobKind::Account), looked, &stop).await {
            return;
        }
    }
}

/// One look; true where there is more to do at once.
async fn look(house: &House) -> anyhow::Result<bool> {
    let more = renewal::renew(house).await?;
    pulse::check(house).await?;
    Ok(removal::step(house).await? || more)
}
