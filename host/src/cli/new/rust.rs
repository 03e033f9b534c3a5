//! Projects in Rust. The SDK comes by its path inside Switchboard's own repository; anywhere else it
//! is unpacked into the project, as this program carries it, since it is in no registry.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::write;

pub const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("rust/Cargo.toml.in")),
    ("plugin.toml", include_str!("rust/plugin.toml.in")),
    ("src/lib.rs", include_str!("rust/lib.rs.in")),
    ("tests/first.chat", include_str!("rust/first.chat")),
    ("README.md", include_str!("rust/README.md.in")),
    (".gitignore", "target/\n*.wasm\n"),
];

macro_rules! sdk {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../plugins/sdk/rust/", $path)))),+]
    };
}

macro_rules! wit {
    ($($path:literal),+ $(,)?) => {
        &[$((concat!("wit/", $path), include_str!(concat!("../../../../wit/", $path)))),+]
    };
}

const SDK: &[(&str, &str)] = sdk![
    "Cargo.toml",
    "README.md",
    "src/bindings.rs",
    "src/chats.rs",
    "src/config.rs",
    "src/contacts.rs",
    "src/delivery.rs",
    "src/event.rs",
    "src/events.rs",
    "src/handler.rs",
    "src/http.rs",
    "src/lib.rs",
    "src/log.rs",
    "src/media.rs",
    "src/messaging.rs",
    "src/secrets.rs",
    "src/state.rs",
    "src/templates.rs",
    "src/timers.rs",
    "src/words.rs",
];
const WIT: &[(&str, &str)] = wit!["imports.wit", "types.wit", "worlds.wit"];

/// The versions that the SDK was tested with.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Give a project its SDK and pin what it needs; answers the SDK's path as `Cargo.toml` names it.
pub fn sdk(project: &Path) -> Result<String> {
    write(&project.join("Cargo.lock"), &lock(LOCK)?)?;
    if let Some(path) = in_repository(project) {
        return Ok(path.to_string_lossy().into_owned());
    }
    for (path, text) in SDK.iter().chain(WIT) {
        write(&project.join("sdk").join(path), &alone(path, text))?;
    }
    Ok("sdk".to_owned())
}

/// The way from a project to the SDK of the repository that it lies in.
fn in_repository(project: &Path) -> Option<PathBuf> {
    let mut up = PathBuf::new();
    for folder in project.ancestors() {
        let sdk = folder.join("plugins/sdk/rust/Cargo.toml");
        if sdk.is_file() && folder.join("wit/worlds.wit").is_file() {
            return Some(up.join("plugins/sdk/rust"));
        }
        up.push("..");
    }
    None
}

/// A file of the SDK as it stands outside the repository: without its workspace, with the contract
/// beside it.
fn alone(path: &str, text: &str) -> String {
    match path {
        "src/bindings.rs" => text.replace("\"../../../wit\"", "\"wit\""),
        "Cargo.toml" => text.lines().flat_map(|line| [own(line), "\n"]).collect(),
        _ => text.to_owned(),
    }
}

/// A line of its manifest that does not lean on the workspace's.
fn own(line: &str) -> &str {
    match line.strip_suffix(".workspace = true") {
        Some("version") => concat!("version = \"", env!("CARGO_PKG_VERSION"), "\""),
        Some("edition") => "edition = \"2024\"",
        Some("rust-version") => concat!("rust-version = \"", env!("CARGO_PKG_RUST_VERSION"), "\""),
        Some("license") => concat!("license = \"", env!("CARGO_PKG_LICENSE"), "\""),
        Some("publish") => "publish = false",
        _ => line,
    }
}

/// What the SDK needs of a lock file, and nothing else.
fn lock(whole: &str) -> Result<String> {
    let whole: Table = toml::from_str(whole).context("the lock file of this program")?;
    let packages = whole.get("package").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |package: &Value, key: &str| {
        package.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut wanted = vec!["switchboard-sdk".to_owned()];
    let mut kept = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        // "name", or "name version" where there are several.
        let mut parts = name.split(' ');
        let (name, version) = (parts.next().unwrap_or_default(), parts.next());
        let found = packages.iter().position(|package| {
            text(package, "name") == name
                && version.is_none_or(|version| text(package, "version") == version)
        });
        let Some(place) = found else { continue };
        if kept.insert(place) {
            let needs = packages[place].get("dependencies").and_then(Value::as_array);
            wanted.extend(needs.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
    }
    let mut small = Table::new();
    small.insert("version".to_owned(), whole.get("version").cloned().unwrap_or(Value::Integer(4)));
    small.insert(
        "package".to_owned(),
        kept.into_iter().map(|place| packages[place].clone()).collect::<Vec<_>>().into(),
    );
    Ok(format!("# This file is automatically @generated by Cargo.\n{}", toml::to_string(&small)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn the_program_carries_every_file_of_the_sdk_and_of_the_contract() {
        let names = |folder: &str| -> BTreeSet<String> {
            let entries = std::fs::read_dir(repository().join(folder)).expect("a folder");
            entries
                .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
                .collect()
        };
        let carried = |files: &[(&str, &str)], below: &str| -> BTreeSet<String> {
            files
                .iter()
                .filter_map(|(path, _)| path.strip_prefix(below))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(names("plugins/sdk/rust/src"), carried(SDK, "src/"));
        let contract: BTreeSet<String> =
            names("wit").into_iter().filter(|name| name.ends_with(".wit")).collect();
        assert_eq!(contract, carried(WIT, "wit/"));
    }

    #[test]
    fn the_sdk_stands_alone_outside_the_repository() {
        let manifest = SDK.iter().find(|(path, _)| *path == "Cargo.toml").expect("a manifest");
        let manifest = alone(manifest.0, manifest.1);
        assert!(!manifest.contains("workspace"), "{manifest}");
        let manifest: Table = toml::from_str(&manifest).expect("TOML");
        let field = |name: &str| manifest["package"][name].as_str();
        assert_eq!(
            (field("version"), field("rust-version")),
            (Some(env!("CARGO_PKG_VERSION")), Some("1.95"))
        );
        let bindings = SDK.iter().find(|(path, _)| *path == "src/bindings.rs").expect("bindings");
        assert!(!alone(bindings.0, bindings.1).contains("../"));
    }

    #[test]
    fn the_way_to_the_repositorys_sdk_is_relative() {
        let project = repository().canonicalize().expect("there").join("examples/new");
        assert_eq!(in_repository(&project), Some("../../plugins/sdk/rust".into()));
        let elsewhere = tempfile::tempdir().expect("a folder");
        assert_eq!(in_repository(elsewhere.path()), None);
    }

    #[test]
    fn the_lock_keeps_what_the_sdk_needs() {
        let lock: Table = toml::from_str(&lock(LOCK).expect("a lock")).expect("TOML");
        let packages = lock["package"].as_array().expect("packages");
        let has =
            |name: &str| packages.iter().any(|package| package["name"].as_str() == Some(name));
        assert!(
            has("switchboard-sdk") && has("serde_json") && has("wit-bindgen") && !has("wasmtime")
        );
    }
}
