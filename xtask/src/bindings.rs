//! `cargo xtask bindings`: what is made of `wit/` and kept in the repository, that is the C bindings.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::steps;

/// The generator, and the one that is installed where it is missing.
const GENERATOR: &str = "wit-bindgen-cli@0.63.0";

/// The world of the bindings: everything, of which a plugin compiles what it receives.
const WORLD: &str = "package switchboard:plugin@0.1.0;\n\n\
                     world plugin {\n    include full-plugin;\n    import wasi:random/random@0.2.0;\n}\n";

/// The files of the contract.
const WIT: [&str; 4] = ["types.wit", "imports.wit", "worlds.wit", "deps/random.wit"];

/// What is made, in `plugins/sdk/c`.
const MADE: [&str; 2] = ["plugin.h", "plugin.c"];

/// Make the bindings anew.
///
/// # Errors
/// When the generator cannot be installed, or refuses the contract.
pub fn generate(root: &Path) -> Result<()> {
    let tools = root.join("target/tools");
    let program = tools.join("bin/wit-bindgen");
    if !program.is_file() {
        steps::say("installing wit-bindgen; this takes some minutes, once");
        let mut cargo = Command::new("cargo");
        cargo.args(["install", GENERATOR, "--locked", "--no-default-features", "--features", "c"]);
        steps::run(cargo.arg("--root").arg(&tools).arg("--quiet"))?;
    }
    let folder = tools.join("wit");
    for name in WIT {
        write(&folder.join(name), &std::fs::read_to_string(root.join("wit").join(name))?)?;
    }
    write(&folder.join("sdk.wit"), WORLD)?;
    let made = tools.join("c");
    let mut generator = Command::new(program);
    generator.arg("c").arg(&folder).args(["--world", "plugin", "--no-object-file", "--out-dir"]);
    steps::run_quietly("making the C bindings", generator.arg(&made))?;
    let stamp = stamp(root)?;
    for name in MADE {
        let text = std::fs::read_to_string(made.join(name))?;
        let text = format!("{stamp}\n{}", by_handler(&text));
        write(&root.join("plugins/sdk/c").join(name), &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// The first line of what is made: of which contract.
fn stamp(root: &Path) -> Result<String> {
    Ok(format!("// Made by `cargo xtask bindings` from wit/ {}.", contract(root)?))
}

/// The hash of the contract, with everything in it.
///
/// # Errors
/// When a file of it cannot be read.
pub fn contract(root: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for name in WIT {
        hash.update(std::fs::read(root.join("wit").join(name))?);
    }
    hash.update(WORLD);
    Ok(format!("{:x}", hash.finalize()))
}

/// Each exported function between `#ifdef` and `#endif`, so that a plugin exports what it receives.
fn by_handler(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1000);
    let mut inside = false;
    for line in text.lines() {
        if let Some(handler) = exported(line) {
            out.push_str(&format!("#ifdef SWITCHBOARD_ON_{}\n", handler.to_uppercase()));
            inside = true;
        }
        out.push_str(line);
        out.push('\n');
        if inside && line == "}" {
            out.push_str("#endif\n");
            inside = false;
        }
    }
    out
}

/// The kind of event that an exported function is for.
fn exported(line: &str) -> Option<&str> {
    let (_, name) = line.split_once("__export_name__(\"")?;
    let (_, handler) = name.split_once("switchboard:plugin/on-")?;
    Some(handler.split_once('@')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bindings_are_those_of_the_contract() {
        let root = crate::root();
        let stamp = stamp(&root).expect("the contract can be read");
        for name in MADE {
            let made = std::fs::read_to_string(root.join("plugins/sdk/c").join(name));
            let made = made.expect("the bindings can be read");
            assert_eq!(made.lines().next(), Some(&*stamp), "{name}: run `cargo xtask bindings`");
        }
    }

    #[test]
    fn an_export_is_compiled_for_its_handler_alone() {
        let text = "int a;\n__attribute__((__export_name__(\"switchboard:plugin/on-timer@0.1.0#handle\")))\n\
                    void f(void) {\n  {\n  }\n}\nint b;";
        let made = by_handler(text);
        assert!(made.contains("#ifdef SWITCHBOARD_ON_TIMER\n__attribute__"), "{made}");
        assert!(made.contains("\n}\n#endif\nint b;"), "{made}");
        assert!(by_handler("__export_name__(\"cabi_realloc\")").lines().count() == 1);
    }
}
