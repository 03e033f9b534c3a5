//! C: clang (or zig) makes a core module of the sources and the SDK's, and the module becomes a
//! component here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

use super::project::Project;
use super::world::{self, Chance};
use super::{sdk, tools};
use crate::plugin::manifest::{Language, On};

/// What stands between C's standard library (`printf`, `time`) and WASI 0.2; it joins only a module that
/// asks for it. From the crate wasi-preview1-component-adapter-provider 48.0.8.
const ADAPTER: &[u8] =
    include_bytes!("../../../../plugins/sdk/c/adapter/wasi_snapshot_preview1.reactor.wasm");

/// Debian's compilers, newest first.
const CLANGS: [&str; 6] = ["clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18"];

/// Build a project and give its component.
///
/// # Errors
/// When there is no compiler for WebAssembly, or the program does not hold: the compiler's words are on
/// the terminal then.
pub fn build(project: &Project) -> Result<Vec<u8>> {
    let work = project.work()?.join("c");
    // First: what is compiled by another tool needs the header before there is anything to link.
    sdk::write(&work, &sdk::C)?;
    let sources = project.sources(Language::C)?;
    ensure!(!sources.is_empty(), "{} has no .c files", project.dir.display());
    let handlers = world::handlers(&project.manifest)?;
    let module = work.join("module.wasm");
    let mut compiler = compiler()?;
    compiler.args(["--target=wasm32-wasi", "-mexec-model=reactor", "-Oz", "-Wall"]);
    // A fresh instance touches every page it has, its stack's too.
    compiler.args(["-Wl,-z,stack-size=32768", "-Wl,--strip-debug"]);
    compiler
        .args(handlers.iter().map(|on| format!("-DSWITCHBOARD_ON_{}", on.as_str().to_uppercase())));
    compiler.arg("-I").arg(&work).arg("-I").arg(&project.dir).args(&sources);
    compiler.args(
        ["switchboard.c", "calls.c", "lists.c", "json.c", "plugin.c"].map(|own| work.join(own)),
    );
    compiler.arg("-o").arg(&module).current_dir(&project.dir);
    tools::run("compiling", &mut compiler)?;
    let module = std::fs::read(&module).with_context(|| module.display().to_string())?;
    component(module, &handlers)
}

/// A component of a core module that speaks the contract.
fn component(mut module: Vec<u8>, handlers: &[On]) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let mut contract = SourceMap::default();
    for (name, text) in world::CONTRACT {
        match name.strip_prefix("deps/") {
            Some(name) => drop(resolve.push_str(name, text)?),
            None => contract.push_str(name, text),
        }
    }
    contract.push_str("plugin.wit", world::text(handlers, Chance::Imported));
    let contract = contract.parse().map_err(|(_, problem)| problem)?;
    let package = resolve.push_group(contract)?;
    let world = resolve.select_world(&[package], Some(world::NAME))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true);
    encoder.module(&module)?.adapter("wasi_snapshot_preview1", ADAPTER)?;
    encoder.encode().context("the module does not fit the contract")
}

/// A compiler that finds the headers of WebAssembly's standard library.
fn compiler() -> Result<Command> {
    if let Some(sdk) = std::env::var_os("WASI_SDK_PATH") {
        return Ok(Command::new(PathBuf::from(sdk).join("bin/clang")));
    }
    if let Some(clang) =
        CLANGS.iter().filter_map(|name| tools::find(name)).find(|it| knows_wasi(it))
    {
        return Ok(Command::new(clang));
    }
    // The second is what PyPI's ziglang brings.
    if let Some(zig) = ["zig", "python-zig"].into_iter().find_map(tools::find) {
        let mut command = Command::new(zig);
        command.arg("cc");
        return Ok(command);
    }
    bail!(
        "C needs a compiler for WebAssembly: run `apt install clang-19 lld-19 libclang-rt-19-dev-wasm32 wasi-libc`, \
         or install zig (`pip install ziglang` does), or set WASI_SDK_PATH to a WASI SDK"
    )
}

fn knows_wasi(clang: &Path) -> bool {
    let mut try_out = Command::new(clang);
    try_out.args(["--target=wasm32-wasi", "-E", "-x", "c", "-include", "stdlib.h", "/dev/null"]);
    try_out.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    try_out.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest module: it has the handler and the memory that the contract asks for.
    #[test]
    fn a_module_becomes_a_component_of_the_small_world() {
        let module = r#"(module
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "switchboard:plugin/on-message@0.1.0#handle")
                (param i32) (result i32) unreachable))"#;
        let module = wat::parse_str(module).expect("a module");
        let made = component(module.clone(), &[On::Message]).expect("a component");
        assert!(wasmparser::Parser::is_component(&made));
        assert!(component(module, &[On::Timer]).is_err(), "it has no such handler");
    }
}
