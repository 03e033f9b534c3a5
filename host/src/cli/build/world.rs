//! The small world that a plugin needs: what it may call, and the handlers that its manifest names.

use std::path::Path;

use anyhow::{Result, ensure};

use super::project::put;
use crate::plugin::manifest::{Manifest, On};

/// The name of the world that is made.
pub const NAME: &str = "plugin";

/// The contract, as this host speaks it.
pub const CONTRACT: [(&str, &str); 4] = [
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("imports.wit", include_str!("../../../../wit/imports.wit")),
    ("worlds.wit", include_str!("../../../../wit/worlds.wit")),
    ("deps/random.wit", include_str!("../../../../wit/deps/random.wit")),
];

/// Whether the language's engine has chance of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Chance {
    Own,
    Imported,
}

/// The handlers that a plugin must have, each once.
///
/// # Errors
/// When it receives nothing.
pub fn handlers(manifest: &Manifest) -> Result<Vec<On>> {
    let named = |on: &On| manifest.events.iter().any(|subscription| subscription.on == *on);
    let handlers: Vec<On> = On::ALL.into_iter().filter(named).collect();
    ensure!(
        !handlers.is_empty(),
        "plugin.toml: it receives nothing: add [[events]] with on = \"message\""
    );
    Ok(handlers)
}

/// The world as WIT.
pub fn text(handlers: &[On], chance: Chance) -> String {
    let mut text =
        format!("package switchboard:plugin@0.1.0;\n\nworld {NAME} {{\n    include base;\n");
    if chance == Chance::Imported {
        text.push_str("    import wasi:random/random@0.2.0;\n");
    }
    for on in handlers {
        text.push_str(&format!("    export on-{};\n", on.as_str()));
    }
    text.push_str("}\n");
    text
}

/// Write the contract and the world into a folder, for a language's tool.
///
/// # Errors
/// When it cannot be written.
pub fn write(folder: &Path, handlers: &[On], chance: Chance) -> Result<()> {
    for (name, content) in CONTRACT {
        put(&folder.join(name), content.as_bytes())?;
    }
    put(&folder.join("plugin.wit"), text(handlers, chance).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::build::sdk;

    #[test]
    fn a_world_exports_what_the_manifest_receives_and_nothing_else() {
        let manifest = "id = \"bot\"\nversion = \"0.1.0\"\n[[events]]\non = \"timer\"\n\
                        [[events]]\non = \"message\"\ntypes = [\"text\"]\n[[events]]\non = \"message\"\n";
        let manifest = Manifest::parse(manifest).expect("a manifest");
        let handlers = handlers(&manifest).expect("some");
        assert_eq!(
            text(&handlers, Chance::Own),
            "package switchboard:plugin@0.1.0;\n\nworld plugin {\n    include base;\n    \
             export on-message;\n    export on-timer;\n}\n"
        );
        assert!(text(&handlers, Chance::Imported).contains("import wasi:random/random@0.2.0;"));
    }

    /// `wasi:http` goes with Rust's SDK alone: no small world needs it.
    #[test]
    fn the_contract_is_carried_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let carried = |name: &str| {
            CONTRACT.iter().any(|(known, _)| *known == name)
                || sdk::RUST.iter().any(|(known, _)| *known == format!("wit/{name}"))
        };
        for (folder, prefix) in [(folder.clone(), ""), (folder.join("deps"), "deps/")] {
            let files = std::fs::read_dir(folder).expect("a folder").flatten();
            for file in files.filter(|file| file.path().is_file()) {
                let name = format!("{prefix}{}", file.file_name().display());
                assert!(carried(&name), "{name}");
            }
        }
    }
}
