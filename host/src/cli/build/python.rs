//! Python: componentize-py puts CPython and the program into one component.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::project::{Project, put};
use super::world::{self, Chance};
use super::{sdk, tools};
use crate::plugin::manifest::{Language, On};

/// The tool, from PyPI.
const PACKAGE: &str = "componentize-py==0.25.1";

/// The module that the tool begins with.
const APP: &str = "switchboard_app";

/// Build a project and give its component.
///
/// # Errors
/// When Python is missing, a package cannot be fetched, or the program does not hold: the tool's words
/// are on the terminal then.
pub fn build(project: &Project) -> Result<Vec<u8>> {
    let entry = project.entry(Language::Python)?;
    let handlers = world::handlers(&project.manifest)?;
    let work = project.work()?.join("python");
    world::write(&work.join("wit"), &handlers, Chance::Own)?;
    sdk::write(&work.join("sdk/switchboard"), &sdk::PYTHON)?;
    put(&work.join(format!("app/{APP}.py")), app(&entry, &handlers)?.as_bytes())?;
    let tool = install_tool(&project.tools.join("python"))?;
    let libraries = work.join("libraries");
    install_libraries(&project.dir, &project.tools.join("python"), &libraries)?;

    let component = work.join("component.wasm");
    let mut command = Command::new(tool);
    command.arg("--quiet").arg("-d").arg(work.join("wit")).args(["-w", world::NAME]);
    command.args(["componentize", APP, "-o"]).arg(&component);
    let folder = project.dir.join(entry.parent().unwrap_or(Path::new("")));
    for path in [work.join("app"), work.join("sdk"), folder, libraries] {
        if path.is_dir() {
            command.arg("-p").arg(path);
        }
    }
    command.current_dir(&work);
    tools::run(&format!("building {}", entry.display()), &mut command)?;
    std::fs::read(&component).with_context(|| component.display().to_string())
}

/// The module that hands the program's handlers over to the contract.
fn app(entry: &Path, handlers: &[On]) -> Result<String> {
    let module = entry.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    ensure!(
        !module.is_empty() && module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
        "{}: a Python module's name is made of letters, digits and _",
        entry.display()
    );
    let mut app = format!(
        "# Made by `switchboard build`.\nimport {module} as bot\nfrom switchboard import _runtime\n\n\
         _runtime.check(bot, {:?})\n",
        handlers.iter().map(|on| on.as_str()).collect::<Vec<_>>()
    );
    for on in handlers.iter().map(|on| on.as_str()) {
        let class = format!("On{}{}", on[..1].to_uppercase(), &on[1..]);
        app.push_str(&format!(
            "\n\nclass {class}:\n    def handle(self, event):\n        return _runtime.handle(\"{on}\", event)\n"
        ));
    }
    Ok(app)
}

fn install_tool(folder: &Path) -> Result<PathBuf> {
    let python = tools::find("python3").context(
        "Python is missing: install Python 3.10 or newer with venv (Debian: apt install python3 python3-venv)",
    )?;
    tools::install(folder, PACKAGE, || {
        let venv = folder.join("venv");
        let mut make = Command::new(&python);
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        tools::run("python3 -m venv", &mut make)?;
        tools::run("pip install", pip(folder).args(["install", PACKAGE]))
    })?;
    Ok(folder.join("venv/bin/componentize-py"))
}

/// What requirements.txt asks for, fetched when it has changed. Only what is Python through and through
/// can run in a component.
fn install_libraries(dir: &Path, tools: &Path, libraries: &Path) -> Result<()> {
    let requirements = dir.join("requirements.txt");
    let Ok(wanted) = std::fs::read_to_string(&requirements) else { return Ok(()) };
    if wanted.trim().is_empty() {
        return Ok(());
    }
    tools::install(libraries, wanted.trim(), || {
        let mut install = pip(tools);
        install.args(["install", "--upgrade", "--target"]).arg(libraries);
        install.args(["--no-compile", "--only-binary=:all:", "--platform=any"]);
        // That of the engine, not of the tool.
        install.args(["--implementation=py", "--python-version=3.14", "--requirement"]);
        tools::run("pip install", install.arg(&requirements)).context(
            "requirements.txt may name only what is Python through and through: on PyPI it has a wheel that ends in none-any.whl",
        )
    })
}

fn pip(tools: &Path) -> Command {
    let mut pip = Command::new(tools.join("venv/bin/python"));
    pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    pip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_handler_has_a_class() {
        let app = app(Path::new("src/bot.py"), &[On::Message, On::Timer]).expect("made");
        assert!(app.contains("import bot as bot") && app.contains("class OnMessage:"), "{app}");
        assert!(app.contains("_runtime.handle(\"timer\", event)"), "{app}");
        assert!(super::app(Path::new("my-bot.py"), &[On::Message]).is_err());
    }
}
