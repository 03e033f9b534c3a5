//! Commands as steps: shown while they run, quiet when they succeed, with their words when they fail.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;

/// Announce a step in one line.
pub fn say(what: &str) {
    eprintln!("{:>12} {what}", "·");
}

/// Run a command that shows its own progress (cargo does, on a terminal).
pub fn run(command: &mut Command) -> Result<()> {
    let name = name(command);
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    ensure!(status.success(), "{name} failed: see its message above");
    Ok(())
}

/// Run a command behind a spinner; its output is shown only when it fails.
pub fn run_quietly(what: &str, command: &mut Command) -> Result<()> {
    let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    if spinner.is_hidden() {
        say(what);
    }
    let output = command.stdin(Stdio::null()).output();
    spinner.finish_and_clear();
    let output = output.with_context(|| format!("cannot start {}", name(command)))?;
    if output.status.success() {
        return Ok(());
    }
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    bail!("{what}: {} failed: see its message above", name(command))
}

/// A program on the `PATH`.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
