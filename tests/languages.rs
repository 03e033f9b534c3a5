//! The same bot in every language, built by `switchboard build`, and the same conversation with each.
//!
//! The database makes no difference to a language: one is enough.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::plugin::manifest::embed;

use crate::support::{On, Receiver, Server, provided};

/// Who writes.
const ANN: &str = "+15550101";
const BEN: &str = "+15550102";

/// What differs from language to language.
pub struct Language {
    pub name: &'static str,
    /// Whether what breaks (and was not meant to) is a failure with its words, not a trap.
    pub catches: bool,
    /// What the log says of a break: its place in the sources, too.
    pub told: &'static [&'static str],
}

const RUST: Language =
    Language { name: "rust", catches: false, told: &["an order without a total", "lib.rs:"] };
const JAVASCRIPT: Language =
    Language { name: "javascript", catches: true, told: &["TypeError", "at crash (bot.js:"] };
const TYPESCRIPT: Language =
    Language { name: "typescript", catches: true, told: &["TypeError", "at total (orders.ts:15)"] };
const PYTHON: Language = Language {
    name: "python",
    catches: true,
    told: &["ZeroDivisionError", "bot.py", "in crash", "return 1 / customers"],
};
const C: Language =
    Language { name: "c", catches: false, told: &["an order has a total", "bot.c", "crash"] };

#[tokio::test(flavor = "multi_thread")]
async fn rust() {
    Box::pin(converse(&RUST)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    Box::pin(converse(&JAVASCRIPT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript() {
    Box::pin(converse(&TYPESCRIPT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    Box::pin(converse(&PYTHON)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c() {
    Box::pin(converse(&C)).await;
}

/// What `switchboard new` begins holds its own transcript.
#[test]
fn a_new_project_in_each_language_holds_its_transcript() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        program.current_dir(folder.path()).args(args);
        program.env("SWITCHBOARD_TOOLS", provided("SWITCHBOARD_TEST_TOOLS"));
        program.env("XDG_CACHE_HOME", folder.path().join("cache"));
        let output = program.output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).expect("a text")
    };
    for language in ["js", "ts", "python", "c"] {
        let name = format!("bot-{language}");
        run(&["new", &name, "--lang", language]);
        let told = run(&["test", &name]);
        assert!(told.contains("1 passed, 0 failed"), "{told}");
    }
}

/// A plugin in JavaScript between two in Rust: who ends the chain ends it for both languages.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_speaks_two_languages() {
    let folder = tempfile::tempdir().expect("a folder");
    let (plugin, manifest) = build(&example("counter", JAVASCRIPT.name), folder.path());
    let server = Server::start(On::Sqlite).await;
    server.install("opt-out").await;
    server.install("hand-over").await;
    let counter = server.install_bytes(embed(&plugin, &manifest).expect("embedded")).await;
    server.install("second").await;
    let told = async |text: &str| {
        let before = server.heard(ANN).await.len();
        server.says(ANN, text).await;
        server.advance(3_000).await;
        server.heard(ANN).await.split_off(before)
    };
    assert_eq!(told("count").await, ["1", "second: count"]);
    assert_eq!(told("stop").await.len(), 1, "only the keeper answers");
    assert_eq!(told("start").await.len(), 1);
    assert_eq!(told("a human please").await, ["A colleague will answer you here shortly."]);
    assert_eq!(told("count").await, Vec::<String>::new());
    // An hour of silence brings the plugins back.
    server.advance(3_600_000).await;
    assert_eq!(told("count").await, ["2", "second: count"]);
    let path = format!("/api/v1/plugins/{counter}/suspend");
    server.client.post(&path, serde_json::json!({})).await.ok();
    assert_eq!(told("count").await, ["second: count"]);
    server.client.post(&path.replace("suspend", "resume"), serde_json::json!({})).await.ok();
    server.advance(3_000).await;
    assert_eq!(told("count").await, ["4", "second: count"]);
    server.finish().await;
}

/// The whole conversation.
async fn converse(language: &Language) {
    let folder = tempfile::tempdir().expect("a folder");
    let (plugin, manifest) = build(&example("counter", language.name), folder.path());
    let receiver = Receiver::start().await;
    hold(language, &plugin, &manifest, &receiver).await;
}

/// The same with a built plugin.
pub async fn hold(language: &Language, plugin: &[u8], manifest: &str, receiver: &Receiver) {
    let manifest = manifest.replace("127.0.0.1:9000", &receiver.host);
    // Python takes ten seconds of a core to compile, and the tests have all cores busy.
    let server = Server::with(On::Sqlite, |config| config.plugins.compile_timeout = 600_000).await;
    let install = server.install_bytes(embed(plugin, &manifest).expect("embedded")).await;

    let said = answers(&server, ANN, &["good evening", "count", "count", "hello"]).await;
    assert_eq!(said, ["You said: good evening", "1", "2", "Hello!"]);
    assert_eq!(answers(&server, BEN, &["count"]).await, ["1"], "each chat has its own count");
    settings_and_timers(&server, &install).await;
    time_and_chance(&server).await;
    refused_and_allowed(&server, receiver).await;
    files(&server).await;
    webhooks(&server, &install).await;
    let logs = server.client.get(&format!("/api/v1/plugins/{install}/logs?limit=1000")).await.ok();
    assert!(logs.to_string().contains("counted 2"), "{logs}");
    failures(&server, &install, language).await;
    server.finish().await;
}

/// Options of the install, and a timer that fires when it is due and not before.
async fn settings_and_timers(server: &Server, install: &str) {
    let settings = serde_json::json!({ "greeting": "Ahoy", "minutes": 3 });
    server.client.put(&format!("/api/v1/plugins/{install}/config"), settings).await.ok();
    let said = answers(server, ANN, &["hello", "remind me tea at five"]).await;
    assert_eq!(said, ["Ahoy!", "In 3 minutes"]);
    // A second and a half is over by now.
    server.advance(178_000).await;
    assert_eq!(last(server, ANN).await, "In 3 minutes");
    server.advance(1_000).await;
    assert_eq!(last(server, ANN).await, "Reminder: tea at five");
}

/// The language's own clock is the host's; its own chance differs from call to call.
async fn time_and_chance(server: &Server) {
    for pause in [0, 61_234] {
        server.advance(pause).await;
        let now = server.clock.now();
        assert_eq!(answers(server, ANN, &["time"]).await, [now.to_string()]);
    }
    let mut chances = answers(server, ANN, &["chance", "chance", "chance"]).await;
    assert!(chances.iter().all(|chance| chance.parse::<f64>().is_ok()), "{chances:?}");
    chances.sort();
    chances.dedup();
    assert_eq!(chances.len(), 3, "every instance has another: {chances:?}");
}

/// A customer's picture comes back as another file.
async fn files(server: &Server) {
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let body = json!({ "from": ANN, "type": "image", "image": { "url": png } });
    let path = format!("/sandbox/accounts/{}/incoming", server.account);
    server.client.post(&path, body).await.ok();
    server.drain().await;
    server.advance(1_500).await;
    let sent = server.client.outgoing(&server.account).await.pop().expect("a message");
    assert_eq!(sent["content"]["image"]["caption"], "image/png, 8 bytes", "{sent}");
}

/// A reply has its status, its headers and its bytes, whatever they are.
async fn webhooks(server: &Server, install: &str) {
    let body: Vec<u8> = (0..=255).collect();
    let request = server.client.request(Method::POST, &format!("/x/{install}/mirror"));
    let request = request.header("content-type", "application/x-mirror").body(body.clone());
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 201);
    assert_eq!(answer.headers()["content-type"], "application/x-mirror");
    assert_eq!(answer.headers()["x-length"], "256");
    let back: Vec<u8> = body.into_iter().rev().collect();
    assert_eq!(answer.bytes().await.expect("a body"), back);
}

/// A request to a host that was granted, to one that was not, and a call that needs a permission.
async fn refused_and_allowed(server: &Server, receiver: &Receiver) {
    let said = answers(server, ANN, &[&format!("order {}orders/7", receiver.url), "tag"]).await;
    assert_eq!(said[0], "200 heard");
    assert_eq!(receiver.requests().len(), 1);
    assert!(
        said[1].starts_with("denied: ") && said[1].contains("contacts = \"write\""),
        "{said:?}"
    );
}

/// An error and a break: each is tried again, then kept with its words, and the chat goes on.
async fn failures(server: &Server, install: &str, language: &Language) {
    server.says(ANN, "order https://elsewhere.example.com/").await;
    server.says(BEN, "fail").await;
    server.says("+15550103", "crash").await;
    for _ in 0..6 {
        server.advance(120_000).await;
    }
    let letters = server.client.get("/api/v1/dead-letters").await.ok();
    let letters = letters["deadLetters"].as_array().expect("a list").clone();
    let reasons: Vec<&str> = letters.iter().map(|it| it["reason"].as_str().unwrap_or("")).collect();
    assert_eq!(letters.len(), 3, "{reasons:?}");
    let tried_again = |letter: &Value| letter["attempts"] == 5 && letter["fault"] == "exception";
    assert!(letters.iter().all(tried_again), "{letters:?}");
    assert!(reasons.contains(&"no such order"), "{reasons:?}");
    let denied = |it: &&str| it.starts_with("denied: ") && it.contains("elsewhere.example.com");
    assert!(reasons.iter().any(denied), "the host to ask for: {reasons:?}");
    let logs = server.client.get(&format!("/api/v1/plugins/{install}/logs?limit=1000")).await.ok();
    let lines: Vec<&str> = logs["logs"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|line| line["message"].as_str())
        .collect();
    for word in language.told {
        assert!(lines.iter().any(|line| line.contains(word)), "{word} in {lines:?}");
    }
    if language.catches {
        let word = language.told[0];
        assert!(reasons.iter().any(|it| it.starts_with(word)), "{word} in {reasons:?}");
        assert!(reasons.iter().all(|it| !it.contains("wasm")), "a trap: {reasons:?}");
    }
    assert_eq!(answers(server, BEN, &["count"]).await, ["2"], "the chat goes on");
}

/// What a handler must not be is said when it is built, in words that name it.
#[test]
fn a_handler_that_waits_or_is_missing_is_refused_when_it_is_built() {
    let cases = [
        ("javascript", "bot.js", "export async function onMessage(event) {}", "onMessage is async"),
        (
            "javascript",
            "bot.js",
            "export function onmessage(event) {}",
            "export function onMessage",
        ),
        ("javascript", "bot.js", "export function onMessage(event) {", "bot.js:1"),
        (
            "python",
            "bot.py",
            "from switchboard import on_message\n\n@on_message\nasync def f(event):\n    pass\n",
            "f is async",
        ),
        ("c", "bot.c", "#include <switchboard.h>\n", "on_message"),
    ];
    for (name, file, source, said) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(example(name, "").join("plugin.toml"), folder.path().join("plugin.toml"))
            .expect("copied");
        std::fs::write(folder.path().join(file), source).expect("written");
        let output =
            program(folder.path(), &folder.path().join("bot.wasm")).output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name}: {source}");
        assert!(error.contains(said), "{name}: {said} in {error}");
        assert!(error.lines().any(|line| line.starts_with("error: ")), "{error}");
    }
}

/// The small examples build as their READMEs say.
#[test]
fn the_small_examples_build() {
    for name in ["javascript", "typescript", "c"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (plugin, manifest) = build(&example(name, ""), folder.path());
        let carried = switchboard::plugin::manifest::extract(&plugin).expect("a manifest");
        assert_eq!(carried, manifest, "{name}");
    }
}

/// What a customer is answered, one answer a text.
async fn answers(server: &Server, from: &str, texts: &[&str]) -> Vec<String> {
    let mut answers = Vec::new();
    for text in texts {
        let before = server.heard(from).await.len();
        server.says(from, text).await;
        // The queue sends one message of a chat at a time.
        server.advance(1_500).await;
        let heard = server.heard(from).await;
        assert_eq!(heard.len(), before + 1, "{text}: {heard:?}");
        answers.extend(heard.into_iter().skip(before));
    }
    answers
}

async fn last(server: &Server, phone: &str) -> String {
    server.heard(phone).await.pop().unwrap_or_default()
}

fn example(name: &str, below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name).join(below)
}

/// Build a project by the program itself. It is copied first, so that nothing is left in the examples;
/// a Rust one is built where it is, since its SDK is named by a path. Gives the plugin and its manifest.
fn build(project: &Path, folder: &Path) -> (Vec<u8>, String) {
    let manifest = std::fs::read_to_string(project.join("plugin.toml")).expect("a manifest");
    let place = if project.join("Cargo.toml").is_file() { project } else { folder };
    if place == folder {
        for file in std::fs::read_dir(project).expect("a folder").flatten() {
            if file.path().is_file() {
                std::fs::copy(file.path(), folder.join(file.file_name())).expect("copied");
            }
        }
    }
    let out = folder.join("plugin.wasm");
    let output = program(place, &out).arg("--json").output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", project.display());
    let told: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    let plugin = std::fs::read(&out).expect("the plugin");
    assert_eq!(told["size"].as_u64(), Some(plugin.len() as u64), "{told}");
    (plugin, manifest)
}

fn program(place: &Path, out: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    program.arg("build").arg(place).arg("--out").arg(out).env("CARGO_TARGET_DIR", target);
    program.env("SWITCHBOARD_TOOLS", provided("SWITCHBOARD_TEST_TOOLS"));
    program
}
