//! What a plugin's sources call of the SDK, for languages whose components import the whole contract
//! whether they use it or not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

/// Interfaces, with the functions of each that are called.
pub type Called = Vec<(String, Vec<String>)>;

/// The parts of an SDK that are interfaces of the contract.
const INTERFACES: [&str; 10] = [
    "messaging",
    "timers",
    "state",
    "contacts",
    "chats",
    "templates",
    "media",
    "events",
    "http",
    "secrets",
];

/// Functions that stand by themselves in an SDK.
const SHORT: [&str; 2] = ["reply", "send"];

/// Folders that hold nobody's own sources.
const OTHERS: [&str; 4] = ["node_modules", "venv", "__pycache__", "tests"];

/// Look through the JavaScript, TypeScript and Python of a folder; `None` where there is none.
pub fn of_folder(folder: &Path) -> Option<Called> {
    let mut found = BTreeMap::new();
    let mut any = false;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            // A link is not followed: it may lead in a circle.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if !name.starts_with('.') && !OTHERS.contains(&&*name) {
                    folders.push(path);
                }
                continue;
            }
            let extension = path.extension().and_then(|extension| extension.to_str());
            if !matches!(extension, Some("js" | "mjs" | "ts" | "mts" | "py")) {
                continue;
            }
            any = true;
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            look(&text, &mut found);
        }
    }
    let lists = |(interface, functions): (String, BTreeSet<String>)| {
        (interface, functions.into_iter().collect())
    };
    any.then(|| found.into_iter().map(lists).collect())
}

fn look(text: &str, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for (own, name) in taken(text) {
        let own = regex::escape(&own);
        let mut add = |interface: &str, function: &str| {
            found.entry(interface.to_owned()).or_default().insert(function.to_owned());
        };
        if SHORT.contains(&name.as_str()) {
            if calls(text, &format!(r"(?:^|[^.\w]|switchboard\.){own}\s*\(")).next().is_some() {
                add("messaging", "send-text");
            }
            continue;
        }
        // `state.chat.get(`, `chats.handOver(`: the last word is the function.
        let used = format!(r"(?:^|[^.\w]|switchboard\.){own}(?:\.\w+)*\.(\w+)\s*\(");
        for function in calls(text, &used) {
            add(&name, &kebab(&function));
        }
    }
}

/// The parts of the SDK that a file takes, by the names that they have there.
fn taken(text: &str) -> Vec<(String, String)> {
    let lists = [
        r#"import\s*\{([^}]*)\}\s*from\s*["']switchboard-sdk["']"#,
        r"(?m)^\s*from\s+switchboard\s+import\s+\(([^)]*)\)",
        r"(?m)^\s*from\s+switchboard\s+import\s+([^(\n]+)$",
    ];
    let mut taken = Vec::new();
    for named in lists.iter().flat_map(|pattern| calls(text, pattern)) {
        for part in named.split(',').map(str::trim) {
            let (name, own) = part.split_once(" as ").unwrap_or((part, part));
            taken.push((own.trim().to_owned(), name.trim().to_owned()));
        }
    }
    let all = INTERFACES.iter().chain(&SHORT);
    let whole = r#"import\s*\*\s*as\s+(\w+)\s+from\s*["']switchboard-sdk["']"#;
    for own in calls(text, whole) {
        taken.extend(all.clone().map(|name| (format!("{own}.{name}"), (*name).to_owned())));
    }
    let python = calls(text, r"(?m)^\s*(import\s+switchboard)\b").next().is_some();
    if python || taken.iter().any(|(own, _)| own == "*") {
        taken.extend(all.map(|name| ((*name).to_owned(), (*name).to_owned())));
    }
    let known = |(_, name): &(String, String)| INTERFACES.iter().chain(&SHORT).any(|it| it == name);
    taken.retain(known);
    taken
}

/// The first group of every match; the whole of one that has none.
fn calls<'a>(text: &'a str, pattern: &str) -> impl Iterator<Item = String> + use<'a> {
    let found: Vec<String> = Regex::new(pattern)
        .map(|pattern| {
            let all = pattern.captures_iter(text);
            let part = |found: regex::Captures<'_>| {
                found.get(1).or_else(|| found.get(0)).map(|it| it.as_str().to_owned())
            };
            all.filter_map(part).collect()
        })
        .unwrap_or_default();
    found.into_iter()
}

/// A function's name as the contract writes it.
fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        match letter {
            '_' => kebab.push('-'),
            letter if letter.is_ascii_uppercase() => {
                kebab.push('-');
                kebab.push(letter.to_ascii_lowercase());
            }
            letter => kebab.push(letter),
        }
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> Vec<String> {
        let mut found = BTreeMap::new();
        look(text, &mut found);
        let named = |(interface, functions): (String, BTreeSet<String>)| {
            functions.into_iter().map(move |function| format!("{interface}.{function}"))
        };
        found.into_iter().flat_map(named).collect()
    }

    #[test]
    fn calls_of_the_sdk_are_seen_and_others_are_not() {
        let text = "import { reply as say, state,\n  chats } from \"switchboard-sdk\";\n\
                    say(event, state.chat.get(\"a\"));\nchats.handOver(event);\nmy.http.get(1); events.push(2);";
        assert_eq!(called(text), ["chats.hand-over", "messaging.send-text", "state.get"]);
        let text = "import * as sb from 'switchboard-sdk';\nsb.timers.plugin.cron('a', 'b');";
        assert_eq!(called(text), ["timers.cron"]);
        assert!(called("state.chat.get('a')").is_empty(), "nothing is taken of the SDK");
    }

    #[test]
    fn python_names_them_in_its_ways() {
        let text =
            "from switchboard import (\n    contacts,\n    send,\n)\ncontacts.set_name(e, 'A')\n";
        assert_eq!(called(text), ["contacts.set-name"]);
        assert_eq!(called("from switchboard import *\nhttp.get('x')"), ["http.get"]);
        assert_eq!(called("import switchboard\nswitchboard.reply(e, '')"), ["messaging.send-text"]);
    }
}
