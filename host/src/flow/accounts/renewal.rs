//! Subscriptions go on: each period that begins is an entry of the ledger, once, also those that
//! began while the host was stopped.

use std::collections::{BTreeMap, HashMap};

use super::ledger::{Due, entry};
use crate::flow::House;
use crate::model::{Account, LedgerKind, Millis};
use crate::store::ledger::Entry;
use crate::store::usage::{self, Used};
use crate::store::{Conn, account, ledger, team};

/// Accounts that are renewed in one transaction.
const SET: i64 = 256;

/// Renew one set of those whose period is over; true where there may be more.
pub async fn renew(house: &House) -> anyhow::Result<bool> {
    let now = house.clock.now();
    let over = account::to_renew(&mut *house.store.read().await?, now, SET).await?;
    if over.is_empty() {
        return Ok(false);
    }
    let teams: BTreeMap<String, i64> =
        over.iter().map(|account| (account.team_id.clone(), 1)).collect();
    let renewals: Vec<(Account, Millis)> = over
        .iter()
        .map(|account| (account.clone(), account.period(now).end.max(account.paid_until + 1)))
        .collect();
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &teams).await?;
    // Settle first: what another node renewed, or an owner ended meanwhile, is renewed by nobody here.
    let moved = account::renew(&mut tx, &renewals).await?;
    let ids: Vec<&str> = moved.iter().map(String::as_str).collect();
    let used = usage::of(&mut tx, &ids).await?;
    let mut due = Due::default();
    let mut entries = Vec::new();
    for (account, until) in renewals.iter().filter(|(account, _)| moved.contains(&account.id)) {
        entries.extend(periods(house, &mut tx, &mut due, &used, account, *until).await?);
    }
    ledger::insert(&mut tx, &entries).await?;
    house.commit(tx).await?;
    Ok(true)
}

/// The entries of the periods that began since the last one in the ledger.
async fn periods(
    house: &House,
    conn: &mut Conn,
    due: &mut Due,
    used: &HashMap<(String, Millis), Used>,
    account: &Account,
    until: Millis,
) -> anyhow::Result<Vec<Entry>> {
    if account.paid_until == 0 {
        // It was there before there was a ledger.
        let now = house.clock.now();
        let amount = due.one_more(house, conn, account, now).await?;
        let purchase = entry(house, account, LedgerKind::Purchase, now);
        return Ok(vec![Entry { charged: true, amount, ..purchase }]);
    }
    let limited = house.config.billing.terms(account.tier).messages > 0;
    let mut entries = Vec::new();
    let mut start = account.paid_until;
    while start < until {
        if limited {
            let before = account.period(start - 1).start;
            let messages = used.get(&(account.id.clone(), before)).map_or(0, |used| used.messages);
            let reset = entry(house, account, LedgerKind::Reset, start);
            entries.push(Entry { messages, ..reset });
        }
        let amount = due.one_more(house, conn, account, start).await?;
        let renewal = entry(house, account, LedgerKind::Renewal, start);
        start = renewal.period.end;
        entries.push(Entry { charged: true, amount, ..renewal });
    }
    Ok(entries)
}
