//! How many messages an account may send in a period: counted where they are due, when they are
//! queued, in the transaction that queues them.
//!
//! The transaction holds the team, so two senders cannot both take the last one. All accounts are
//! counted, a set in one statement; only those with a limit are looked up.

mod change;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;

use super::{Refused, archived, refuse};
use crate::flow::{House, record};
use crate::model::{Account, Content, Event, EventKind, Millis, Period, Status};
use crate::store::message::{Forward, NewMessage, Quota};
use crate::store::usage::{self, More, Used};
use crate::store::{Conn, account, message};

pub use change::{Due, again, at_send, give_back, retime, room, tier_changed};

/// The quotas of the accounts that a set of messages is sent from.
pub struct Book<'a> {
    house: &'a House,
    accounts: HashMap<String, Account>,
    /// Of accounts with a limit.
    used: HashMap<(String, Millis), Used>,
    /// The callers' own ids that such accounts have already: a repeat counts nothing.
    known: HashSet<(String, String)>,
    taken: HashMap<(String, Millis), i64>,
}

impl<'a> Book<'a> {
    /// Look up what the messages need. In a transaction that holds their teams.
    pub async fn open(
        house: &'a House,
        conn: &mut Conn,
        rows: impl Iterator<Item = &NewMessage> + Clone,
    ) -> anyhow::Result<Self> {
        let mut ids: Vec<String> = rows.clone().map(|row| row.message.account_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = account::by_ids(conn, &ids).await?;
        let limited: Vec<&str> = found
            .iter()
            .filter(|account| limit(house, account) > 0)
            .map(|account| account.id.as_str())
            .collect();
        let mut known = HashSet::new();
        for id in &limited {
            let theirs = rows.clone().filter(|row| row.message.account_id == *id);
            let clients: Vec<&str> = theirs.filter_map(|row| row.client_id.as_deref()).collect();
            let repeated = message::known_clients(conn, id, &clients).await?;
            known.extend(repeated.into_iter().map(|client| ((*id).to_owned(), client)));
        }
        let used =
            if limited.is_empty() { HashMap::new() } else { usage::of(conn, &limited).await? };
        let accounts = found.into_iter().map(|account| (account.id.clone(), account)).collect();
        Ok(Self { house, accounts, used, known, taken: HashMap::new() })
    }

    /// Take one unit for a message where there is one. Refuses a strict message where there is none,
    /// and marks any other.
    pub fn admit(&mut self, row: &mut NewMessage, strict: bool) -> Result<(), Refused> {
        if matches!(row.message.content, Content::Note { .. }) {
            return Ok(());
        }
        let Some(account) = self.accounts.get(&row.message.account_id) else {
            return Err(refuse("not_found", "the account is gone"));
        };
        if account.is_archived() {
            let refused = archived();
            if strict {
                return Err(refused);
            }
            row.message.status = Status::Error;
            row.message.error_code = refused.code.to_owned();
            row.message.error_message = refused.message;
            return Ok(());
        }
        let period = account.period(row.message.due_at);
        let key = (account.id.clone(), period.start);
        let limit = limit(self.house, account);
        if limit > 0 {
            let client = row.client_id.clone().map(|client| (account.id.clone(), client));
            if client.as_ref().is_some_and(|client| self.known.contains(client)) {
                return Ok(());
            }
            let used = self.used.get(&key).map_or(0, |used| used.messages);
            if used + self.taken.get(&key).copied().unwrap_or(0) >= limit {
                row.options.quota = Quota::Refused;
                return if strict { Err(exhausted(limit, period)) } else { Ok(()) };
            }
            self.known.extend(client);
        }
        *self.taken.entry(key).or_insert(0) += 1;
        row.options.quota = Quota::Counted(period.start);
        Ok(())
    }

    /// Count the messages that were written, and tell where little or nothing is left. Gives lanes.
    pub async fn close(self, conn: &mut Conn, rows: &[NewMessage]) -> anyhow::Result<Vec<String>> {
        let mut counted: BTreeMap<(String, Millis), More> = BTreeMap::new();
        let mut events = Vec::new();
        for row in rows {
            if row.message.status == Status::Error {
                events.push(failed(self.house, row));
            }
            let Quota::Counted(start) = row.options.quota else { continue };
            let more = counted.entry((row.message.account_id.clone(), start)).or_default();
            more.team_id.clone_from(&row.message.team_id);
            more.messages += 1;
            events.extend(self.tell(row, start, more));
        }
        usage::add(conn, &counted).await?;
        record::numbered(self.house, conn, &events).await
    }

    /// The event of the message that brings a period to where it must be told, once in the period. It
    /// stands in the message's own place, which no other event has.
    fn tell(&self, row: &NewMessage, start: Millis, more: &mut More) -> Option<Event> {
        let account = &self.accounts[&row.message.account_id];
        let used = self.used.get(&(account.id.clone(), start)).copied().unwrap_or_default();
        told(self.house, account, start, used, more)
            .map(|event| Event { cursor: row.place, ..event })
    }
}

/// The event that a period is as good as used up, or is: once each in the period, which `more` notes.
fn told(
    house: &House,
    account: &Account,
    start: Millis,
    used: Used,
    more: &mut More,
) -> Option<Event> {
    let (limit, now) = (limit(house, account), house.clock.now());
    if limit == 0 {
        return None;
    }
    let messages = used.messages + more.messages;
    let is_low = messages * 100 >= limit * house.config.billing.usage_low;
    let kind = if messages >= limit && used.exhausted_at + more.exhausted_at == 0 {
        more.exhausted_at = now;
        EventKind::USAGE_EXHAUSTED
    } else if is_low && messages < limit && used.low_at + more.low_at == 0 {
        more.low_at = now;
        EventKind::USAGE_LOW
    } else {
        return None;
    };
    let period = account.period(start);
    Some(Event {
        id: house.clock.id("evt"),
        team_id: account.team_id.clone(),
        cursor: 0,
        kind: kind.to_owned(),
        account_id: account.id.clone(),
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: now,
        depth: 0,
        trace: Default::default(),
        data: json!({
            "messages": messages, "limit": limit, "left": (limit - messages).max(0),
            "period_start": period.start, "period_end": period.end,
        }),
    })
}

/// The event of a message that failed as it was written.
fn failed(house: &House, row: &NewMessage) -> Event {
    let step = Forward {
        error_code: row.message.error_code.clone(),
        error_message: row.message.error_message.clone(),
        ..Forward::to(&row.message.id, Status::Error)
    };
    record::status(house, &row.message, &step, house.clock.now(), row.place)
}

/// Messages of a period; 0: as many as come.
pub fn limit(house: &House, account: &Account) -> i64 {
    house.config.billing.terms(account.tier).messages
}

fn exhausted(limit: i64, period: Period) -> Refused {
    let until = rfc3339(period.end);
    let text = format!(
        "this account has used its {limit} messages: change its tier, or send from {until} on"
    );
    refuse("quota", text)
}

fn rfc3339(at: Millis) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
