//! A Python environment with the libraries that check the host from outside.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::steps;

/// What is installed, from PyPI: a library that verifies signatures, one that tries the API by its
/// description, and one that serves buckets.
const LIBRARIES: [&str; 3] =
    ["standardwebhooks==1.1.0", "schemathesis==4.32.5", "moto[s3,iam,server]==5.2.5"];

/// Make `target/python` where it is not there or holds other libraries; gives its interpreter.
///
/// # Errors
/// When Python is missing, or the libraries cannot be fetched.
pub fn environment(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/python");
    let (python, made) = (folder.join("bin/python"), folder.join("libraries"));
    let wanted = LIBRARIES.join("\n");
    if std::fs::read_to_string(&made).is_ok_and(|libraries| libraries == wanted) {
        return Ok(python);
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    steps::run_quietly("making a Python environment", &mut venv)?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(LIBRARIES);
    steps::run_quietly(&format!("installing {}", LIBRARIES.join(", ")), &mut pip)?;
    std::fs::write(&made, wanted).with_context(|| made.display().to_string())?;
    Ok(python)
}
