//! The smallest bot in each language: its size, what compiling and loading it costs, and a call.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use switchboard::clock::Clock;
use switchboard::config::Config;
use switchboard::model::{Content, Direction, Event, Message, Status, Trace};
use switchboard::plugin::{Call, Input, Install, Nobody, Prepared, Runtime, Usage, Verdict};

use crate::percentile;

const CALLS: usize = 500;

/// The bots, below `examples/`; a file is a bot without a build.
const BOTS: [(&str, &str); 6] = [
    ("Rust", "rust"),
    ("C", "c"),
    ("JavaScript", "javascript"),
    ("TypeScript", "typescript"),
    ("Python", "python"),
    ("a bare .js file", "javascript/bot.js"),
];

/// Builds with `SWITCHBOARD` (the program), from `SWITCHBOARD_EXAMPLES`.
pub async fn run() -> Result<()> {
    let program = std::env::var("SWITCHBOARD").context("SWITCHBOARD")?;
    let examples: PathBuf =
        std::env::var("SWITCHBOARD_EXAMPLES").context("SWITCHBOARD_EXAMPLES")?.into();
    println!(
        "| language | KB | compiled in | loaded again in | a fresh instance and a call, p50 | p99 | memory of a call |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (language, bot) in BOTS {
        let wasm = build(&program, &examples.join(bot))?;
        let found = measure(&wasm).await.with_context(|| language.to_owned())?;
        println!("| {language} | {} | {found} |", wasm.len() / 1000);
    }
    Ok(())
}

fn build(program: &str, bot: &Path) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("bot.wasm");
    let built = Command::new(program).arg("build").arg(bot).arg("--out").arg(&out).output()?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(std::fs::read(out)?)
}

async fn measure(wasm: &[u8]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
    config.plugins.compile_timeout = 300_000;
    let begun = Instant::now();
    let prepared = Runtime::new(&config, Clock::system())?.prepare(wasm.to_vec()).await?;
    let compiled = begun.elapsed();
    // As after a restart: the compiled form is on the disk.
    let runtime = Runtime::new(&config, Clock::system())?;
    let call = call(&prepared);
    let begun = Instant::now();
    runtime.call(call.clone()).await;
    let loaded = begun.elapsed();
    let (mut times, mut usage) = (Vec::with_capacity(CALLS), Usage::default());
    for _ in 0..CALLS {
        let begun = Instant::now();
        let outcome = runtime.call(call.clone()).await;
        times.push(begun.elapsed());
        ensure!(matches!(outcome.verdict, Verdict::Done { .. }), "{:?}", outcome.verdict);
        ensure!(!outcome.effects.is_empty(), "it did not answer");
        usage = outcome.usage;
    }
    times.sort_unstable();
    let micros = |time: Duration| format!("{} µs", time.as_micros());
    Ok(format!(
        "{:.2} s | {:.1} ms | {} | {} | {:.1} MiB",
        compiled.as_secs_f64(),
        loaded.as_secs_f64() * 1000.0,
        micros(percentile(&times, 50)),
        micros(percentile(&times, 99)),
        usage.memory_bytes as f64 / 1_048_576.0
    ))
}

fn call(prepared: &Prepared) -> Call {
    let event = Event {
        id: "evt_1".to_owned(),
        team_id: "team_1".to_owned(),
        cursor: 1,
        kind: "message.received".to_owned(),
        account_id: "acc_1".to_owned(),
        chat_id: "chat_1".to_owned(),
        contact_id: "con_1".to_owned(),
        message_id: "msg_1".to_owned(),
        at: 0,
        depth: 0,
        data: json!({}),
        trace: Trace::default(),
    };
    let message = Message {
        id: event.message_id.clone(),
        team_id: event.team_id.clone(),
        account_id: event.account_id.clone(),
        chat_id: event.chat_id.clone(),
        contact_id: event.contact_id.clone(),
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
        trace: Trace::default(),
    };
    let install = Install {
        id: "ins_1".to_owned(),
        team_id: event.team_id.clone(),
        plugin: prepared.manifest.id.clone(),
        hash: prepared.hash.clone(),
        generation: 1,
        grants: prepared.manifest.asks(),
        config: prepared.manifest.configure(json!({})).unwrap_or_default(),
        manifest: Arc::new(prepared.manifest.clone()),
        accounts: Vec::new(),
    };
    Call {
        install: Arc::new(install),
        event: Arc::new(event),
        input: Input::Message(Box::new(message)),
        job: String::new(),
        attempt: 1,
        host: Arc::new(Nobody),
    }
}
