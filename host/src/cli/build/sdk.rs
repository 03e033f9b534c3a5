//! The SDKs, carried by the program: a project gets the one that fits its host, and needs nothing that
//! is published anywhere.

use std::path::Path;

use anyhow::Result;

use super::project::put;

/// Files of an SDK, by their paths.
pub type Files = [(&'static str, &'static str)];

macro_rules! files {
    ($root:literal $($name:literal)+) => {
        [$(($name, include_str!(concat!("../../../../", $root, $name)))),+]
    };
}

/// The package `switchboard-sdk`, for `node_modules`.
pub const JAVASCRIPT: [(&str, &str); 21] = files!("plugins/sdk/js/"
    "package.json" "index.js" "index.d.ts" "types/call.d.ts" "types/events.d.ts" "types/keep.d.ts"
    "types/messaging.d.ts" "types/people.d.ts" "src/bytes.js" "src/call.js" "src/error.js"
    "src/globals.js" "src/http.js" "src/messaging.js" "src/people.js" "src/runtime.js" "src/shown.js"
    "src/state.js" "src/timers.js" "src/globals.d.ts" "README.md");

/// What makes a component, for node.
pub const JAVASCRIPT_BUILD: &str = include_str!("../../../../plugins/sdk/js/build.mjs");

/// The package `switchboard`.
pub const PYTHON: [(&str, &str); 18] = files!("plugins/sdk/python/switchboard/"
    "__init__.py" "_config.py" "_error.py" "_events.py" "_handlers.py" "_runtime.py" "_time.py"
    "chats.py" "contacts.py" "delivery.py" "events.py" "http.py" "messaging.py" "py.typed" "secrets.py"
    "state.py" "templates.py" "timers.py");

/// Headers and sources that are compiled with the plugin's own.
pub const C: [(&str, &str); 6] = files!("plugins/sdk/c/"
    "calls.c" "internal.h" "plugin.c" "plugin.h" "switchboard.c" "switchboard.h");

/// The crate `switchboard-sdk`, as a workspace of its own with the contract where the crate looks for it.
pub const RUST: [(&str, &str); 22] = files!(""
    "wit/types.wit" "wit/imports.wit" "wit/worlds.wit" "wit/deps/random.wit"
    "plugins/sdk/rust/Cargo.toml" "plugins/sdk/rust/src/bindings.rs" "plugins/sdk/rust/src/chats.rs"
    "plugins/sdk/rust/src/config.rs" "plugins/sdk/rust/src/contacts.rs" "plugins/sdk/rust/src/delivery.rs"
    "plugins/sdk/rust/src/event.rs" "plugins/sdk/rust/src/events.rs" "plugins/sdk/rust/src/handler.rs"
    "plugins/sdk/rust/src/http.rs" "plugins/sdk/rust/src/lib.rs" "plugins/sdk/rust/src/log.rs"
    "plugins/sdk/rust/src/messaging.rs" "plugins/sdk/rust/src/secrets.rs" "plugins/sdk/rust/src/state.rs"
    "plugins/sdk/rust/src/templates.rs" "plugins/sdk/rust/src/timers.rs" "plugins/sdk/rust/src/words.rs");

/// The workspace that the crate's Cargo.toml inherits from.
pub const RUST_WORKSPACE: &str = concat!(
    "[workspace]\nresolver = \"3\"\nmembers = [\"plugins/sdk/rust\"]\n\n[workspace.package]\nversion = \"",
    env!("CARGO_PKG_VERSION"),
    "\"\nedition = \"2024\"\nrust-version = \"1.95\"\nlicense = \"Apache-2.0\"\npublish = false\n"
);

/// Write an SDK into a folder; files that are right stay as they are.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(folder: &Path, files: &Files) -> Result<()> {
    files.iter().try_for_each(|(name, text)| put(&folder.join(name), text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every file of a folder that has one of these endings.
    fn count(folder: &str, endings: &[&str]) -> usize {
        let mut found = 0;
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() && !path.ends_with("node_modules") {
                    folders.push(path);
                } else if endings
                    .iter()
                    .any(|end| entry.file_name().to_string_lossy().ends_with(end))
                {
                    found += 1;
                }
            }
        }
        found
    }

    #[test]
    fn the_sdks_are_carried_whole() {
        // Its README, package.json and the types are among the files; build.mjs goes by itself.
        assert_eq!(count("plugins/sdk/js", &[".js", ".ts", ".json", ".md"]), JAVASCRIPT.len());
        assert_eq!(count("plugins/sdk/python/switchboard", &[".py", ".typed"]), PYTHON.len());
        assert_eq!(count("plugins/sdk/c", &[".c", ".h"]), C.len());
        assert_eq!(
            count("plugins/sdk/rust/src", &[".rs"]) + count("wit", &[".wit"]) + 1,
            RUST.len()
        );
    }

    /// Every function of the contract has its place in each SDK, by the name that the language gives it.
    #[test]
    fn every_sdk_knows_every_function_of_the_contract() {
        let contract = include_str!("../../../../wit/imports.wit");
        let function = regex::Regex::new(r"(?m)^\s+%?([a-z-]+): func\(").expect("a pattern");
        let all = |files: &Files| files.iter().map(|(_, text)| *text).collect::<String>();
        let (js, python, rust) = (all(&JAVASCRIPT), all(&PYTHON), all(&RUST[4..]));
        let mut missing = Vec::new();
        let mut interface = "";
        for line in contract.lines() {
            if let Some(name) = line.strip_prefix("interface ") {
                interface = name.trim_end_matches(" {");
            }
            let Some(found) = function.captures(line) else { continue };
            let snake = found[1].replace('-', "_");
            let camel = snake.split('_').enumerate().fold(String::new(), |mut name, (at, word)| {
                let (first, rest) = word.split_at(1);
                name.push_str(
                    if at == 0 { first.to_owned() } else { first.to_uppercase() }.as_str(),
                );
                name + rest
            });
            for (language, text, call) in [
                ("js", &js, format!(".{camel}")),
                ("python", &python, format!("_host.{snake}")),
                ("rust", &rust, format!("::{snake}(")),
            ] {
                let module = text.contains(&format!("switchboard:plugin/{interface}@"))
                    || text.contains(&format!("import {interface} as"))
                    || text.contains(&format!("plugin::{interface}"))
                    || text.contains(&format!("plugin::{{{interface}"));
                let called = text.contains(&call)
                    || text.contains(&call.replace("_host.", "host."))
                    || text.contains(&call.replace("_host.", "log."));
                if !module || !called {
                    missing.push(format!("{language}: {interface}.{}", &found[1]));
                }
            }
        }
        assert!(missing.is_empty(), "{missing:?}");
    }
}
