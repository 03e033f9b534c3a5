//! What the network promises, with a host that only listens and a clock that stands still.

mod network;
mod people;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::model::{ChannelType, Inbound, Past, Status};

const START: Millis = 1_700_000_000_000;

/// What a [`Host`] was told, in order.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Message(String),
    Receipt(String, Status, Millis),
    Account(AccountState, Option<String>),
}

/// An intake that remembers, and that refuses the next calls when told to.
#[derive(Default)]
struct Host {
    told: Mutex<Vec<Told>>,
    refuse: Mutex<u32>,
    heard: Notify,
}

impl Host {
    fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    fn receipts(&self) -> Vec<(String, Status)> {
        let receipt = |told| match told {
            Told::Receipt(id, status, _) => Some((id, status)),
            _ => None,
        };
        self.told().into_iter().filter_map(receipt).collect()
    }

    /// Wait until it was told so many things; fails rather than hangs.
    async fn wait(&self, count: usize) -> Vec<Told> {
        let enough = async {
            loop {
                let heard = self.heard.notified();
                if self.told().len() >= count {
                    return;
                }
                heard.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), enough).await;
        assert!(waited.is_ok(), "told only {:?}", self.told());
        self.told()
    }

    fn take(&self, told: Vec<Told>) -> anyhow::Result<()> {
        let mut refuse = self.refuse.lock().unwrap();
        let refused = *refuse > 0;
        *refuse = refuse.saturating_sub(1);
        if !refused {
            self.told.lock().unwrap().extend(told);
        }
        self.heard.notify_waiters();
        self.heard.notify_one();
        anyhow::ensure!(!refused, "not now");
        Ok(())
    }
}

#[async_trait]
impl Intake for Host {
    async fn receive(&self, items: Vec<Inbound>) -> anyhow::Result<()> {
        let told = |item| match item {
            Inbound::Message(message) => Told::Message(message.provider_id),
            Inbound::Status(status) => Told::Receipt(status.message_id, status.status, status.at),
        };
        self.take(items.into_iter().map(told).collect())
    }

    async fn account_changed(
        &self,
        _: &str,
        state: AccountState,
        _: &str,
        phone: Option<&str>,
    ) -> anyhow::Result<()> {
        self.take(vec![Told::Account(state, phone.map(str::to_owned))])
    }

    async fn history(&self, _: &str, _: &[Past], _: bool) -> anyhow::Result<bool> {
        Ok(false)
    }
}

struct Rig {
    clock: Clock,
    host: Arc<Host>,
    sandbox: Arc<Sandbox>,
    account: Account,
    folder: tempfile::TempDir,
}

fn rig(deduplicates: bool) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let sandbox = on(folder.path(), &clock, deduplicates);
    let account = Account {
        nickname: "Shop".into(),
        phone: "+15550100".into(),
        state: AccountState::Open,
        ..Account::new("acc_1".into(), "team_1", ChannelType::Sandbox, START)
    };
    Rig { clock, host: Arc::default(), sandbox, account, folder }
}

fn on(folder: &Path, clock: &Clock, deduplicates: bool) -> Arc<Sandbox> {
    let settings = config::Sandbox { deduplicates, ..config::Config::default().sandbox };
    Sandbox::new(settings, clock.clone(), &folder.join("sandbox.jsonl")).unwrap()
}

impl Rig {
    async fn send(&self, id: &str) -> Result<Sent, SendError> {
        let message = Outgoing {
            id: id.into(),
            to: "+15550199".into(),
            content: Content::text("hello"),
            reply_to: String::new(),
            typing: false,
            possible_duplicate: false,
        };
        self.sandbox.send(&self.account, &message).await
    }

    fn start(&self) {
        self.sandbox.start(self.host.clone());
    }

    fn plan(&self, outcome: Outcome, times: u32) {
        let planned = Planned {
            outcome,
            times,
            code: String::new(),
            message: String::new(),
            after: Some(250),
        };
        let plan = vec![planned];
        self.sandbox.set_behaviour("acc_1", Behaviour { plan, ..self.sandbox.default_behaviour() });
    }

    fn set_receipts(&self, receipts: Receipts) {
        self.sandbox
            .set_behaviour("acc_1", Behaviour { receipts, ..self.sandbox.default_behaviour() });
    }

    fn delivered(&self) -> Vec<String> {
        let records = self.sandbox.outgoing("acc_1", 0, 100).unwrap();
        records.into_iter().map(|record| record.message_id).collect()
    }

    /// The calls in the journal: message id, duplicate, outcome.
    fn journal(&self) -> Vec<(String, bool, Outcome)> {
        let mut calls = Vec::new();
        journal::read(&self.folder.path().join("sandbox.jsonl"), |line| {
            if let journal::Line::Call(record) = line {
                calls.push((record.message_id, record.duplicate, record.outcome));
            }
        })
        .unwrap();
        calls
    }

    /// What a kill and a new start do: nothing is kept but the journal.
    fn restart(&mut self) {
        let deduplicates = self.sandbox.deduplicates();
        self.sandbox = on(self.folder.path(), &self.clock, deduplicates);
    }
}

fn pair(id: &str, status: Status) -> (String, Status) {
    (id.to_owned(), status)
}
