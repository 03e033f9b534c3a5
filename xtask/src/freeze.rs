//! `cargo xtask freeze`: the copy of the contract that is published, in `wit/frozen/<version>`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::steps;

/// The file that names the package.
const FIRST: &str = "types.wit";

/// Copy the contract.
///
/// # Errors
/// When the version has a copy that differs, unless `again` is meant.
pub fn copy(root: &Path, again: bool) -> Result<()> {
    let wit = root.join("wit");
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let version = version(&read(&wit.join(FIRST))?)?;
    let folder = wit.join("frozen").join(&version);
    for file in std::fs::read_dir(&wit)?.flatten().map(|entry| entry.path()) {
        // What the contract stands on is WASI's, and in a folder of its own.
        let Some(name) = file.file_name().filter(|_| file.extension().is_some_and(|e| e == "wit"))
        else {
            continue;
        };
        let (text, copy) = (read(&file)?, folder.join(name));
        let differs = std::fs::read_to_string(&copy).is_ok_and(|frozen| frozen != text);
        ensure!(
            again || !differs,
            "{} is frozen and differs: give the contract another version, or say --again where {version} \
             was not published yet",
            copy.display()
        );
        std::fs::create_dir_all(&folder)?;
        std::fs::write(&copy, text).with_context(|| copy.display().to_string())?;
    }
    steps::say(&format!("{} is the contract now", folder.display()));
    Ok(())
}

/// The version that the contract's package names.
fn version(types: &str) -> Result<String> {
    let line = types.lines().find_map(|line| line.strip_prefix("package switchboard:plugin@"));
    let version =
        line.and_then(|line| line.strip_suffix(';')).context("the contract has no package")?;
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_frozen_is_changed_only_when_that_is_meant() {
        let folder = tempfile::tempdir().expect("a folder");
        let wit = folder.path().join("wit");
        std::fs::create_dir_all(&wit).expect("made");
        let write = |name: &str, text: &str| std::fs::write(wit.join(name), text).expect("written");
        write(FIRST, "/// Words.\npackage switchboard:plugin@1.2.3;\n");
        write("imports.wit", "interface a {}\n");
        write("worlds.wit", "world b {}\n");
        copy(folder.path(), false).expect("copied");
        copy(folder.path(), false).expect("the same again");
        write("imports.wit", "interface a {}\ninterface c {}\n");
        assert!(copy(folder.path(), false).is_err());
        copy(folder.path(), true).expect("meant");
        let frozen = std::fs::read_to_string(wit.join("frozen/1.2.3/imports.wit"));
        assert!(frozen.expect("a copy").contains("interface c"));
    }
}
