//! The sandbox's HTTP surface, on a house that keeps its messages in memory.

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
            id: "acc_1".into(),
            team_id: "team_1".into(),
            channel: ChannelType::Sandbox,
            nickname: "Corner Shop".into(),
            phone: "+15550100".into(),
            state: AccountState::Open,
            reason: String::new(),
            created_at: clock.now(),
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

#[tokio::test]
async fn a_customer_can_send_every_kind_of_message() {
    let rig = rig();
    let file = json!({ "url": "https://example.com/file" });
    let kinds = [
        ("text", json!("hi")),
        ("image", file.clone()),
        ("audio", file.clone()),
        ("video", file.clone()),
        ("document", file.clone()),
        ("sticker", file),
        ("location", json!({ "latitude": 52.5, "longitude": 13.4 })),
        ("contacts", json!([{ "name": { "formatted_name": "Max" } }])),
        ("interactive", json!({ "reply": { "id": "yes", "title": "Yes" } })),
        ("reaction", json!({ "message_id": "msg_1", "emoji": "👍" })),
        ("other", json!({ "type": "order" })),
    ];
    for (kind, value) in kinds {
        let (status, answer) =
            rig.incoming(json!({ "from": "+1 (555) 010-0199", "type": kind, kind: value })).await;
        assert_eq!(status, StatusCode::OK, "{kind}: {answer}");
        let stored = rig.house.chat_page("acc_1", "+15550100199", 100).await.unwrap();
        let last = stored.last().unwrap();
        assert_eq!((last.content.kind(), &json!(last.provider_id)), (kind, &answer["id"]));
    }
}

#[tokio::test]
async fn the_same_id_is_the_same_message() {
    let rig = rig();
    let hello = json!({ "from": "+15550100199", "type": "text", "text": "hi", "id": "wamid.1", "name": "Ana" });
    for _ in 0..2 {
        assert_eq!(rig.incoming(hello.clone()).await, (StatusCode::OK, json!({ "id": "wamid.1" })));
    }
    assert_eq!(rig.house.chat_page("acc_1", "+15550100199", 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let rig = rig();
    let refused = [
        (json!({ "type": "text", "text": "hi" }), "from: "),
        (json!({ "from": "12", "type": "text", "text": "hi" }), "from: "),
        (json!({ "from": "+15550100199", "text": "hi" }), "type: "),
        (json!({ "from": "+15550100199", "type": "fax", "fax": "hi" }), "fax: "),
        (json!({ "from": "+15550100199", "type": "note", "text": "hi" }), "type: "),
        (json!({ "from": "+15550100199", "type": "text", "text": "hi", "txet": 1 }), "txet: "),
        (json!({ "from": "+15550100199", "type": "text", "text": " " }), "text: "),
        (json!({ "from": "+15550100199", "type": "text", "text": "hi", "name": 7 }), "name: "),
        (
            json!({ "from": "+15550100199", "type": "image", "image": { "link": "x" } }),
            "image: unknown field `link`",
        ),
        (json!(["hi"]), "give an object"),
    ];
    for (body, begins) in refused {
        let (status, answer) = rig.incoming(body.clone()).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(message.starts_with(begins), "{body}: {message}");
    }
    assert!(rig.house.rows.lock().unwrap().messages.is_empty());
}

#[tokio::test]
async fn an_unknown_account_is_not_found() {
    let rig = rig();
    let hello = json!({ "from": "+15550100199", "type": "text", "text": "hi" });
    let tries = [
        ("POST", "incoming", hello),
        ("GET", "outgoing", Value::Null),
        ("GET", "behaviour", Value::Null),
        ("GET", "qr", Value::Null),
        ("POST", "scan", json!({ "phone": "+15550100" })),
        ("GET", "chats/+15550100199/stream", Value::Null),
    ];
    for (method, path, body) in tries {
        let (status, answer) =
            rig.call(method, &format!("/sandbox/accounts/acc_2/{path}"), body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (StatusCode::NOT_FOUND, &json!("not-found")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_customers_got_is_read_page_by_page() {
    let rig = rig();
    for text in ["one", "two", "three"] {
        rig.house.reply("+15550100199", Content::text(text)).await;
    }
    let (_, first) = rig.call("GET", "/sandbox/accounts/acc_1/outgoing?limit=2", Value::Null).await;
    let texts: Vec<_> =
        first["messages"].as_array().unwrap().iter().map(|it| &it["content"]["text"]).collect();
    assert_eq!(texts, ["one", "two"]);
    let after = &first["messages"][1]["seq"];
    let (_, second) = rig
        .call("GET", &format!("/sandbox/accounts/acc_1/outgoing?after={after}"), Value::Null)
        .await;
    assert_eq!(second["messages"][0]["content"]["text"], "three");
    assert_eq!(second["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn behaviour_changes_what_becomes_of_sends() {
    let rig = rig();
    let path = "/sandbox/accounts/acc_1/behaviour";
    let failing = json!({ "plan": [{ "outcome": "fail", "times": 1, "code": "131047" }] });
    let (status, now) = rig.call("PUT", path, failing).await;
    assert_eq!((status, &now["delivered_after"]), (StatusCode::OK, &json!(300)));
    rig.house.reply("+15550100199", Content::text("lost")).await;
    rig.house.reply("+15550100199", Content::text("found")).await;
    let delivered = rig.house.sandbox.outgoing("acc_1", 0, 10).unwrap();
    assert_eq!(delivered.len(), 1);
    let (status, answer) = rig.call("PUT", path, json!({ "speed": 1 })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"]["message"].as_str().unwrap().contains("speed"), "{answer}");
    assert_eq!(rig.call("PUT", path, json!({ "latency": -1 })).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_account_is_paired_by_its_code() {
    let rig = rig();
    let scan = json!({ "phone": "+15550100777" });
    let at = |path: &str| format!("/sandbox/accounts/acc_1/{path}");
    assert_eq!(rig.call("POST", &at("scan"), scan.clone()).await.0, StatusCode::CONFLICT);
    assert_eq!(rig.call("GET", &at("qr.svg"), Value::Null).await.0, StatusCode::NOT_FOUND);
    let (_, opened) = rig.call("POST", &at("open"), Value::Null).await;
    assert!(opened["qr"]["code"].is_string(), "{opened}");
    let svg = routes::<()>(rig.house.clone());
    let svg = svg.oneshot(Request::get(at("qr.svg")).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(svg.headers()["content-type"], "image/svg+xml");
    assert_eq!(rig.call("POST", &at("scan"), scan).await.0, StatusCode::OK);
    let (_, accounts) = rig.call("GET", "/sandbox/accounts", Value::Null).await;
    assert_eq!(
        (&accounts["accounts"][0]["state"], &accounts["accounts"][0]["phone"]),
        (&json!("open"), &json!("+15550100777"))
    );
}

#[tokio::test]
async fn the_stream_tells_the_whole_chat_then_only_changes_and_ends_with_the_house() {
    let rig = rig();
    rig.house.reply("+15550100199", Content::text("before")).await;
    rig.house.reply("+15550100111", Content::text("somebody else's")).await;
    let request = Request::get("/sandbox/accounts/acc_1/chats/+15550100199/stream")
        .body(Body::empty())
        .unwrap();
    let answer = routes::<()>(rig.house.clone()).oneshot(request).await.unwrap();
    let mut body = answer.into_body().into_data_stream();
    let mut next = async || {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.next())
            .await
            .expect("an event")
            .unwrap()
            .unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        serde_json::from_str::<Value>(data).unwrap()
    };
    let first = next().await;
    assert_eq!((&first["whole"], first["messages"].as_array().unwrap().len()), (&json!(true), 1));
    assert_eq!(first["messages"][0]["status"], "sent");
    rig.clock.advance(300);
    let second = next().await;
    assert_eq!(
        (&second["whole"], &second["messages"][0]["status"]),
        (&json!(false), &json!("delivered"))
    );
    rig.incoming(json!({ "from": "+15550100199", "type": "text", "text": "hi" })).await;
    let third = next().await;
    assert_eq!(third["messages"].as_array().unwrap().len(), 1);
    assert_eq!(third["messages"][0]["content"]["text"], "hi");
    rig.house.sandbox.stop();
    let end = tokio::time::timeout(Duration::from_secs(10), body.next()).await;
    assert!(end.expect("the stream ends with the house").is_none());
}

#[tokio::test]
async fn the_page_and_its_files_come_with_a_strict_policy() {
    let rig = rig();
    for path in [
        "/sandbox",
        "/sandbox/page/phone.js",
        "/sandbox/page/phone.css",
        "/sandbox/page/bubbles.js",
        "/sandbox/page/attach.js",
        "/sandbox/page/sample.svg",
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = routes::<()>(rig.house.clone()).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    assert_eq!(
        rig.call("GET", "/sandbox/page/other.js", Value::Null).await.0,
        StatusCode::NOT_FOUND
    );
}
