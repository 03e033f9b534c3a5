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
pub const JAVASCRIPT: [(&str, &str); 22] = files!("plugins/sdk/js/"
    "package.json" "index.js" "index.d.ts" "types/call.d.ts" "types/events.d.ts" "types/keep.d.ts"
    "types/messaging.d.ts" "types/people.d.ts" "src/bytes.js" "src/call.js" "src/error.js"
    "src/globals.js" "src/http.js"
    "src/media.js" "src/messaging.js" "src/people.js" "src/runtime.js" "src/shown.js"
    "src/state.js" "src/timers.js" "src/globals.d.ts" "README.md");

/// What makes a component, for node.
pub const JAVASCRIPT_BUILD: &str = include_str!("../../../../plugins/sdk/js/build.mjs");

/// The package `switchboard`.
pub const PYTHON: [(&str, &str); 19] = files!("plugins/sdk/python/switchboard/"
    "__init__.py" "_config.py" "_error.py" "_events.py" "_handlers.py" "_runtime.py" "_time.py"
    "chats.py" "contacts.py" "delivery.py" "events.py" "http.py"
    "media.py" "messaging.py" "py.typed" "secrets.py"
    "state.py" "templates.py" "timers.py");

/// Headers and sources that are compiled with the plugin's own.
pub const C: [(&str, &str); 8] = files!("plugins/sdk/c/"
    "calls.c" "internal.h" "json.c" "lists.c" "plugin.c" "plugin.h" "switchboard.c" "switchboard.h");

/// The crate `switchboard-sdk`, as a workspace of its own with the contract where the crate looks for it.
pub const RUST: [(&str, &str); 27] = files!(""
    "wit/types.wit" "wit/imports.wit" "wit/worlds.wit" "wit/engine.wit" "wit/deps/random.wit"
    "wit/deps/clocks.wit" "wit/deps/http.wit" "wit/deps/io.wit"
    "plugins/sdk/rust/Cargo.toml" "plugins/sdk/rust/src/bindings.rs" "plugins/sdk/rust/src/chats.rs"
    "plugins/sdk/rust/src/config.rs" "plugins/sdk/rust/src/contacts.rs" "plugins/sdk/rust/src/delivery.rs"
    "plugins/sdk/rust/src/event.rs" "plugins/sdk/rust/src/events.rs" "plugins/sdk/rust/src/handler.rs"
    "plugins/sdk/rust/src/http.rs" "plugins/sdk/rust/src/lib.rs" "plugins/sdk/rust/src/log.rs"
    "plugins/sdk/rust/src/media.rs"
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
    use regex::Regex;

    use super::*;

    /// Every file of a folder that has one of these endings.
    fn count(folder: &str, endings: &[&str]) -> usize {
        let mut found = 0;
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("frozen") {
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

    /// Every function of the contract is called in each SDK, in a file that takes its interface.
    #[test]
    fn every_sdk_knows_every_function_of_the_contract() {
        let function = Regex::new(r"^\s+%?([a-z0-9-]+): func\(").expect("a pattern");
        let mut missing = Vec::new();
        let mut interface = "";
        for line in include_str!("../../../../wit/imports.wit").lines() {
            if let Some(name) = line.strip_prefix("interface ") {
                interface = name.trim_end_matches(" {");
            }
            let Some(found) = function.captures(line) else { continue };
            let name = format!("{interface}.{}", &found[1]);
            let (snake, camel) = (found[1].replace('-', "_"), camel(&found[1]));
            let js = (format!("plugin/{interface}@"), format!(r"\.{camel}\b"));
            let python = (format!("imports import {interface}"), format!(r"(host|log)\.{snake}\b"));
            let rust = (format!("plugin::{interface}"), format!(r"::{snake}\("));
            let sdks =
                [("js", &JAVASCRIPT[..], js), ("python", &PYTHON, python), ("rust", &RUST, rust)];
            for (sdk, files, (taken, called)) in sdks {
                let called = Regex::new(&called).expect("a pattern");
                let knows =
                    files.iter().any(|(_, text)| text.contains(&taken) && called.is_match(text));
                if !knows {
                    missing.push(format!("{sdk}: {name}"));
                }
            }
        }
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// As JavaScript writes a name.
    fn camel(name: &str) -> String {
        let mut words = name.split('-');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
    }
}
