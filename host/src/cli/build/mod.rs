//! `switchboard build`: a plugin's folder becomes one `.wasm` file that carries its manifest. One file
//! a language; what a language needs is brought along or named.

mod c;
mod javascript;
mod project;
mod python;
mod rust;
mod sdk;
mod tools;
mod world;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use self::project::Project;
use super::{flow_file, one_file, plugin_file};
use crate::plugin::Bare;
use crate::plugin::manifest::{Language, Manifest, embed};

/// Make one .wasm file of a plugin's folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plugin's folder, which has a plugin.toml; or a bot in one file, or the file of a flow
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    dir: PathBuf,
    /// Where to write the plugin [default: <id>.wasm in the folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Take this component instead of building one
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,
    /// Where the languages' tools are installed [default: .switchboard/tools in the folder]
    #[arg(long, value_name = "DIR", env = "SWITCHBOARD_TOOLS")]
    tools: Option<PathBuf>,
    /// Print one line of JSON: {"id","version","language","path","size"}
    #[arg(long)]
    json: bool,
}

/// Build, put the manifest in, and print where the plugin is and how large (in bytes).
///
/// # Errors
/// One sentence that says what is missing: the manifest, the target, a library to build.
pub fn run(args: &Args) -> Result<()> {
    if args.wasm.is_none() && (flow_file::is_flow(&args.dir) || one_file::is(&args.dir)) {
        return one(args);
    }
    let project = Project::open(&args.dir, args.tools.as_deref())?;
    let (component, language, from) = match &args.wasm {
        Some(wasm) => {
            (std::fs::read(wasm).with_context(|| wasm.display().to_string())?, None, wasm.clone())
        }
        None => {
            let language = project.language()?;
            (component(&project, language)?, Some(language), args.dir.clone())
        }
    };
    let plugin =
        embed(&component, &project.manifest_toml).with_context(|| from.display().to_string())?;
    write(args, &plugin, &project.manifest, language.map(Language::as_str), &args.dir)
}

/// A bare file is put into its engine, which is built already.
fn one(args: &Args) -> Result<()> {
    let plugin = super::block_on(plugin_file::get(&args.dir))?;
    let folder = args.dir.parent().unwrap_or(Path::new("."));
    let language = Bare::of(&args.dir).map_or("flow", Bare::as_str);
    write(args, &plugin.bytes, &plugin.manifest, Some(language), folder)
}

fn write(
    args: &Args,
    plugin: &[u8],
    manifest: &Manifest,
    language: Option<&str>,
    folder: &Path,
) -> Result<()> {
    let out = args.out.clone().unwrap_or_else(|| folder.join(format!("{}.wasm", manifest.id)));
    std::fs::write(&out, plugin).with_context(|| format!("cannot write {}", out.display()))?;
    if args.json {
        let line = json!({
            "id": manifest.id,
            "version": manifest.version.to_string(),
            "language": language,
            "path": out,
            "size": plugin.len(),
        });
        println!("{line}");
    } else {
        let size = size(plugin.len());
        println!("{}: {} {}, {size}", out.display(), manifest.id, manifest.version);
    }
    Ok(())
}

fn component(project: &Project, language: Language) -> Result<Vec<u8>> {
    match language {
        Language::Rust => rust::build(project),
        Language::Javascript | Language::Typescript => javascript::build(project, language),
        Language::Python => python::build(project),
        Language::C => c::build(project),
    }
}

/// As people read it.
fn size(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} KB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_plugin_says_what_it_lacks() {
        let dir = tempfile::tempdir().expect("a folder");
        let args =
            |wasm| Args { dir: dir.path().to_owned(), out: None, wasm, tools: None, json: false };
        let error = run(&args(None)).expect_err("no manifest");
        assert!(error.to_string().contains("plugin.toml"), "{error:#}");
        std::fs::write(dir.path().join("plugin.toml"), "id = \"bot\"\nversion = \"0.1.0\"\n")
            .expect("written");
        let error = run(&args(None)).expect_err("no project");
        assert!(error.to_string().contains("--wasm"), "{error:#}");
        let wasm = dir.path().join("bot.txt");
        std::fs::write(&wasm, "no component").expect("written");
        let error = run(&args(Some(wasm))).expect_err("no component");
        assert!(error.to_string().contains("bot.txt"), "{error:#}");
    }

    #[test]
    fn sizes_are_in_units_that_fit() {
        assert_eq!([900, 64_200, 18_340_492].map(size), ["900 bytes", "64 KB", "18 MB"]);
    }
}
