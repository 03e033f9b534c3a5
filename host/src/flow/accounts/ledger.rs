//! Entries of the ledger, each with what it costs at the moment it is written.
//!
//! An account costs what the graduated table says for one more of its tier in its calendar month, so
//! that a month's entries add up to the table's price for all of them.

use std::collections::HashMap;

use crate::flow::House;
use crate::model::{Account, LedgerKind, Millis, Period, Tier, marginal, month_of};
use crate::store::ledger::Entry;
use crate::store::{Conn, ledger};

/// What the accounts of a set cost, each after those before it.
#[derive(Default)]
pub struct Due(HashMap<(String, String), HashMap<Tier, i64>>);

impl Due {
    /// One more account of this tier in the month of `at`. In a transaction that holds the team.
    pub async fn one_more(
        &mut self,
        house: &House,
        conn: &mut Conn,
        account: &Account,
        at: Millis,
    ) -> anyhow::Result<i64> {
        let key = (account.team_id.clone(), month_of(at));
        if !self.0.contains_key(&key) {
            let charges = ledger::charges(conn, &key.0, &key.1).await?;
            let counts = charges.into_iter().map(|(tier, (accounts, _))| (tier, accounts));
            self.0.insert(key.clone(), counts.collect());
        }
        let counts = self.0.entry(key).or_default();
        let before = counts.entry(account.tier).or_insert(0);
        *before += 1;
        Ok(marginal(&house.config.billing.terms(account.tier).prices, *before - 1))
    }
}

/// An entry about an account's tier and the period that holds `at`, which costs nothing yet.
pub fn entry(house: &House, account: &Account, kind: LedgerKind, at: Millis) -> Entry {
    Entry {
        id: house.clock.id("led"),
        team_id: account.team_id.clone(),
        account_id: account.id.clone(),
        kind,
        tier: account.tier,
        previous_tier: None,
        at,
        month: month_of(at),
        period: account.period(at),
        charged: false,
        amount: 0,
        currency: house.config.billing.currency.clone(),
        messages: 0,
    }
}

/// The entry of an account that is bought now, whose period is paid for from here on. In a
/// transaction that holds the team; the caller writes the account.
pub async fn purchase(house: &House, conn: &mut Conn, account: &mut Account) -> anyhow::Result<()> {
    let now = house.clock.now();
    let amount = Due::default().one_more(house, conn, account, now).await?;
    let entry = Entry { charged: true, amount, ..entry(house, account, LedgerKind::Purchase, now) };
    account.paid_until = entry.period.end;
    ledger::insert(conn, &[entry]).await?;
    Ok(())
}

/// A dearer tier costs the difference to what this period was paid for; a cheaper one gives nothing
/// back, and costs less from the next period on.
pub async fn tier_change(
    house: &House,
    conn: &mut Conn,
    account: &Account,
    previous: Tier,
) -> anyhow::Result<()> {
    let now = house.clock.now();
    let Period { start, .. } = account.period(now);
    let paid = ledger::charged(conn, &account.id, start).await?;
    let price = Due::default().one_more(house, conn, account, now).await?;
    let amount = (price - paid).max(0);
    let entry = Entry {
        previous_tier: Some(previous),
        charged: amount > 0,
        amount,
        ..entry(house, account, LedgerKind::TierChange, now)
    };
    ledger::insert(conn, &[entry]).await?;
    Ok(())
}

/// The subscription ends.
pub async fn end(
    house: &House,
    conn: &mut Conn,
    account: &Account,
    kind: LedgerKind,
) -> anyhow::Result<()> {
    let entry = entry(house, account, kind, house.clock.now());
    ledger::insert(conn, &[entry]).await?;
    Ok(())
}
