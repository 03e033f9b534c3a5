//! Bots in one file: JavaScript and TypeScript that the host runs as they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::languages::{self, Language};
use crate::support::{On, Receiver, Server};

const ANN: &str = "+15550101";

/// What a stack names: the line and column of the file as it was written.
const ONE_FILE: Language = Language {
    name: "one-file",
    catches: true,
    told: &["TypeError", "at crash (bot.js:104:10)", "at onMessage (bot.js:72:25)"],
};

/// The example of every language holds its conversation as one file, its manifest in a comment.
#[tokio::test(flavor = "multi_thread")]
async fn one_file_holds_the_same_conversation() {
    let folder = tempfile::tempdir().expect("a folder");
    let example = root().join("examples/counter/javascript");
    let manifest = std::fs::read_to_string(example.join("plugin.toml")).expect("a manifest");
    let code = std::fs::read_to_string(example.join("bot.js")).expect("a program");
    let comment: String = manifest.lines().map(|line| format!("// {line}\n")).collect();
    let file = folder.path().join("bot.js");
    std::fs::write(&file, format!("// plugin.toml\n{comment}\n{code}")).expect("written");
    let plugin = built(&file);
    let carried = switchboard::plugin::manifest::extract(&plugin).expect("a manifest");
    assert_eq!(carried.trim(), manifest.trim(), "word by word");
    let receiver = Receiver::start().await;
    languages::hold(&ONE_FILE, &plugin, &manifest, &receiver).await;
}

both! {
    /// Sent by HTTP as it is: it runs, the next one takes its place, and back, over a restart too.
    async fn a_file_is_uploaded_swapped_and_taken_back(on: On) {
        let mut data = PathBuf::new();
        let server = Server::with(on, |config| {
            data = config.data.clone();
            config.plugins.compile_timeout = 600_000;
        })
        .await;
        let first = upload(&server, "shop.js", &says("one")).await.ok();
        assert_eq!((&first["plugin"], &first["generation"]), (&json!("shop"), &json!(1)));
        assert!(first["version"].as_str().is_some_and(|version| version.starts_with("0.0.0+")));
        assert_eq!(first["grants"]["messaging"], true);
        assert_eq!(first["grants"]["hosts"], json!([]));
        let second = upload(&server, "shop.js", &says("two")).await.ok();
        assert_eq!((&second["id"], &second["generation"]), (&first["id"], &json!(2)));
        assert_ne!(second["version"], first["version"]);
        server.says(ANN, "a").await;
        server.client.post("/api/v1/plugins/shop/rollback", json!({})).await.ok();
        server.says(ANN, "b").await;
        let nameless = server.client.post_bytes("/api/v1/plugins?grant=all", says("three").into(), &[]);
        assert_eq!(nameless.await.ok()["plugin"], "bot", "JavaScript where nothing is said");
        server.client.delete("/api/v1/plugins/bot").await.ok();
        assert_eq!(count(&data, "cwasm"), 1, "all share what was compiled");
        assert_eq!((count(&data, "wasm"), count(&data, "plugin")), (1, 3));
        let server = server.restart().await;
        server.says(ANN, "c").await;
        assert_eq!(server.heard(ANN).await, ["two: a", "one: b", "one: c"]);
        assert_eq!(count(&data, "cwasm"), 1);
        server.finish().await;
    }

    /// What is wrong is said with its line, and what ran before runs on.
    async fn a_file_that_does_not_hold_changes_nothing(on: On) {
        let server = start(on).await;
        upload(&server, "bot.js", &says("good")).await.ok();
        for (name, text, code, words) in [
            ("bot.js", "export function onMessage(event) {\n  let a = ;\n}\n", "bad_source", "bot.js:2:11: "),
            ("bot.js", "\n\nlost();\nexport function onMessage(event) {}\n", "bad_source", "bot.js:3:1: lost is not defined"),
            ("bot.js", "import { a } from \"./orders.js\";\n", "bad_source", "switchboard build"),
            ("bot.js", "import _ from \"lodash\";\n", "bad_source", "switchboard build"),
            ("bot.js", "const a = 1;\n", "bad_source", "export function onMessage"),
            ("bot.js", "export async function onMessage() {}\n", "bad_source", "onMessage is async"),
            ("bot.js", "// plugin.toml\n// [[events]]\n// on = \"timer\"\n\nexport function onMessage() {}\n", "bad_source", "export function onTimer"),
            ("bot.js", "// plugin.toml\n//\n// colour = 1\n\nexport function onMessage() {}\n", "bad_manifest", "bot.js:3"),
            ("bot.js", "while (true) {}\n", "does_not_start", "it computed for longer than"),
            ("bot.js", "const all = []; for (;;) all.push(new Uint8Array(1 << 20));\n", "does_not_start", "MiB of memory"),
            ("bot.ts", "const a: number = 1;\nconst b: = 2;\n", "bad_source", "bot.ts:2:10: "),
            ("bot.ts", "export function onMessage() {}\nenum A { B }\n", "bad_source", "bot.ts:2:1: "),
            ("bot.py", "print()\n", "bad_source", ".js or .ts"),
            ("a/b.js", "export function onMessage() {}\n", "bad_source", "no name"),
            ("bot.wasm", "words", "not_a_component", ""),
        ] {
            let answer = upload(&server, name, text).await;
            let message = answer.body["error"]["message"].as_str().unwrap_or_default().to_owned();
            assert_eq!(answer.refused(400), code, "{text}: {message}");
            assert!(message.contains(words), "{words}: {message}");
        }
        let binary = server.client.post_bytes("/api/v1/plugins?grant=all", vec![1, 0, 200], &[]).await;
        assert_eq!(binary.refused(400), "not_a_component");
        server.says(ANN, "a").await;
        assert_eq!(server.heard(ANN).await, ["good: a"]);
        server.finish().await;
    }
}

/// Types are taken out, and every line and column stays: of what it says, and of what breaks.
#[tokio::test(flavor = "multi_thread")]
async fn typescript_runs_and_breaks_at_its_own_lines() {
    let server = start(On::Sqlite).await;
    let text = "import { reply, type Message } from \"switchboard-sdk\";\n\
                interface Order {\n  total: number;\n}\n\
                const parse = <T,>(text: string): T | null => JSON.parse(text) as T | null;\n\n\
                export function onMessage(event: Message): void {\n\
                \x20 const order = parse<Order>(event.text);\n\
                \x20 reply(event, `${(order as Order).total satisfies number}`);\n}\n";
    let install = upload(&server, "orders.ts", text).await.ok();
    assert_eq!(install["plugin"], "orders");
    server.says(ANN, "{\"total\": 7}").await;
    assert_eq!(server.heard(ANN).await, ["7"]);
    server.says(ANN, "null").await;
    let letter = &dead_letters(&server).await[0];
    assert!(letter["reason"].as_str().is_some_and(|it| it.starts_with("TypeError")), "{letter}");
    let logs = server.client.get("/api/v1/plugins/orders/logs?limit=1000").await.ok().to_string();
    let column = text.lines().nth(8).and_then(|line| line.find("order as")).expect("the place") + 1;
    assert!(logs.contains("orders.ts:9:"), "{logs}");
    assert!(logs.contains(&format!("onMessage (orders.ts:9:{column})")), "{column}: {logs}");
    assert!(!logs.contains("switchboard-sdk"), "only the author's own lines: {logs}");
    server.finish().await;
}

/// A call has its limits, in the program's first lines too.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_stays_within_its_limits() {
    let server = start(On::Sqlite).await;
    let text = "import { state } from \"switchboard-sdk\";\n\
                // Innocent at first.\n\
                if (state.plugin.get(\"loop\")) while (true) {}\n\
                export function onMessage(event) {\n\
                \x20 if (event.text === \"loop\") while (true) {}\n\
                \x20 if (event.text === \"fill\") for (const all = []; ; ) all.push(new Uint8Array(1 << 20));\n\
                \x20 if (event.text === \"later\") state.plugin.set(\"loop\", true);\n}\n";
    upload(&server, "bot.js", text).await.ok();
    for (from, text, fault) in
        [(ANN, "loop", "cpu"), ("+15550102", "fill", "memory"), ("+15550103", "later", "")]
    {
        server.says(from, text).await;
        if !fault.is_empty() {
            assert_eq!(dead_letters(&server).await[0]["fault"], fault, "{text}");
        }
    }
    server.says("+15550104", "hello").await;
    assert_eq!(dead_letters(&server).await[0]["fault"], "cpu", "its first lines");
    server.finish().await;
}

/// Every call has a fresh program and chance of its own; the clock is the host's.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_call_and_chance_differs() {
    let server = start(On::Sqlite).await;
    let text = "import { reply } from \"switchboard-sdk\";\nlet calls = 0;\nconst early = Math.random();\n\
                export function onMessage(event) {\n  calls += 1;\n\
                \x20 reply(event, `${calls} ${Date.now()} ${early} ${Math.random()}`);\n}\n";
    upload(&server, "bot.js", text).await.ok();
    for _ in 0..3 {
        server.says(ANN, "hello").await;
        server.advance(1_500).await;
    }
    let heard = server.heard(ANN).await;
    let words = |place: usize| -> Vec<&str> {
        heard.iter().filter_map(|text| text.split(' ').nth(place)).collect()
    };
    assert_eq!(words(0), ["1", "1", "1"]);
    let mut times = words(1);
    times.dedup();
    assert_eq!(times.len(), 3, "{heard:?}");
    for place in [2, 3] {
        let mut chances = words(place);
        chances.sort_unstable();
        chances.dedup();
        assert_eq!(chances.len(), 3, "{heard:?}");
    }
    server.finish().await;
}

/// Another team's bot is not there for this one, though both share the code.
#[tokio::test(flavor = "multi_thread")]
async fn teams_share_code_and_nothing_else() {
    let server = start(On::Sqlite).await;
    upload(&server, "bot.js", &says("ours")).await.ok();
    let (other, account) = server.another_team().await;
    assert_eq!(other.get("/api/v1/plugins/bot").await.refused(404), "not_found");
    let theirs = says("theirs").into_bytes();
    other.post_bytes("/api/v1/plugins?grant=all&name=bot.js", theirs, &[]).await.ok();
    other.incoming(&account, ANN, "a").await;
    server.says(ANN, "a").await;
    assert_eq!(server.heard(ANN).await, ["ours: a"]);
    assert_eq!(other.outgoing(&account).await[0]["content"]["text"], "theirs: a");
    server.finish().await;
}

/// From a bare file to a bot that is changed while it runs; no tool of any language is there.
#[test]
fn a_bot_in_one_file_needs_no_tools() {
    let desk = Desk::new();
    let example = root().join("examples/javascript/one-file/bot.js");
    let told = desk.prints(&["test", example.to_str().expect("a path")]);
    assert!(told.contains("one-file: 1 passed, 0 failed"), "{told}");

    let bot = "import { reply } from \"switchboard-sdk\";\n\n\
               export function onMessage(event) {\n  reply(event, `You said: ${event.text}`);\n}\n";
    std::fs::write(desk.path("echo.js"), bot).expect("written");
    let shown = desk.prints(&["check", "echo.js"]);
    assert!(shown.contains("echo 0.0.0+") && shown.contains("it can be installed"), "{shown}");
    let built = desk.prints(&["build", "echo.js"]);
    assert!(built.starts_with("echo.wasm: echo 0.0.0+"), "{built}");
    assert!(desk.fails(&["test", "echo.js"]).1.contains("tests/first.chat"));
    std::fs::write(desk.path("echo.chat"), "customer: hi\nbot: You said: hi\n").expect("written");
    assert!(desk.prints(&["test", "echo.js"]).contains("echo: 1 passed, 0 failed"));

    let mut dev = desk.dev("echo.js");
    dev.shows("runs. It may: send messages");
    dev.types("hello");
    dev.shows("bot: You said: hello");
    desk.change("echo.js", "You said", "You wrote");
    dev.shows("swapped in");
    dev.types("good evening");
    dev.shows("You wrote: good evening");
    desk.change("echo.js", "reply(event,", "reply(event,,");
    assert!(dev.shows("echo.js:4:").contains("echo.js:4:"));
    dev.types("still there?");
    dev.shows("You wrote: still there?");
    dev.interrupt();
}

/// The tests have all cores busy, and the engine takes seconds of one to compile.
async fn start(on: On) -> Server {
    Server::with(on, |config| config.plugins.compile_timeout = 600_000).await
}

fn says(word: &str) -> String {
    format!(
        "import {{ reply }} from \"switchboard-sdk\";\n\
         export function onMessage(event) {{\n  reply(event, `{word}: ${{event.text}}`);\n}}\n"
    )
}

async fn upload(server: &Server, name: &str, text: &str) -> crate::support::Answer {
    let path = format!("/api/v1/plugins?grant=all&name={}", name.replace('/', "%2F"));
    server.client.post_bytes(&path, text.as_bytes().to_vec(), &[]).await
}

/// What failed for good, newest first, after every attempt.
async fn dead_letters(server: &Server) -> Vec<Value> {
    for _ in 0..6 {
        server.advance(120_000).await;
    }
    let letters = server.client.get("/api/v1/dead-letters").await.ok();
    letters["deadLetters"].as_array().expect("a list").iter().rev().cloned().collect()
}

fn count(data: &Path, extension: &str) -> usize {
    let files = std::fs::read_dir(data.join("plugins")).expect("a folder").flatten();
    files.filter(|file| file.path().extension().is_some_and(|it| it == extension)).count()
}

/// The plugin that the program makes of a file.
fn built(file: &Path) -> Vec<u8> {
    let out = file.with_extension("wasm");
    let mut program = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    program.arg("build").arg(file).arg("--out").arg(&out).arg("--json");
    program.env("XDG_CACHE_HOME", file.with_file_name("cache"));
    let output = program.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert_eq!(told["language"], "javascript");
    std::fs::read(out).expect("a plugin")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
