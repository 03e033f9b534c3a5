//! What a plugin call costs through the host (event in hand to effects in hand), against the same
//! component called bare on wasmtime: one line of JSON.
//!
//! `cargo run --release --example bench_call -- path/to/echo.wasm [calls]`
//!
//! The component must handle messages and answer with `messaging.send-text`. Both sides make a fresh
//! instance for every call on the same engine, and take turns in short rounds, so
//! that what else the machine does falls on both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use switchboard::clock::Clock;
use switchboard::config::Config;
use switchboard::model;
use switchboard::model::{Content, Direction, Event, Status};
use switchboard::plugin::{Call, Input, Install, Nobody, Runtime, Verdict};
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker, Lower, ResourceTable,
};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

const ROUND: usize = 250;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("give the path of a component")?;
    let calls: usize =
        arguments.next().map_or(Ok(20_000), |calls| calls.parse()).context("calls is a number")?;
    let wasm = std::fs::read(&path).with_context(|| path.clone())?;

    let folder = tempfile::tempdir()?;
    let config = Config { data: folder.path().to_owned(), ..Config::default() };
    let host = Through::new(&config, wasm.clone()).await?;
    let bare = Bare::new(host.runtime.engine().clone(), &wasm).map_err(plain)?;

    let (mut through_host, mut on_wasmtime) =
        (Vec::with_capacity(calls), Vec::with_capacity(calls));
    // One round before counting, so that both are warm.
    for round in 0..=calls.div_ceil(ROUND) {
        let (host_times, bare_times) = (host.round().await?, bare.round().await?);
        if round > 0 {
            through_host.extend(host_times);
            on_wasmtime.extend(bare_times);
        }
    }
    let (host_us, bare_us) = (median_micros(through_host), median_micros(on_wasmtime));
    let ratio = host_us / bare_us;
    println!(
        "{}",
        json!({ "calls": calls, "pooling": host.runtime.pooling(), "host_us": host_us, "bare_us": bare_us, "ratio": ratio })
    );
    Ok(())
}

/// wasmtime has an error type of its own.
fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

fn median_micros(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// Calls as the dispatcher makes them.
struct Through {
    runtime: Arc<Runtime>,
    call: Call,
}

impl Through {
    async fn new(config: &Config, wasm: Vec<u8>) -> Result<Self> {
        let runtime = Runtime::new(config, Clock::system())?;
        let prepared = runtime.prepare(wasm).await?;
        let install = Install {
            id: "ins_1".to_owned(),
            team_id: "team_1".to_owned(),
            plugin: prepared.manifest.id.clone(),
            hash: prepared.hash,
            generation: 1,
            grants: prepared.manifest.asks(),
            config: prepared.manifest.configure(json!({})).unwrap_or_default(),
            manifest: Arc::new(prepared.manifest),
            accounts: Vec::new(),
        };
        let call = Call {
            install: Arc::new(install),
            event: Arc::new(event()),
            input: Input::Message(Box::new(message())),
            job: String::new(),
            attempt: 1,
            host: Arc::new(Nobody),
        };
        Ok(Self { runtime, call })
    }

    async fn round(&self) -> Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(ROUND);
        for _ in 0..ROUND {
            let call = self.call.clone();
            let start = Instant::now();
            let outcome = self.runtime.call(call).await;
            times.push(start.elapsed());
            let done = matches!(outcome.verdict, Verdict::Done { .. });
            anyhow::ensure!(
                done && outcome.effects.len() == 1,
                "the plugin should answer: {:?}",
                outcome.verdict
            );
        }
        Ok(times)
    }
}

/// The same calls with wasmtime and nothing else.
struct Bare {
    engine: Engine,
    pre: InstancePre<BareStore>,
    handle: ComponentExportIndex,
    message: BareMessage,
}

struct BareStore {
    wasi: WasiCtx,
    table: ResourceTable,
    sent: Vec<(String, String)>,
}

impl WasiView for BareStore {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

#[derive(Clone, ComponentType, Lift, Lower)]
#[component(record)]
struct BareMessage {
    id: String,
    #[component(name = "message-id")]
    message_id: String,
    account: String,
    chat: String,
    contact: String,
    time: u64,
    kind: String,
    text: String,
    attempt: u32,
    json: String,
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct BareOptions {
    #[component(name = "due-at")]
    _due_at: Option<u64>,
    #[component(name = "reply-to")]
    _reply_to: Option<String>,
    #[component(name = "typing")]
    _typing: bool,
    #[component(name = "randomise")]
    _randomise: bool,
    #[component(name = "cancel-if-replied")]
    _cancel_if_replied: bool,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct BareError {
    code: String,
    message: String,
    #[component(name = "retry-after-ms")]
    retry_after_ms: Option<u64>,
}

impl Bare {
    fn new(engine: Engine, wasm: &[u8]) -> wasmtime::Result<Self> {
        let component = Component::from_binary(&engine, wasm)?;
        let mut linker: Linker<BareStore> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        linker.instance("switchboard:plugin/messaging@0.1.0")?.func_wrap(
            "send-text",
            |mut store, (to, text, _options): (String, String, Option<BareOptions>)| {
                store.data_mut().sent.push((to, text));
                Ok((Ok::<_, BareError>("msg_1".to_owned()),))
            },
        )?;
        linker.define_unknown_imports_as_traps(&component)?;
        let pre = linker.instantiate_pre(&component)?;
        let interface = component.get_export_index(None, "switchboard:plugin/on-message@0.1.0");
        let handle =
            interface.and_then(|interface| component.get_export_index(Some(&interface), "handle"));
        let handle = handle
            .ok_or_else(|| wasmtime::format_err!("the component does not handle messages"))?;
        let (event, message) = (event(), message());
        let message = BareMessage {
            id: event.id,
            message_id: message.id,
            account: message.account_id,
            chat: message.chat_id,
            contact: message.contact_id,
            time: 0,
            kind: "text".to_owned(),
            text: message.content.as_text().to_owned(),
            attempt: 1,
            json: "{}".to_owned(),
        };
        Ok(Self { engine, pre, handle, message })
    }

    async fn round(&self) -> Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(ROUND);
        for _ in 0..ROUND {
            let start = Instant::now();
            let sent = self.call().await.map_err(plain)?;
            times.push(start.elapsed());
            anyhow::ensure!(sent == 1, "the plugin should answer");
        }
        Ok(times)
    }

    async fn call(&self) -> wasmtime::Result<usize> {
        let data = BareStore {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            sent: Vec::new(),
        };
        let mut store = Store::new(&self.engine, data);
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = self.pre.instantiate_async(&mut store).await?;
        let handle = instance
            .get_typed_func::<(&BareMessage,), (Result<(), String>,)>(&mut store, self.handle)?;
        let (answer,) = handle.call_async(&mut store, (&self.message,)).await?;
        answer.map_err(|message| wasmtime::format_err!("{message}"))?;
        Ok(store.into_data().sent.len())
    }
}

fn event() -> Event {
    Event {
        id: "evt_01kaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        team_id: "team_1".to_owned(),
        cursor: 1,
        kind: "message.received".to_owned(),
        account_id: "acc_01kaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        chat_id: "cht_01kaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        contact_id: "con_01kaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        message_id: "msg_01kaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        at: 0,
        depth: 0,
        trace: Default::default(),
        data: json!({}),
    }
}

fn message() -> model::Message {
    let event = event();
    model::Message {
        id: event.message_id,
        team_id: event.team_id,
        account_id: event.account_id,
        chat_id: event.chat_id,
        contact_id: event.contact_id,
        direction: Direction::In,
        content: Content::text("hello there, how are you?"),
        status: Status::Read,
        provider_id: "wamid.1".to_owned(),
        reply_to: String::new(),
        due_at: 0,
        created_at: 0,
        sent_at: None,
        error_code: String::new(),
        error_message: String::new(),
        possible_duplicate: false,
        depth: 0,
        trace: Default::default(),
    }
}
