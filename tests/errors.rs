//! The list of codes is whole: what the code refuses with is on the page.

use std::path::Path;

use regex::Regex;

const PAGE: &str = include_str!("../docs/errors.md");

/// Every code that is written down where a refusal is made.
#[test]
fn every_code_in_the_source_is_on_the_page() {
    let made = [
        r#"(?:ApiError|Self)::new\(\s*(?:StatusCode::\w+|status),\s*"([^"]+)""#,
        r#"conflict\(\s*"([a-z_-]+)",\s"#,
        r#"[^:.]refuse\(\s*"([a-z_-]+)",\s"#,
        r#"refused\(\s*"([^"]+)","#,
        r#"Left::failed\(\s*"([^"]+)""#,
        r#"Retry \{\s*code: "([^"]+)""#,
    ];
    let made: Vec<Regex> = made.iter().map(|it| Regex::new(it).expect("a pattern")).collect();
    let mut found = Vec::new();
    for folder in ["http", "flow"] {
        look(&source().join(folder), &made, &mut found);
    }
    assert!(found.len() > 20, "too few are found: {found:?}");
    let unlisted: Vec<&String> =
        found.iter().filter(|code| !PAGE.contains(&format!("| `{code}` |"))).collect();
    assert!(unlisted.is_empty(), "add to host/src/http/codes.rs and docs/errors.md: {unlisted:?}");
}

fn source() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn look(folder: &Path, made: &[Regex], found: &mut Vec<String>) {
    // The pretend network's own pages are no part of the API.
    if folder.ends_with("http/sandbox") {
        return;
    }
    for entry in std::fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path())
    {
        if entry.is_dir() {
            look(&entry, made, found);
            continue;
        }
        let text = std::fs::read_to_string(&entry).expect("a file");
        for pattern in made {
            found.extend(pattern.captures_iter(&text).map(|it| it[1].to_owned()));
        }
    }
    found.sort_unstable();
    found.dedup();
}
