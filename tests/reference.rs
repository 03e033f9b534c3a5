//! `docs/plugins/reference` cannot lie: it has every function of the contract with an example in each
//! language, and its examples are built into one plugin a language, which holds the transcripts of
//! `tests/reference`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::provided;

const LANGUAGES: [&str; 3] = ["rust", "js", "python"];

/// A function of the contract as its page has it.
struct Entry {
    /// `state.get`, or `on-message`.
    name: String,
    /// The code blocks by their languages; of two of one language the first.
    blocks: BTreeMap<String, String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The page of an interface: the handlers share one.
fn page_of(interface: &str) -> &str {
    if interface.starts_with("on-") { "handlers" } else { interface }
}

/// The functions of the contract by interface, each with its line.
fn contract() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for file in ["wit/imports.wit", "wit/worlds.wit"] {
        let mut interface = String::new();
        for line in read(file).lines() {
            if let Some(name) = line.strip_prefix("interface ") {
                interface = name.trim_end_matches(" {").to_owned();
            }
            let line = line.trim();
            if let Some((name, _)) = line.split_once(": func(") {
                let name = name.trim_start_matches('%').to_owned();
                found.entry(interface.clone()).or_default().insert(name, line.to_owned());
            }
        }
    }
    found
}

/// Every entry of every page, in order.
fn entries() -> Vec<Entry> {
    let pages: BTreeSet<String> = contract().keys().map(|it| page_of(it).to_owned()).collect();
    pages.iter().flat_map(|page| entries_of(page)).collect()
}

fn entries_of(page: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut block: Option<(String, String)> = None;
    for line in read(format!("docs/plugins/reference/{page}.md")).lines() {
        match &mut block {
            Some((language, text)) if line == "```" => {
                if let Some(entry) = entries.last_mut() {
                    entry.blocks.entry(language.clone()).or_insert_with(|| text.clone());
                }
                block = None;
            }
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None => {
                if let Some(language) = line.strip_prefix("```") {
                    block = Some((language.to_owned(), String::new()));
                } else if let Some(name) = line.strip_prefix("## ").filter(|it| *it != "In C") {
                    let name = match page {
                        "handlers" => name.to_owned(),
                        page => format!("{page}.{name}"),
                    };
                    entries.push(Entry { name, blocks: BTreeMap::new() });
                }
            }
        }
    }
    entries
}

#[test]
fn every_function_has_its_words_and_an_example_in_each_language() {
    let mut wanted = BTreeMap::new();
    for (interface, functions) in contract() {
        for (function, line) in functions {
            let is_handler = interface.starts_with("on-");
            let name =
                if is_handler { interface.clone() } else { format!("{interface}.{function}") };
            wanted.insert(name, line);
        }
    }
    assert!(wanted.len() > 50, "{wanted:?}");
    for entry in entries() {
        let line = wanted.remove(&entry.name);
        let line = line.unwrap_or_else(|| panic!("the contract has no {}", entry.name));
        assert_eq!(entry.blocks.get("wit").map(|wit| wit.trim()), Some(&*line), "{}", entry.name);
        for language in LANGUAGES {
            assert!(entry.blocks.contains_key(language), "{} in {language}", entry.name);
        }
    }
    assert!(wanted.is_empty(), "docs/plugins/reference has nothing about {:?}", wanted.keys());
}

/// What the tables name is there, and what is there is named.
#[test]
fn every_function_of_c_stands_in_a_table() {
    let header = read("plugins/sdk/c/switchboard.h");
    let word = words_of_c(&header);
    let pages: BTreeSet<String> = contract().keys().map(|it| page_of(it).to_owned()).collect();
    let mut named = BTreeSet::new();
    for page in pages.iter().map(String::as_str).chain(["README"]) {
        let text = read(format!("docs/plugins/reference/{page}.md"));
        for name in words_of_c(&text) {
            assert!(word.contains(&name), "{page}.md names {name}, which switchboard.h has not");
            named.insert(name);
        }
    }
    // What is C's own, and what the SDK's words explain.
    let own = ["sb_alloc", "sb_random", "sb_random_bytes", "sb_format"];
    let functions = header.lines().filter(|line| !line.starts_with([' ', '*', '/', '#']));
    for line in functions.filter(|line| line.contains('(') && !line.starts_with("typedef")) {
        let Some(name) = words_of_c(line).into_iter().find(|it| line.contains(&format!("{it}(")))
        else {
            continue;
        };
        assert!(named.contains(&name) || own.contains(&&*name), "{name} stands in no table");
    }
}

/// The words that begin with `sb_`.
fn words_of_c(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c)).filter(|it| it.starts_with("sb_")).map(str::to_owned).collect()
}

#[test]
fn the_examples_in_rust_do_what_they_say() {
    let mut lib = String::from(
        "#![allow(unused)]\nmod examples {\nuse switchboard_sdk::prelude::*;\nuse serde_json::{Value, json};\n",
    );
    let mut arms = String::new();
    let mut handlers = String::new();
    for entry in entries() {
        let (name, block) = (identifier(&entry.name), &entry.blocks["rust"]);
        if entry.name == "on-message" {
            let own = "switchboard_sdk::plugin!(message = on_message);";
            assert!(block.contains(own), "{block}");
            let block = block.replace(own, "").replace("fn on_message", "pub fn on_message");
            let _ = writeln!(handlers, "mod {name} {{\n{block}}}");
        } else if entry.name.starts_with("on-") {
            let _ = writeln!(handlers, "mod {name} {{\n{block}}}");
        } else {
            let _ = writeln!(
                lib,
                "pub fn {name}(event: Message) -> Result<()> {{\n{block}    Ok(())\n}}"
            );
            let _ = writeln!(arms, "        {:?} => examples::{name}(event),", entry.name);
        }
    }
    let _ = write!(
        lib,
        "}}\n{handlers}\nuse switchboard_sdk::prelude::*;\nswitchboard_sdk::plugin!(message = dispatch);\n\
         fn dispatch(event: Message) -> Result<()> {{\n    match event.text.as_str() {{\n{arms}        \
         _ => on_message::on_message(event),\n    }}\n}}\n"
    );
    let project = Project::new();
    let sdk = root().join("plugins/sdk/rust").canonicalize().expect("the SDK");
    project.write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"reference\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
             [dependencies]\nserde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n\
             switchboard-sdk = {{ path = {sdk:?} }}\n[workspace]\n"
        ),
    );
    // The versions that are built already.
    project.write("Cargo.lock", &read("Cargo.lock"));
    project.write("src/lib.rs", &lib);
    project.holds();
}

#[test]
fn the_examples_in_javascript_do_what_they_say() {
    let mut bot = format!("{}\n", imports("JavaScript"));
    let mut examples = String::new();
    let project = Project::new();
    for entry in entries() {
        let block = &entry.blocks["js"];
        if entry.name.starts_with("on-") {
            project.write(&format!("{}.js", entry.name), block);
            let handler = match entry.name.as_str() {
                "on-message" => "import { onMessage as answer }".to_owned(),
                name => format!("export {{ {} }}", camel(name)),
            };
            let _ = writeln!(bot, "{handler} from \"./{}.js\";", entry.name);
        } else {
            let _ = writeln!(examples, "  {:?}: (event) => {{\n{block}  }},", entry.name);
        }
    }
    let _ = write!(
        bot,
        "\nconst examples = {{\n{examples}}};\n\nexport function onMessage(event) {{\n  \
         (examples[event.text] ?? answer)(event);\n}}\n"
    );
    project.write("bot.js", &bot);
    project.holds();
}

#[test]
fn the_examples_in_python_do_what_they_say() {
    let mut bot = format!("{}\nfrom switchboard import _handlers\n", imports("Python"));
    let mut all = String::new();
    let project = Project::new();
    for entry in entries() {
        let (name, block) = (identifier(&entry.name), &entry.blocks["python"]);
        if entry.name.starts_with("on-") {
            // Its handler may have any name: the decorator is what counts.
            project.write(&format!("page_{name}.py"), block);
            let _ = writeln!(bot, "import page_{name}");
        } else {
            let indented = block.lines().map(|line| format!("    {line}\n")).collect::<String>();
            let _ = writeln!(bot, "\ndef {name}(event: Message) -> None:\n{indented}");
            let _ = writeln!(all, "    {:?}: {name},", entry.name);
        }
    }
    let _ = write!(
        bot,
        "\nEXAMPLES = {{\n{all}}}\nanswer = _handlers.HANDLERS.pop(\"message\")\n\n@on_message\n\
         def dispatch(event: Message) -> None:\n    EXAMPLES.get(event.text, answer)(event)\n"
    );
    project.write("bot.py", &bot);
    project.holds();
}

/// The imports that the reference says its examples stand under.
fn imports(language: &str) -> String {
    let text = read("docs/plugins/reference/README.md");
    let lines = text.lines().skip_while(|line| !line.starts_with(&format!("{language}  ")));
    let mut lines = lines.take_while(|line| *line != "```");
    let first = lines.next().and_then(|line| line.strip_prefix(language));
    let more = lines.take_while(|line| line.starts_with(' '));
    let all = first.into_iter().chain(more).map(str::trim);
    all.collect::<Vec<_>>().join("\n")
}

fn identifier(name: &str) -> String {
    name.replace(['.', '-'], "_")
}

fn camel(name: &str) -> String {
    let (first, second) = name.split_once('-').unwrap_or((name, ""));
    format!("{first}{}{}", second[..1].to_uppercase(), &second[1..])
}

/// A plugin in a folder of its own, with the transcripts.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().expect("a folder"));
        project.write("plugin.toml", &read("tests/reference/plugin.toml"));
        for file in std::fs::read_dir(root().join("tests/reference")).expect("a folder").flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.ends_with(".chat") {
                project.write(&format!("tests/{name}"), &read(file.path()));
            }
        }
        project
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// Build it, and play all transcripts.
    fn holds(&self) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        program.arg("test").arg(self.0.path());
        program.env("SWITCHBOARD_TOOLS", provided("SWITCHBOARD_TEST_TOOLS"));
        program.env("CARGO_TARGET_DIR", root().join("target"));
        program.env("XDG_CACHE_HOME", self.0.path().join("cache"));
        let output = program.output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}\n{error}");
        assert!(told.contains(" 0 failed"), "{told}");
    }
}
