//! The contract only grows: a plugin that was built against a copy of it runs on, and nothing that
//! stood in that copy has changed. The copies are in `wit/frozen`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::support::{Server, provided};

const ANN: &str = "+15550101";

both! {
    async fn a_plugin_of_the_first_contract_runs(on: On) {
        let server = Server::start(on).await;
        server.install("veteran").await;
        server.says(ANN, "hello").await;
        let words = "hello 1 count=1 later +15550101 true hello {} denied,denied,denied,denied,denied";
        assert_eq!(server.heard(ANN).await, [words, ""]);
        let out = server.client.outgoing(&server.account).await;
        assert_eq!(out[1]["content"]["interactive"]["buttons"][0]["title"], "Yes", "{out:?}");
        server.says(ANN, "again").await;
        assert!(server.heard(ANN).await[2].starts_with("again 2 count=2"), "its state stays");
        server.finish().await;
    }
}

/// Functions and interfaces may be added; what was published stays word by word.
#[test]
fn what_was_published_never_changes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/frozen");
    let copies = std::fs::read_dir(folder).expect("a folder").flatten();
    let copies: Vec<_> = copies.filter(|copy| copy.path().is_dir()).collect();
    assert!(!copies.is_empty());
    for copy in copies {
        stands(&contract(&format!("wit/frozen/{}", copy.file_name().to_string_lossy())));
    }
}

fn stands(first: &BTreeMap<String, Vec<String>>) {
    let now = contract("wit");
    assert!(first.len() > 10, "{first:?}");
    for (block, lines) in first {
        let today = now.get(block).unwrap_or_else(|| panic!("{block} is gone"));
        let closed = block.contains("record ");
        if closed {
            assert_eq!(lines, today, "{block} has changed");
        }
        for line in lines {
            assert!(today.contains(line), "{block} has lost `{line}`");
        }
    }
}

/// Each block of a contract by its path (`interface timers/record entry`), with its lines, comments
/// left out.
fn contract(folder: &str) -> BTreeMap<String, Vec<String>> {
    let folder = format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut blocks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("a folder").flatten().map(|file| file.path()) {
        if file.extension().is_none_or(|extension| extension != "wit") {
            continue;
        }
        let text = std::fs::read_to_string(file).expect("a contract");
        let mut path: Vec<String> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with("//") {
                continue;
            }
            if let Some(name) = line.strip_suffix('{').filter(|name| !name.contains(".{")) {
                path.push(name.trim().to_owned());
            } else if line == "}" {
                path.pop();
            } else {
                blocks.entry(path.join("/")).or_default().push(line.to_owned());
            }
        }
    }
    blocks
}

/// A component in JavaScript imports all of its world: one that was built against the frozen contract
/// holds its transcript on this host.
#[test]
fn a_plugin_in_javascript_of_the_frozen_contract_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(place(name).parent().expect("a folder")).expect("made");
        std::fs::write(place(name), text).expect("written");
    };
    let manifest = "id = \"bot\"\nversion = \"0.1.0\"\n[[events]]\non = \"message\"\n\
                    [permissions]\nmessaging = true\nstate = true\n";
    write("plugin.toml", manifest);
    write(
        "bot.js",
        "import { reply, state } from \"switchboard-sdk\";\nexport function onMessage(event) {\n  \
         reply(event, `${event.text} ${state.chat.increment(\"n\")}`);\n}\n",
    );
    write("tests/first.chat", "customer: hello\nbot: hello 1\n");
    let tools = provided("SWITCHBOARD_TEST_TOOLS");
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(folder.path()).args(args).env("SWITCHBOARD_TOOLS", &tools);
        let output = command.env("XDG_CACHE_HOME", place("cache")).output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&said));
    };
    let switchboard = env!("CARGO_BIN_EXE_switchboard");
    // The tools and the SDK are in their places then.
    run(switchboard, &["build"]);
    for name in ["types.wit", "imports.wit", "worlds.wit"] {
        let text = std::fs::read_to_string(root.join("wit/frozen/0.1.0").join(name));
        write(&format!("wit/{name}"), &text.expect("a contract"));
    }
    std::fs::create_dir(place("wit/deps")).expect("made");
    std::fs::copy(root.join("wit/deps/random.wit"), place("wit/deps/random.wit")).expect("copied");
    std::fs::copy(place(".switchboard/javascript/wit/plugin.wit"), place("wit/plugin.wit"))
        .expect("copied");
    let asked = serde_json::json!({
        "dir": folder.path(), "entry": "bot.js", "handlers": ["message"], "wit": place("wit"),
        "world": "plugin", "tools": Path::new(&tools).join("javascript"), "out": place("old.wasm"),
    });
    run("node", &[".switchboard/javascript/build.mjs", &asked.to_string()]);
    run(switchboard, &["build", "--wasm", "old.wasm", "--out", "plugin.wasm"]);
    run(switchboard, &["test", ".", "--plugin", "plugin.wasm"]);
}
