//! The runtime against guests written by hand: honest ones, hostile ones, and broken ones.

mod broken;
mod guest;
mod honest;
mod hostile;
mod house;
mod imports;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::model::{Content, Direction, Recipient, Status};
use house::House;

/// Monday noon, 2026-11-23.
const NOON: Millis = 1_795_435_200_000;

/// A runtime in a folder of its own, with a manual clock and tight limits.
struct Bench {
    runtime: Arc<Runtime>,
    house: Arc<House>,
    config: Config,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        config.plugins.cpu = 200;
        config.plugins.wall = 2000;
        config.plugins.effects = 10;
        config.plugins.logs = 10;
        config.plugins.log_bytes = 100;
        config.plugins.host_calls = 1000;
        change(&mut config);
        let runtime = Runtime::new(&config, Clock::manual(NOON)).expect("a runtime");
        Self { runtime, house: Arc::new(House::default()), config, _folder: folder }
    }

    /// Take a guest in, with everything that it asks granted.
    async fn install(&self, wasm: Vec<u8>) -> Arc<Install> {
        let prepared = self.runtime.prepare(wasm).await.expect("a good plugin");
        let grants = prepared.manifest.asks();
        Arc::new(Install {
            id: "ins_1".to_owned(),
            team_id: "team_1".to_owned(),
            plugin: prepared.manifest.id.clone(),
            hash: prepared.hash,
            generation: 1,
            manifest: Arc::new(prepared.manifest),
            config: json!({"greeting": "Hello"}),
            grants,
            accounts: Vec::new(),
        })
    }

    async fn call(&self, install: &Arc<Install>) -> Outcome {
        self.call_at_depth(install, 0).await
    }

    async fn call_at_depth(&self, install: &Arc<Install>, depth: i64) -> Outcome {
        self.runtime.call(message_call(Arc::clone(install), Arc::clone(&self.house), depth)).await
    }

    /// What a guest with this manifest and body comes to.
    async fn run(&self, wasm: Vec<u8>) -> Outcome {
        let install = self.install(wasm).await;
        self.call(&install).await
    }
}

fn message_call(install: Arc<Install>, host: Arc<House>, depth: i64) -> Call {
    let event = Event {
        id: "evt_1".to_owned(),
        team_id: "team_1".to_owned(),
        cursor: 1,
        kind: "message.received".to_owned(),
        account_id: "acc_1".to_owned(),
        chat_id: "cht_1".to_owned(),
        contact_id: "con_1".to_owned(),
        message_id: "msg_1".to_owned(),
        at: NOON,
        depth,
        trace: Default::default(),
        data: json!({}),
    };
    Call {
        install,
        event: Arc::new(event),
        input: Input::Message(Box::new(message())),
        job: "job_1".to_owned(),
        attempt: 1,
        host,
    }
}

fn message() -> Message {
    Message {
        id: "msg_1".to_owned(),
        team_id: "team_1".to_owned(),
        account_id: "acc_1".to_owned(),
        chat_id: "cht_1".to_owned(),
        contact_id: "con_1".to_owned(),
        direction: Direction::In,
        content: Content::text("hello"),
        status: Status::Read,
        provider_id: "p1".to_owned(),
        reply_to: String::new(),
        due_at: NOON,
        created_at: NOON,
        sent_at: None,
        error_code: String::new(),
        error_message: String::new(),
        possible_duplicate: false,
        depth: 0,
        trace: Default::default(),
    }
}

/// The fault of a call that must have failed, with nothing left of it.
fn fault(outcome: &Outcome) -> &Fault {
    assert_eq!(outcome.effects, [], "a call that failed leaves nothing");
    match &outcome.verdict {
        Verdict::Failed(fault) => fault,
        other => panic!("it should have failed: {other:?}"),
    }
}

fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome.verdict, Verdict::Done { .. })
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let result = work.await;
    (result, start.elapsed())
}
