//! Makes `engine.wasm`: a component of the whole contract that runs a script given to it when it starts.
//!
//! The QuickJS runtime comes with the crate `componentize-qjs`; `wit-dylib` makes the library between it
//! and the contract. No script is in it: the host gives one to `init`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wit_component::{Linker, StringEncoding};
use wit_parser::Resolve;

/// Everything, and the chance that the SDK needs.
const WORLD: &str = "package switchboard:plugin@0.1.0;\n\n\
                     world script {\n    include full-plugin;\n    import wasi:random/random@0.2.0;\n}\n";

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.join("../../..");
    let contract = root.join("target/engine/wit");
    copy(&root.join("wit"), &contract)?;
    std::fs::write(contract.join("script.wit"), WORLD)?;

    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(&contract)?;
    let world = resolve.select_world(&[package], Some("script"))?;
    let (mut between, _) = wit_dylib::create_with_metadata(&resolve, world, None);
    wit_component::embed_component_metadata(&mut between, &resolve, world, StringEncoding::UTF8)?;

    let adapter = root.join("plugins/sdk/c/adapter/wasi_snapshot_preview1.reactor.wasm");
    let mut linker = Linker::default();
    linker.encoder().validate(true);
    linker.library("runtime.wasm", &std::fs::read(runtime(here)?)?, false)?;
    linker.library("contract.wasm", &between, false)?;
    linker.encoder().adapter("wasi_snapshot_preview1", &std::fs::read(adapter)?)?;
    let component = linker.encode().context("the runtime and the contract do not go together")?;
    std::fs::write(here.join("engine.wasm"), &component)?;
    println!("engine.wasm: {} bytes", component.len());
    Ok(())
}

/// The runtime in the crate's package, which cargo has fetched.
fn runtime(here: &Path) -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--all-features"])
        .current_dir(here)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo names no packages")?;
    let package = packages.iter().find(|package| package["name"] == "componentize-qjs");
    let manifest = package.and_then(|it| it["manifest_path"].as_str()).context("no runtime")?;
    Ok(Path::new(manifest).with_file_name("prebuilt").join("runtime-sync.wasm"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for file in std::fs::read_dir(from)? {
        let file = file?;
        let to = to.join(file.file_name());
        if file.file_type()?.is_dir() {
            copy(&file.path(), &to)?;
        } else {
            std::fs::copy(file.path(), to)?;
        }
    }
    Ok(())
}
