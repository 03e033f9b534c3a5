//! The contract only grows: a plugin that was built against its first copy runs on, and nothing that
//! stood in that copy has changed.

use std::collections::BTreeMap;

use crate::support::Server;

const ANN: &str = "+15550101";

both! {
    /// The guest `veteran` knows no templates and no files.
    async fn a_plugin_of_the_first_contract_runs(on: On) {
        let server = Server::start(on).await;
        server.install("veteran").await;
        server.says(ANN, "hello").await;
        let words = "hello 1 count=1 later +15550101 true hello {} denied,denied";
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
    let first = contract("tests/guests/veteran/wit");
    let now = contract("wit");
    assert!(first.len() > 10, "{first:?}");
    for (block, lines) in first {
        let today = now.get(&block).unwrap_or_else(|| panic!("{block} is gone"));
        let closed = block.contains("record ");
        if closed {
            assert_eq!(lines, *today, "{block} has changed");
        }
        for line in lines {
            assert!(today.contains(&line), "{block} has lost `{line}`");
        }
    }
}

/// Each block of a contract by its path (`interface timers/record entry`), with its lines, comments
/// left out.
fn contract(folder: &str) -> BTreeMap<String, Vec<String>> {
    let folder = format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut blocks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in ["types.wit", "imports.wit", "worlds.wit"] {
        let text = std::fs::read_to_string(format!("{folder}/{file}")).expect("a contract");
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
