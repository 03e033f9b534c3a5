//! What the installer configured, and what the plugin carries.

use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::base::switchboard::plugin::config as host;
use crate::event::decode;

/// The install's configuration, as a type of your own: `let settings: Settings = config()?`.
///
/// The host has checked it against the schema in `plugin.toml`. Give the type `#[serde(default)]`, so
/// that what the installer left out takes its default.
pub fn config<T: DeserializeOwned>() -> Result<T, Error> {
    decode(&host::all())
}

/// The text that this plugin's file carries beside its code, such as a flow; empty where there is none.
pub fn source() -> String {
    host::source()
}

/// One setting: a string as it is, anything else as JSON; `None` where it is not set:
/// `config::get("greeting").unwrap_or_default()`.
pub fn get(key: &str) -> Option<String> {
    host::get(key)
}
