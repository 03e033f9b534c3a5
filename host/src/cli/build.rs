//! `switchboard build`: a plugin's folder becomes one `.wasm` file that carries its manifest.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::plugin::manifest::{Manifest, embed};

/// The target that Rust plugins are built for.
const TARGET: &str = "wasm32-wasip2";

/// Small plugins: a fresh instance touches every page it has, its stack's too.
const RUSTFLAGS: &str = "-C\x1flink-arg=-zstack-size=32768";
const PROFILE: [&str; 6] = [
    "profile.plugin.inherits='release'",
    "profile.plugin.opt-level='s'",
    "profile.plugin.lto=true",
    "profile.plugin.codegen-units=1",
    "profile.plugin.strip='debuginfo'",
    "profile.plugin.panic='abort'",
];

/// Make one .wasm file of a plugin's folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plugin's folder, which has a plugin.toml
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Where to write the plugin [default: <id>.wasm in the folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Take this component instead of building a Rust project; for every other language
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,
    /// Print one line of JSON: {"id","version","path","size"}
    #[arg(long)]
    json: bool,
}

/// Build, put the manifest in, and print where the plugin is and how large (in bytes).
///
/// # Errors
/// One sentence that says what is missing: the manifest, the target, a library to build.
pub fn run(args: &Args) -> Result<()> {
    let manifest_path = args.dir.join("plugin.toml");
    let text = std::fs::read_to_string(&manifest_path).with_context(|| {
        format!("cannot read {}: a plugin's folder has a plugin.toml", manifest_path.display())
    })?;
    let manifest = Manifest::parse(&text).with_context(|| manifest_path.display().to_string())?;
    let wasm = match &args.wasm {
        Some(wasm) => wasm.clone(),
        None => cargo_build(&args.dir)?,
    };
    let component = std::fs::read(&wasm).with_context(|| wasm.display().to_string())?;
    let plugin = embed(&component, &text).with_context(|| wasm.display().to_string())?;
    let out = args.out.clone().unwrap_or_else(|| args.dir.join(format!("{}.wasm", manifest.id)));
    std::fs::write(&out, &plugin).with_context(|| format!("cannot write {}", out.display()))?;
    if args.json {
        let line = json!({
            "id": manifest.id,
            "version": manifest.version.to_string(),
            "path": out,
            "size": plugin.len(),
        });
        println!("{line}");
    } else {
        println!("{}: {} {}, {} bytes", out.display(), manifest.id, manifest.version, plugin.len());
    }
    Ok(())
}

/// Build a Rust project and give the path of its component.
fn cargo_build(dir: &Path) -> Result<PathBuf> {
    let project = dir.join("Cargo.toml");
    if !project.is_file() {
        bail!(
            "{} has no Cargo.toml: build the component with your language's own tool and give it with --wasm",
            dir.display()
        );
    }
    ensure!(
        has_target(dir)?,
        "the Rust target {TARGET} is missing: run `rustup target add {TARGET}`"
    );
    let mut cargo = Command::new("cargo");
    cargo.current_dir(dir).args(["build", "--target", TARGET, "--profile", "plugin"]);
    cargo.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    cargo.arg("--message-format=json-render-diagnostics");
    cargo.env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS);
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo: is Rust installed?")?;
    ensure!(output.status.success(), "cargo could not build {}", project.display());
    let project = project.canonicalize()?;
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .find_map(|line| component_of(&serde_json::from_str(line).ok()?, &project))
        .with_context(|| {
            format!(
                "{} builds no component: add `crate-type = [\"cdylib\"]` under [lib]",
                project.display()
            )
        })
}

fn has_target(dir: &Path) -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(dir).args(["--print", "target-libdir", "--target", TARGET]);
    let output =
        rustc.output().context("cannot start rustc: install Rust from https://rustup.rs")?;
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// The component in one of cargo's messages, where it is about this project.
fn component_of(message: &Value, project: &Path) -> Option<PathBuf> {
    if message["reason"] != "compiler-artifact"
        || Path::new(message["manifest_path"].as_str()?) != project
    {
        return None;
    }
    let files =
        message["filenames"].as_array()?.iter().filter_map(|file| file.as_str().map(PathBuf::from));
    files.into_iter().find(|file| file.extension() == Some(OsStr::new("wasm")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_the_projects_own_and_not_a_dependencys() {
        let message = |manifest: &str, file: &str| {
            json!({
                "reason": "compiler-artifact", "manifest_path": manifest, "filenames": [file],
            })
        };
        let project = Path::new("/bot/Cargo.toml");
        let component = |message: Value| component_of(&message, project);
        assert_eq!(
            component(message("/bot/Cargo.toml", "/t/bot.wasm")),
            Some(PathBuf::from("/t/bot.wasm"))
        );
        assert_eq!(component(message("/bot/Cargo.toml", "/t/libbot.rlib")), None);
        assert_eq!(component(message("/sdk/Cargo.toml", "/t/sdk.wasm")), None);
        assert_eq!(component(json!({"reason": "build-finished", "success": true})), None);
    }

    #[test]
    fn a_folder_without_a_plugin_says_what_it_lacks() {
        let dir = tempfile::tempdir().expect("a folder");
        let args = |wasm| Args { dir: dir.path().to_owned(), out: None, wasm, json: false };
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
}
