//! A bot in one file, made a plugin by the program itself: no tools, and nothing to install.

use std::path::Path;

use anyhow::{Context, Result};

use super::compiled;
use crate::clock::Clock;
use crate::config::Config;
use crate::plugin::{Bare, Runtime};

/// Whether a path is such a file.
pub fn is(path: &Path) -> bool {
    Bare::of(path).is_some() && path.is_file()
}

/// The plugin that it is.
///
/// # Errors
/// What is wrong with it, with its line.
pub async fn wrap(path: &Path) -> Result<Vec<u8>> {
    let text = tokio::fs::read_to_string(path)
        .await
        .with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let data = tempfile::tempdir().context("no temporary folder")?;
    compiled::share(data.path());
    let config = Config { data: data.path().to_owned(), ..Config::default() };
    Ok(Runtime::new(&config, Clock::system())?.wrap_script(name, text).await?)
}
