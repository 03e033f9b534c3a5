//! What the pretend network remembers: who got what, which ids it knows, which receipts it owes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::Path;

use crate::channel::Outgoing;
use crate::model::{InboundStatus, Millis, Status};

use super::behaviour::{Behaviour, Planned, Receipts};
use super::journal::{self, Journal, Line, Record};

/// Delivered messages of one account kept in memory; older ones are read from the journal.
const WINDOW: usize = 10_000;
/// Message ids remembered for deduplication, over all accounts.
const KNOWN: usize = 200_000;
/// Customers of one account whose typing and reading are remembered.
const PRESENCES: usize = 10_000;
/// Receipts handed in at once.
const BATCH: usize = 500;

pub(super) struct Network {
    pub(super) journal: Journal,
    defaults: Behaviour,
    deduplicates: bool,
    last_seq: i64,
    phones: HashMap<String, Phone>,
    /// Provider ids by message id, and the order in which they came.
    known: HashMap<String, String>,
    known_order: VecDeque<String>,
    /// By due time, then by arrival.
    owed: BTreeMap<(Millis, u64), InboundStatus>,
    /// Receipts that are being handed in.
    in_hand: usize,
    arrivals: u64,
}

/// One account's side of the network.
struct Phone {
    behaviour: Behaviour,
    delivered: VecDeque<Record>,
    /// The last place that fell out of `delivered`.
    forgotten: i64,
    presences: HashMap<String, Presence>,
}

/// The signs that the business gave a customer last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Presence {
    pub typing_until: Millis,
    /// The provider id of the customer's last message that the business has read.
    pub read: String,
}

impl Network {
    /// Open the journal and learn from it which ids are known and which receipts are owed.
    pub fn open(path: &Path, defaults: Behaviour, deduplicates: bool) -> io::Result<Self> {
        let mut network = Self {
            journal: Journal::open(path)?,
            defaults,
            deduplicates,
            last_seq: 0,
            phones: HashMap::new(),
            known: HashMap::new(),
            known_order: VecDeque::new(),
            owed: BTreeMap::new(),
            in_hand: 0,
            arrivals: 0,
        };
        network.recall()?;
        Ok(network)
    }

    fn recall(&mut self) -> io::Result<()> {
        let mut owed = HashMap::new();
        let path = self.journal.path().to_owned();
        journal::read(&path, |line| match line {
            Line::Call(record) => {
                for (due, status) in receipts(&record, &self.defaults) {
                    owed.insert((status.provider_id.clone(), status.status), (due, status));
                }
                self.apply(*record);
            }
            Line::Receipt { provider_id, status, .. } => {
                owed.remove(&(provider_id, status));
            }
        })?;
        let mut owed: Vec<_> = owed.into_values().collect();
        owed.sort_by(|(due_a, a), (due_b, b)| {
            (due_a, &a.provider_id, a.status).cmp(&(due_b, &b.provider_id, b.status))
        });
        for (due, status) in owed {
            self.owe(due, status);
        }
        Ok(())
    }

    /// One call: decide what becomes of it, write it down, and only then let it happen. Answers the
    /// record, and what was planned for it.
    pub fn call(
        &mut self,
        account_id: &str,
        message: &Outgoing,
        now: Millis,
        new_id: String,
    ) -> io::Result<(Record, Planned)> {
        let mut behaviour = self.phone(account_id).behaviour.clone();
        let planned = behaviour.next();
        let known = if self.deduplicates { self.known.get(&message.id) } else { None };
        let taken = planned.outcome.taken();
        let record = Record {
            seq: self.last_seq + 1,
            at: now,
            account_id: account_id.to_owned(),
            message_id: message.id.clone(),
            provider_id: if taken { known.cloned().unwrap_or(new_id) } else { String::new() },
            to: message.to.clone(),
            content: message.content.clone(),
            reply_to: message.reply_to.clone(),
            possible_duplicate: message.possible_duplicate,
            duplicate: taken && known.is_some(),
            outcome: planned.outcome,
            error_code: planned.code.clone(),
            error_message: planned.message.clone(),
            receipts: behaviour.receipts,
        };
        self.journal.append(&[Line::Call(Box::new(record.clone()))])?;
        for (due, status) in receipts(&record, &behaviour) {
            if record.receipts == Receipts::Duplicated {
                self.owe(due, status.clone());
            }
            self.owe(due, status);
        }
        self.phone(account_id).behaviour = behaviour;
        self.apply(record.clone());
        Ok((record, planned))
    }

    /// Remember a call that is in the journal.
    fn apply(&mut self, record: Record) {
        self.last_seq = self.last_seq.max(record.seq);
        if !record.outcome.taken() || record.duplicate {
            return;
        }
        if self.known.insert(record.message_id.clone(), record.provider_id.clone()).is_none() {
            self.known_order.push_back(record.message_id.clone());
        }
        if self.known_order.len() > KNOWN
            && let Some(oldest) = self.known_order.pop_front()
        {
            self.known.remove(&oldest);
        }
        if !record.outcome.delivered() {
            return;
        }
        let phone = self.phone(&record.account_id);
        phone.delivered.push_back(record);
        if phone.delivered.len() > WINDOW
            && let Some(oldest) = phone.delivered.pop_front()
        {
            phone.forgotten = oldest.seq;
        }
    }

    fn owe(&mut self, due: Millis, status: InboundStatus) {
        self.arrivals += 1;
        self.owed.insert((due, self.arrivals), status);
    }

    /// When the next receipt is due; `None` while nothing is owed.
    pub fn next_due(&self) -> Option<Millis> {
        self.owed.first_key_value().map(|((due, _), _)| *due)
    }

    /// Take the receipts that are due, in order; at most a batch.
    pub fn take_due(&mut self, now: Millis) -> Vec<InboundStatus> {
        let mut due = Vec::new();
        while due.len() < BATCH
            && let Some(entry) = self.owed.first_entry()
            && entry.key().0 <= now
        {
            due.push(entry.remove());
        }
        self.in_hand = due.len();
        due
    }

    /// Whether a receipt is due by now that the host does not have yet.
    pub fn owes(&self, now: Millis) -> bool {
        self.in_hand > 0 || self.next_due().is_some_and(|due| due <= now)
    }

    /// Write down that the host has these receipts.
    pub fn settle(&mut self, receipts: &[InboundStatus], now: Millis) -> io::Result<()> {
        self.in_hand = 0;
        let line = |status: &InboundStatus| Line::Receipt {
            at: now,
            account_id: status.account_id.clone(),
            provider_id: status.provider_id.clone(),
            status: status.status,
        };
        self.journal.append(&receipts.iter().map(line).collect::<Vec<_>>())
    }

    /// What reached the account's customers after place `after`, oldest first.
    pub fn outgoing(
        &mut self,
        account_id: &str,
        after: i64,
        limit: usize,
    ) -> io::Result<Vec<Record>> {
        let phone = self.phone(account_id);
        if after >= phone.forgotten {
            let start = phone.delivered.partition_point(|record| record.seq <= after);
            return Ok(phone.delivered.range(start..).take(limit).cloned().collect());
        }
        let mut records = Vec::new();
        journal::read(self.journal.path(), |line| {
            if let Line::Call(record) = line
                && record.account_id == account_id
                && record.seq > after
                && record.outcome.delivered()
                && !record.duplicate
                && records.len() < limit
            {
                records.push(*record);
            }
        })?;
        Ok(records)
    }

    pub fn behaviour(&mut self, account_id: &str) -> &mut Behaviour {
        &mut self.phone(account_id).behaviour
    }

    /// What a new account begins with.
    pub fn defaults(&self) -> &Behaviour {
        &self.defaults
    }

    pub fn presence(&self, account_id: &str, customer: &str) -> Presence {
        let phone = self.phones.get(account_id);
        phone.and_then(|phone| phone.presences.get(customer)).cloned().unwrap_or_default()
    }

    /// Change what a customer sees of the business; true where that made a difference.
    pub fn signal(
        &mut self,
        account_id: &str,
        customer: &str,
        change: impl FnOnce(&mut Presence),
    ) -> bool {
        let presences = &mut self.phone(account_id).presences;
        if presences.len() >= PRESENCES {
            presences.clear();
        }
        let presence = presences.entry(customer.to_owned()).or_default();
        let before = presence.clone();
        change(presence);
        *presence != before
    }

    fn phone(&mut self, account_id: &str) -> &mut Phone {
        self.phones.entry(account_id.to_owned()).or_insert_with(|| Phone {
            behaviour: self.defaults.clone(),
            delivered: VecDeque::new(),
            forgotten: 0,
            presences: HashMap::new(),
        })
    }
}

/// The receipts that a call leads to, with their due times, in order.
fn receipts(record: &Record, behaviour: &Behaviour) -> Vec<(Millis, InboundStatus)> {
    if !record.outcome.taken() || record.duplicate || record.receipts == Receipts::Off {
        return Vec::new();
    }
    let first = record.at + behaviour.delivered_after;
    let second = first.max(record.at + behaviour.read_after);
    let statuses: &[(Millis, Status)] = match (record.outcome.delivered(), record.receipts) {
        (false, _) => &[(first, Status::Error)],
        (true, Receipts::Reordered) => &[(first, Status::Read), (second, Status::Delivered)],
        (true, _) => &[(first, Status::Delivered), (second, Status::Read)],
    };
    let status = |&(at, status)| InboundStatus {
        account_id: record.account_id.clone(),
        message_id: record.message_id.clone(),
        provider_id: record.provider_id.clone(),
        status,
        at,
        error_code: if status == Status::Error { record.error_code.clone() } else { String::new() },
        error_message: if status == Status::Error {
            record.error_message.clone()
        } else {
            String::new()
        },
    };
    statuses.iter().map(|due| (due.0, status(due))).collect()
}
