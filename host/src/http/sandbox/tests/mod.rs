//! The sandbox's HTTP surface, on a house that keeps its messages in memory.

mod endpoints;

use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::channel::{Channel as _, Intake, Outgoing};
use crate::config::Config;
use crate::model::{AccountState, ChannelType, Content, Direction, Inbound, Status};

/// A house of one account, `acc_1`, that is its own intake.
pub(super) struct Memory {
    clock: Clock,
    sandbox: Arc<Sandbox>,
    commits: watch::Sender<u64>,
    rows: Mutex<Rows>,
    _folder: tempfile::TempDir,
}

struct Rows {
    account: Account,
    messages: Vec<(String, Message)>,
}

impl Memory {
    fn new(clock: Clock) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let settings = Config::default().sandbox;
        let sandbox =
            Sandbox::new(settings, clock.clone(), &folder.path().join("sandbox.jsonl")).unwrap();
        let account = Account {
            nickname: "Corner Shop".into(),
            phone: "+15550100".into(),
            state: AccountState::Open,
            ..Account::new("acc_1".into(), "team_1", ChannelType::Sandbox, clock.now())
        };
        let rows = Mutex::new(Rows { account, messages: Vec::new() });
        let house = Arc::new(Self {
            clock,
            sandbox,
            commits: watch::Sender::new(0),
            rows,
            _folder: folder,
        });
        house.sandbox.start(house.clone());
        house
    }

    fn change<T>(&self, change: impl FnOnce(&mut Rows) -> T) -> T {
        let result = change(&mut self.rows.lock().unwrap());
        self.commits.send_modify(|count| *count += 1);
        result
    }

    fn row(&self, id: String, direction: Direction, content: Content) -> Message {
        Message {
            id,
            team_id: "team_1".into(),
            account_id: "acc_1".into(),
            chat_id: "chat_1".into(),
            contact_id: "con_1".into(),
            direction,
            content,
            status: Status::Pending,
            provider_id: String::new(),
            reply_to: String::new(),
            due_at: self.clock.now(),
            created_at: self.clock.now(),
            sent_at: None,
            error_code: String::new(),
            error_message: String::new(),
            possible_duplicate: false,
            depth: 0,
            trace: Default::default(),
        }
    }

    /// What the business sends, through the channel as the outbox would.
    async fn reply(&self, phone: &str, content: Content) -> String {
        let message = self.row(self.clock.id("msg"), Direction::Out, content.clone());
        let id = message.id.clone();
        let account = self.change(|rows| {
            rows.messages.push((phone.to_owned(), message));
            rows.account.clone()
        });
        let outgoing = Outgoing {
            id: id.clone(),
            to: phone.to_owned(),
            content,
            reply_to: String::new(),
            typing: false,
            possible_duplicate: false,
        };
        let sent = self.sandbox.send(&account, &outgoing).await;
        self.change(|rows| {
            let message = rows.messages.iter_mut().find(|(_, message)| message.id == id).unwrap();
            match sent {
                Ok(sent) => {
                    (message.1.status, message.1.provider_id) = (Status::Sent, sent.provider_id)
                }
                Err(error) => {
                    (message.1.status, message.1.error_message) = (Status::Error, error.to_string())
                }
            }
        });
        id
    }
}

#[async_trait]
impl House for Memory {
    async fn decide_template(&self, _: &str, _: TemplateStatus, _: &str) -> anyhow::Result<bool> {
        Ok(false)
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    async fn accounts(&self) -> anyhow::Result<Vec<Account>> {
        Ok(vec![self.rows.lock().unwrap().account.clone()])
    }

    async fn account(&self, account_id: &str) -> anyhow::Result<Option<Account>> {
        Ok(self.accounts().await?.into_iter().find(|account| account.id == account_id))
    }

    async fn chat_page(&self, _: &str, phone: &str, _: i64) -> anyhow::Result<Vec<Message>> {
        let rows = self.rows.lock().unwrap();
        Ok(rows
            .messages
            .iter()
            .filter(|(to, _)| to == phone)
            .map(|(_, message)| message.clone())
            .collect())
    }
}

#[async_trait]
impl Intake for Memory {
    async fn receive(&self, items: Vec<Inbound>) -> anyhow::Result<()> {
        self.change(|rows| {
            for item in items {
                match item {
                    Inbound::Message(new) => {
                        if rows
                            .messages
                            .iter()
                            .any(|(_, message)| message.provider_id == new.provider_id)
                        {
                            continue;
                        }
                        let mut message =
                            self.row(self.clock.id("msg"), Direction::In, new.content);
                        (message.provider_id, message.status) =
                            (new.provider_id, Status::Delivered);
                        rows.messages.push((new.from, message));
                    }
                    Inbound::Status(new) => {
                        let sent = rows
                            .messages
                            .iter_mut()
                            .find(|(_, message)| message.id == new.message_id);
                        let (_, message) = sent.unwrap();
                        if new.status.rank() > message.status.rank() {
                            message.status = new.status;
                            (message.error_code, message.error_message) =
                                (new.error_code, new.error_message);
                        }
                    }
                }
            }
        });
        Ok(())
    }

    async fn account_changed(
        &self,
        _: &str,
        state: AccountState,
        reason: &str,
        phone: Option<&str>,
    ) -> anyhow::Result<()> {
        self.change(|rows| {
            rows.account.state = state;
            rows.account.reason = reason.to_owned();
            if let Some(phone) = phone {
                rows.account.phone = phone.to_owned();
            }
        });
        Ok(())
    }

    async fn history(&self, _: &str, _: &[crate::model::Past], _: bool) -> anyhow::Result<bool> {
        Ok(false)
    }
}

struct Rig {
    house: Arc<Memory>,
    clock: Clock,
}

fn rig() -> Rig {
    let clock = Clock::manual(1_700_000_000_000);
    Rig { house: Memory::new(clock.clone()), clock }
}

impl Rig {
    async fn call(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer = routes(self.house.clone()).oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn incoming(&self, body: Value) -> (StatusCode, Value) {
        self.call("POST", "/sandbox/accounts/acc_1/incoming", body).await
    }
}
