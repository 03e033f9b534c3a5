//! What `switchboard build` and `check` make of a folder: libraries, what C has of its own, and what the
//! sources tell.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::provided;

/// Libraries come with a plugin: from npm, and from PyPI what is Python through and through.
#[test]
fn libraries_are_fetched_and_run() {
    let manifest = "id = \"bot\"\nversion = \"0.1.0\"\n[[events]]\non = \"message\"\n\
                    [permissions]\nmessaging = true\n";
    let cases: [(&str, &[(&str, &str)]); 2] = [
        (
            "Hello-World",
            &[
                ("package.json", r#"{"private": true, "dependencies": {"slugify": "1.6.6"}}"#),
                (
                    "bot.js",
                    "import slugify from \"slugify\";\nimport { reply } from \"switchboard-sdk\";\n\
                     export function onMessage(event) {\n  reply(event, slugify(event.text));\n}\n",
                ),
            ],
        ),
        (
            "<p>Hello World</p>",
            &[
                ("requirements.txt", "# Python through and through\nmistune==3.1.3\n"),
                (
                    "bot.py",
                    "import mistune\nfrom switchboard import Message, on_message, reply\n\n\
                     @on_message\ndef render(event: Message) -> None:\n    \
                     reply(event, mistune.html(event.text).strip())\n",
                ),
            ],
        ),
    ];
    for (said, files) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("tests")).expect("made");
        let transcript = format!("customer: Hello World\nbot: {said}\n");
        let all = [("plugin.toml", manifest), ("tests/first.chat", &*transcript)];
        for (name, text) in all.iter().chain(files) {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let (well, told) = switchboard(folder.path(), &["test", "."]);
        assert!(well && told.contains("1 passed"), "{told}");
    }
}

/// What is compiled for one machine cannot run in a component, and the build says so.
#[test]
fn a_library_that_is_no_python_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write("plugin.toml", "id = \"bot\"\nversion = \"0.1.0\"\n[[events]]\non = \"message\"\n");
    write("requirements.txt", "numpy\n");
    write("bot.py", "import numpy\n");
    let (well, told) = switchboard(folder.path(), &["build", "."]);
    assert!(!well && told.contains("numpy") && told.contains("none-any.whl"), "{told}");
}

/// C fails with words wherever it is, finds its way in JSON, and gets lists.
#[test]
fn c_fails_with_words_and_reads_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    std::fs::create_dir(folder.path().join("tests")).expect("made");
    write(
        "plugin.toml",
        "id = \"bot\"\nversion = \"0.1.0\"\n[[events]]\non = \"message\"\n[permissions]\n\
         messaging = true\nstate = true\ntimers = true\nchats = \"read\"\ncontacts = \"read\"\n",
    );
    write("bot.c", include_str!("guests/words.c"));
    write(
        "tests/words.chat",
        "customer Ann +15550123 Ann \"B\" Leé\n\nAnn: name\nbot: Ann \"B\" Leé\n\nAnn: offer\nbot: Yes or no?\n  [Yes] [No]\n\
         Ann chooses No\nbot: You chose no\n\nAnn: lists\nbot: a=1 b=2 tea@300000 lists\n\n\
         Ann: deep\nfails with it aborted: no order 7\nbot says nothing\n",
    );
    let (well, told) = switchboard(folder.path(), &["test", "."]);
    assert!(well && told.contains("1 passed"), "{told}");
}

/// Where a component imports the whole contract, `check` goes by the sources.
#[test]
fn check_warns_of_what_the_sources_call_and_the_manifest_does_not_ask_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write(
        "plugin.toml",
        "id = \"bot\"\nversion = \"0.1.0\"\n[[events]]\non = \"message\"\n[permissions]\n\
         messaging = true\ntimers = true\n",
    );
    write(
        "bot.js",
        "import { reply, state } from \"switchboard-sdk\";\n\
         export function onMessage(event) {\n  reply(event, `${state.chat.increment(\"n\")}`);\n}\n",
    );
    let (well, told) = switchboard(folder.path(), &["check", ".", "--json"]);
    let line = told.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    let seen: Value = serde_json::from_str(line).expect("one line of JSON");
    let warnings = seen["warnings"].as_array().expect("a list");
    let warns = |of: &str| warnings.iter().any(|it| it.as_str().is_some_and(|it| it.contains(of)));
    assert!(well && warnings.len() == 2, "{seen}");
    assert!(warns("`state`, which will be denied") && warns("asks for `timers = true`"), "{seen}");
}

/// Run the program in a folder; whether it went well, and all that it said.
fn switchboard(folder: &Path, args: &[&str]) -> (bool, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    program.current_dir(folder).args(args);
    program.env("SWITCHBOARD_TOOLS", provided("SWITCHBOARD_TEST_TOOLS"));
    program.env("XDG_CACHE_HOME", folder.join("cache"));
    let output = program.output().expect("it runs");
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&told).into_owned())
}
