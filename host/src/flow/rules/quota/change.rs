//! What was counted changes: at the moment of sending, by a retry, another time, another tier; and what
//! is to come.

use std::collections::{BTreeMap, BTreeSet};

use super::{exhausted, limit, rfc3339, told};
use crate::flow::rules::{Refused, refuse};
use crate::flow::{House, record};
use crate::model::{Account, Message, Millis};
use crate::store::message::{Options, Quota, Sendable};
use crate::store::usage::{self, More};
use crate::store::{Conn, account, message, team};

/// At the moment of sending: a message that found no room when it was queued fails, unless its
/// account's tier was changed since; so does one beyond the limit of a tier that its account was
/// changed to.
pub async fn at_send(
    house: &House,
    account: &Account,
    sendable: &Sendable,
) -> anyhow::Result<Result<(), Refused>> {
    let limit = limit(house, account);
    if limit == 0 {
        return Ok(Ok(()));
    }
    let fits = match sendable.options.quota {
        Quota::Free => true,
        Quota::Counted(start) => {
            let mut conn = house.store.read().await?;
            used_in(&mut conn, account, start).await? <= limit
        }
        Quota::Refused => false,
    };
    if fits || recount(house, account, sendable, limit).await? {
        return Ok(Ok(()));
    }
    Ok(Err(exhausted(limit, account.period(house.clock.now()))))
}

async fn used_in(conn: &mut Conn, account: &Account, start: Millis) -> anyhow::Result<i64> {
    let used = usage::of(conn, std::slice::from_ref(&account.id)).await?;
    Ok(used.get(&(account.id.clone(), start)).map_or(0, |used| used.messages))
}

/// Look once more, with the team held: a message beyond its period's limit gives its unit back, and
/// one that had none takes one where there is room now. True where it may leave.
async fn recount(
    house: &House,
    account: &Account,
    sendable: &Sendable,
    limit: i64,
) -> anyhow::Result<bool> {
    let message = &sendable.message;
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(account.team_id.clone(), 1)])).await?;
    let quota = match sendable.options.quota {
        Quota::Free => return Ok(true),
        Quota::Counted(start) => {
            if used_in(&mut tx, account, start).await? <= limit {
                return Ok(true);
            }
            give_back(&mut tx, std::slice::from_ref(&message.id)).await?;
            Quota::Refused
        }
        Quota::Refused => {
            let start = account.period(house.clock.now()).start;
            if used_in(&mut tx, account, start).await? >= limit {
                return Ok(false);
            }
            take(house, &mut tx, account, start, 1).await?;
            Quota::Counted(start)
        }
    };
    message::set_options(&mut tx, &message.id, &Options { quota, ..sendable.options.clone() })
        .await?;
    house.commit(tx).await?;
    Ok(quota != Quota::Refused)
}

/// Count so many more messages in a period, and tell where little or nothing is left. In a
/// transaction that holds the team.
async fn take(
    house: &House,
    conn: &mut Conn,
    account: &Account,
    start: Millis,
    messages: i64,
) -> anyhow::Result<()> {
    let key = (account.id.clone(), start);
    let used = usage::of(conn, std::slice::from_ref(&account.id)).await?;
    let used = used.get(&key).copied().unwrap_or_default();
    let mut more = More { team_id: account.team_id.clone(), messages, ..More::default() };
    let event = told(house, account, start, used, &mut more);
    usage::add(conn, &BTreeMap::from([(key, more)])).await?;
    let Some(event) = event else { return Ok(()) };
    let mut numbers = team::draw(conn, &BTreeMap::from([(account.team_id.clone(), 1)])).await?;
    record::events(house, conn, &mut numbers, vec![event]).await
}

/// An account's tier is another: where a period that runs or is to come has used what that allows, or
/// nearly, it is told. In a transaction that holds the team.
pub async fn tier_changed(house: &House, conn: &mut Conn, account: &Account) -> anyhow::Result<()> {
    let now = account.period(house.clock.now()).start;
    let used = usage::of(conn, std::slice::from_ref(&account.id)).await?;
    let starts: BTreeSet<Millis> = used.into_keys().map(|(_, start)| start).collect();
    for start in starts.range(now..) {
        take(house, conn, account, *start, 0).await?;
    }
    Ok(())
}

/// A message is queued once more, due at once: it counts again, in the period that runs. In a
/// transaction that holds its team; where it is refused, that must not be committed.
pub async fn again(
    house: &House,
    conn: &mut Conn,
    account: &Account,
    message: &Message,
) -> anyhow::Result<Result<(), Refused>> {
    let Some(options) = message::options(conn, &message.id).await? else { return Ok(Ok(())) };
    let period = account.period(house.clock.now());
    let limit = limit(house, account);
    if limit > 0 && used_in(conn, account, period.start).await? >= limit {
        return Ok(Err(exhausted(limit, period)));
    }
    take(house, conn, account, period.start, 1).await?;
    let quota = Quota::Counted(period.start);
    message::set_options(conn, &message.id, &Options { quota, ..options }).await?;
    Ok(Ok(()))
}

/// Whether there is room for messages that are due then: those of a bulk send, and `others` that are
/// to come and not counted yet. What else takes room meanwhile cannot be known.
pub async fn room(
    house: &House,
    conn: &mut Conn,
    account: &Account,
    wanted: &Due,
    others: &Due,
) -> anyhow::Result<Result<(), Refused>> {
    let limit = limit(house, account);
    if limit == 0 {
        return Ok(Ok(()));
    }
    let used = usage::of(conn, std::slice::from_ref(&account.id)).await?;
    for (start, count) in wanted {
        let used = used.get(&(account.id.clone(), *start)).map_or(0, |used| used.messages);
        let left = (limit - used - others.get(start).copied().unwrap_or(0)).max(0);
        if *count > left {
            let until = rfc3339(account.period(*start).end);
            let text = format!(
                "{count} of its messages would be due by {until}, and {left} of {limit} are left: \
                 change the account's tier, or begin with fewer recipients or later"
            );
            return Ok(Err(refuse("quota", text)));
        }
    }
    Ok(Ok(()))
}

/// How many messages are due in each period, by its beginning.
pub type Due = BTreeMap<Millis, i64>;

/// A message that waits is due at another time: it counts in the period of that. In a transaction
/// that holds its team; where it is refused, that must not be committed.
pub async fn retime(
    house: &House,
    conn: &mut Conn,
    message: &Message,
    due_at: Millis,
) -> anyhow::Result<Result<(), Refused>> {
    let Some(account) = account::get(conn, &message.team_id, &message.account_id).await? else {
        return Ok(Ok(()));
    };
    let period = account.period(due_at);
    let Some(options) = message::options(conn, &message.id).await? else { return Ok(Ok(())) };
    if matches!(options.quota, Quota::Counted(start) if start == period.start) {
        return Ok(Ok(()));
    }
    let limit = limit(house, &account);
    if limit > 0 && used_in(conn, &account, period.start).await? >= limit {
        return Ok(Err(exhausted(limit, period)));
    }
    give_back(conn, std::slice::from_ref(&message.id)).await?;
    take(house, conn, &account, period.start, 1).await?;
    let quota = Quota::Counted(period.start);
    message::set_options(conn, &message.id, &Options { quota, ..options }).await?;
    Ok(Ok(()))
}

/// Give back what these messages had taken. In a transaction that holds their teams.
pub async fn give_back(conn: &mut Conn, message_ids: &[String]) -> anyhow::Result<()> {
    if !message_ids.is_empty() {
        let counted = message::counted(conn, message_ids).await?;
        usage::give_back(conn, &counted).await?;
    }
    Ok(())
}
