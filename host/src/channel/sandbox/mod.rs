//! A whole pretend phone network in the process: customers that write, receipts, QR codes to scan,
//! failures on demand, and a journal of every send.

mod behaviour;
mod history;
mod journal;
mod network;
mod news;
mod pairing;
mod receipts;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use anyhow::Context as _;
use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use behaviour::{Behaviour, Outcome, Planned, Receipts};
pub use journal::Record;
pub use network::Presence;

use super::{Channel, Intake, Outgoing, Review, SendError, Sent, Signal};
use crate::clock::Clock;
use crate::config;
use crate::model::{
    Account, AccountState, Alias, Content, Inbound, InboundMessage, Millis, Past, Referral,
    Template, TemplateStatus,
};
use network::Network;
use news::News;
use pairing::Pairing;

/// How long a customer sees "typing…" when nothing follows.
const TYPING: Millis = 25_000;

/// The sandbox channel. It works from [`Sandbox::start`] to [`Sandbox::stop`] (or its drop).
pub struct Sandbox {
    shared: Arc<Shared>,
}

/// What the channel and its tasks have in common.
struct Shared {
    settings: config::Sandbox,
    clock: Clock,
    network: Mutex<Network>,
    pairings: Mutex<HashMap<String, Pairing>>,
    /// What each account's phone remembers, newest first.
    histories: Mutex<HashMap<String, Arc<Vec<Past>>>>,
    intake: RwLock<Option<Arc<dyn Intake>>>,
    /// A receipt is due earlier than any before it.
    owed: Notify,
    /// Counts changes of codes, typing and reading, for those who watch.
    changes: watch::Sender<u64>,
    stopping: CancellationToken,
}

/// Why the sandbox would not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("account {0} is not waiting for a scan: open it first")]
    NotPairing(String),
}

/// What a customer writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// E.164, with the plus; empty where the network tells only other names.
    pub from: String,
    /// Further names of the same customer.
    pub aliases: Vec<Alias>,
    /// Empty where the customer shows none.
    pub name: String,
    pub content: Content,
    /// The network's id of the message that it answers or reacts to; empty where none.
    pub reply_to: String,
    /// The advertisement whose button the customer clicked, where one did.
    pub referral: Option<Referral>,
    /// The network's id for it, to hand the same message in twice; absent: a new one.
    pub provider_id: Option<String>,
}

impl Sandbox {
    /// Open the journal at `journal` (made where there is none, its folder must exist) and recall
    /// from it the ids that are known and the receipts that are owed.
    ///
    /// # Errors
    /// The journal cannot be read or created.
    pub fn new(
        settings: config::Sandbox,
        clock: Clock,
        journal: &Path,
    ) -> anyhow::Result<Arc<Self>> {
        let defaults = Behaviour {
            receipts: Receipts::On,
            delivered_after: settings.delivered_after,
            read_after: settings.read_after,
            latency: settings.latency,
            plan: Vec::new(),
        };
        let network = Network::open(journal, defaults, settings.deduplicates)
            .with_context(|| format!("the sandbox's journal {}", journal.display()))?;
        let shared = Shared {
            settings,
            clock,
            network: Mutex::new(network),
            pairings: Mutex::default(),
            histories: Mutex::default(),
            intake: RwLock::new(None),
            owed: Notify::new(),
            changes: watch::Sender::new(0),
            stopping: CancellationToken::new(),
        };
        Ok(Arc::new(Self { shared: Arc::new(shared) }))
    }

    /// Hand in to `intake` from now on, the receipts still owed first. Needs a tokio runtime.
    pub fn start(&self, intake: Arc<dyn Intake>) {
        *self.shared.intake.write().unwrap_or_else(PoisonError::into_inner) = Some(intake);
        tokio::spawn(receipts::run(self.shared.clone()));
    }

    /// End the tasks and let go of the intake. What is owed is handed in after the next start.
    pub fn stop(&self) {
        self.shared.stopping.cancel();
        *self.shared.intake.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns once [`Sandbox::stop`] was called.
    pub async fn stopped(&self) {
        self.shared.stopping.cancelled().await;
    }

    /// A customer writes. `Ok` with the network's id of the message means that the host has
    /// committed it; after an error the customer may hand it in again under the same id.
    pub async fn incoming(&self, account_id: &str, incoming: Incoming) -> anyhow::Result<String> {
        let provider_id = incoming.provider_id.unwrap_or_else(|| self.shared.clock.id("wamid"));
        let message = InboundMessage {
            account_id: account_id.to_owned(),
            provider_id: provider_id.clone(),
            from: incoming.from,
            aliases: incoming.aliases,
            name: incoming.name,
            at: self.shared.clock.now(),
            content: incoming.content,
            reply_to: incoming.reply_to,
            referral: incoming.referral,
        };
        self.shared.intake()?.receive(vec![Inbound::Message(message)]).await?;
        Ok(provider_id)
    }

    /// What reached the account's customers after place `after` (0: from the first), oldest first
    /// and at most `limit`. Recent ones come from memory, older ones from the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn outgoing(
        &self,
        account_id: &str,
        after: i64,
        limit: usize,
    ) -> std::io::Result<Vec<Record>> {
        self.shared.network().outgoing(account_id, after, limit)
    }

    /// Whether a receipt is due that the host does not have yet.
    pub fn owes_now(&self) -> bool {
        let now = self.shared.clock.now();
        self.shared.network().owes(now)
    }

    pub fn behaviour(&self, account_id: &str) -> Behaviour {
        self.shared.network().behaviour(account_id).clone()
    }

    /// From the next send on; receipts already owed keep their times.
    pub fn set_behaviour(&self, account_id: &str, behaviour: Behaviour) {
        *self.shared.network().behaviour(account_id) = behaviour;
    }

    /// What an account's behaviour is until it is set.
    pub fn default_behaviour(&self) -> Behaviour {
        self.shared.network().defaults().clone()
    }

    /// Scan the account's QR code with the phone of this number (E.164). Returns once the host
    /// knows that the account is open.
    pub async fn scan(&self, account_id: &str, phone: &str) -> Result<(), SandboxError> {
        self.shared.scan_code(account_id, phone).await
    }

    /// What the account's phone remembers, and brings along at the next scan.
    pub fn set_history(&self, account_id: &str, history: Vec<Past>) {
        self.shared.set_history(account_id, history);
    }

    /// What the customer sees of the business: typing, and how far it has read.
    pub fn presence(&self, account_id: &str, customer: &str) -> Presence {
        self.shared.network().presence(account_id, customer)
    }

    /// Changes whenever a QR code or a [`Presence`] does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}

#[async_trait]
impl Channel for Sandbox {
    fn deduplicates(&self) -> bool {
        self.shared.settings.deduplicates
    }

    async fn send(&self, account: &Account, message: &Outgoing) -> Result<Sent, SendError> {
        if account.state != AccountState::Open {
            return Err(SendError::Retry {
                code: "account_not_open".to_owned(),
                message: format!(
                    "account {} is {}: open it and scan its QR code",
                    account.id, account.state
                ),
                after: None,
            });
        }
        let (record, planned, latency) = self.shared.call(&account.id, message)?;
        if latency > 0 {
            self.shared.clock.sleep(latency).await;
        }
        behaviour::answer(&record, planned.after)
    }

    async fn signal(&self, account: &Account, to: &str, signal: &Signal) -> Result<(), SendError> {
        let now = self.shared.clock.now();
        let changed = self.shared.network().signal(&account.id, to, |presence| match signal {
            Signal::Typing => presence.typing_until = now + TYPING,
            Signal::Read(provider_id) => presence.read.clone_from(provider_id),
        });
        if changed {
            self.shared.changed();
        }
        Ok(())
    }

    /// The pretend reviewer likes everything, after a while; `/sandbox` can decide otherwise.
    async fn review(&self, template: &Template) -> Result<Review, SendError> {
        if !template.provider_id.is_empty() {
            return Ok(Review::Decided { status: TemplateStatus::Approved, reason: String::new() });
        }
        let after = Some(self.shared.settings.template_review).filter(|after| *after >= 0);
        Ok(Review::Pending { provider_id: self.shared.clock.id("hsm"), after })
    }

    async fn open(&self, account: &Account) {
        self.shared.begin_pairing(&account.id);
    }

    async fn close(&self, account: &Account) {
        self.shared.end_pairing(&account.id);
        let state = AccountState::Close;
        let news =
            News::Account { id: &account.id, state, reason: "closed on request", phone: None };
        if let Err(error) = self.shared.offer(&news).await {
            tracing::warn!(%error, account = account.id, "the host did not store that the account is closed");
        }
    }

    async fn log_out(&self, account: &Account) {
        self.shared.end_pairing(&account.id);
    }

    fn qr(&self, account_id: &str) -> Option<(String, Millis)> {
        self.shared.code(account_id)
    }
}

impl Shared {
    /// One send, written down and done; with the latency of its answer.
    fn call(
        &self,
        account_id: &str,
        message: &Outgoing,
    ) -> Result<(Record, Planned, Millis), SendError> {
        let mut network = self.network();
        let (now, due_before) = (self.clock.now(), network.next_due());
        let call = network.call(account_id, message, now, self.clock.id("wamid"));
        let (record, planned) = call.map_err(|error| SendError::Retry {
            code: "journal".to_owned(),
            message: format!("the sandbox cannot write its journal: {error}"),
            after: None,
        })?;
        if network.next_due() != due_before {
            self.owed.notify_one();
        }
        if record.outcome.taken()
            && network.signal(account_id, &message.to, |presence| presence.typing_until = 0)
        {
            self.changed();
        }
        let latency = network.behaviour(account_id).latency;
        Ok((record, planned, latency))
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pairings(&self) -> MutexGuard<'_, HashMap<String, Pairing>> {
        self.pairings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn intake(&self) -> anyhow::Result<Arc<dyn Intake>> {
        let intake = self.intake.read().unwrap_or_else(PoisonError::into_inner);
        intake.clone().context("the sandbox is not running")
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
