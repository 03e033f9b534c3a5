//! The house rules that a compiler does not know: layers, folders of crates, the shape of files.

use std::path::{Path, PathBuf};

use regex::Regex;

/// A file may be longer only with a reason given here.
const LONGER: [(&str, &str); 0] = [];

/// Lines of one file of the host, at most.
const LINES: usize = 400;

#[test]
fn parts_use_only_what_lies_below_them() {
    hold("host/src", |path, text| {
        let Some(own) = part(path) else { return Vec::new() };
        let refused = used_parts(text).into_iter().filter(|used| !may_use(&own, used));
        refused.map(|used| format!("{own} uses {used}")).collect()
    });
}

#[test]
fn sqlx_axum_and_wasmtime_stay_in_their_folders() {
    hold("host/src", |path, text| {
        let own = part(path).unwrap_or_default();
        let homes =
            [("sqlx", "store"), ("axum", "http"), ("wasmtime(_wasi|_wasi_http)?", "plugin")];
        let strays = homes.iter().filter(|(name, home)| own != *home && uses_crate(text, name));
        strays.map(|(name, home)| format!("{name} belongs in {home}/")).collect()
    });
}

#[test]
fn every_file_says_what_it_is_and_leaves_nothing_undone() {
    for folder in ["host", "xtask", "tests", "plugins", "examples"] {
        hold(folder, |path, text| {
            let mut problems = Vec::new();
            if !text.starts_with("//! ") {
                problems.push("does not open with a line of //!".to_owned());
            }
            let undone = undone();
            // This file spells them.
            if !path.ends_with("tests/tidy.rs") && undone.is_match(text) {
                problems.push("leaves something to do".to_owned());
            }
            problems
        });
    }
}

#[test]
fn no_file_of_the_host_is_longer_than_two() {
    hold("host/src", |path, text| {
        let lines = text.lines().count();
        let excused = LONGER.iter().any(|(file, _)| path.ends_with(file));
        if lines > LINES && !excused {
            vec![format!("{lines} lines: it is probably two files")]
        } else {
            Vec::new()
        }
    });
}

#[test]
fn no_module_is_a_drawer() {
    hold("host/src", |path, _| {
        let drawers = ["utils", "util", "common", "helpers", "core", "misc"];
        let named = path.iter().filter_map(|name| Path::new(name).file_stem()?.to_str());
        named
            .filter(|name| drawers.contains(name))
            .map(|name| format!("{name} says nothing"))
            .collect()
    });
}

/// The rules see what they are for: otherwise they would pass on anything.
#[test]
fn the_rules_catch_what_they_are_for() {
    assert_eq!(
        used_parts("use crate::{clock, store::Store};\nlet x = crate::flow::House;"),
        ["clock", "store", "flow"]
    );
    assert_eq!(used_parts("// crate::http is above\n/// [`crate::cli`]\n"), Vec::<String>::new());
    assert!(may_use("flow", "store") && may_use("flow", "flow") && may_use("store", "clock"));
    assert!(
        !may_use("store", "channel") && !may_use("model", "clock") && !may_use("plugin", "flow")
    );
    assert!(uses_crate("use sqlx::Row;", "sqlx") && uses_crate("    sqlx::query()", "sqlx"));
    assert!(!uses_crate("// sqlx::query", "sqlx") && !uses_crate("my_sqlx::x", "sqlx"));
    assert!(undone().is_match("// TODO: later") && undone().is_match("todo!()"));
}

fn undone() -> Regex {
    Regex::new(r"\b(TODO|FIXME|XXX)\b|\b(todo|unimplemented|dbg)!").expect("a pattern")
}

/// The part of the host that a file belongs to; `None` for the root, which joins them all.
fn part(path: &Path) -> Option<String> {
    let mut names = path.iter().skip_while(|name| *name != "src").skip(1);
    let first = Path::new(names.next()?).file_stem()?.to_str()?.to_owned();
    (!matches!(first.as_str(), "lib" | "main" | "app")).then_some(first)
}

/// `model <- clock, config, … <- { store | channel | plugin } <- flow <- http <- cli`
fn level(part: &str) -> Option<u8> {
    Some(match part {
        "model" => 0,
        "clock" | "config" | "egress" | "seal" => 1,
        "store" | "channel" | "plugin" => 2,
        "flow" => 3,
        "http" => 4,
        "cli" => 5,
        _ => return None,
    })
}

/// A part may use itself and any lower one. What is no part (a type of the root) belongs to `cli`
/// alone, which starts it.
fn may_use(own: &str, used: &str) -> bool {
    match (level(own), level(used)) {
        (Some(own_level), Some(used_level)) => own == used || used_level < own_level,
        _ => own == "cli",
    }
}

/// The names after `crate::`, in order, outside comments.
fn used_parts(text: &str) -> Vec<String> {
    let code = code(text);
    let path = Regex::new(r"\bcrate::(\{([^;]*)\}|\w+)").expect("a pattern");
    let first = Regex::new(r"(?:^|,)\s*(\w+)").expect("a pattern");
    let group = Regex::new(r"\{[^{}]*\}").expect("a pattern");
    let mut used = Vec::new();
    for found in path.captures_iter(&code) {
        match found.get(2) {
            Some(list) => {
                let flat = group.replace_all(list.as_str(), "");
                used.extend(first.captures_iter(&flat).map(|name| name[1].to_owned()));
            }
            None => used.push(found[1].to_owned()),
        }
    }
    used
}

fn uses_crate(text: &str, name: &str) -> bool {
    let used = Regex::new(&format!(r"(^|[^\w:]){name}(::|;)")).expect("a pattern");
    used.is_match(&code(text))
}

/// A file without its comment lines.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Apply a rule to every source file below a folder.
#[track_caller]
fn hold(folder: &str, rule: impl Fn(&Path, &str) -> Vec<String>) {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the host lies in the workspace");
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    let mut problems = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file can be read");
        let shown = file.strip_prefix(root).unwrap_or(&file);
        problems.extend(
            rule(shown, &text).into_iter().map(|problem| format!("{}: {problem}", shown.display())),
        );
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "node_modules" {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
