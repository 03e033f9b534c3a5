//! `log`: lines for the people who look after the plugin.

use super::super::bindings::switchboard::plugin::log::Host;
use super::super::run::Run;

impl Host for Run {
    fn write(&mut self, level: String, message: String) -> wasmtime::Result<()> {
        self.enter(message.len())?;
        let level = match level.as_str() {
            "debug" => "debug",
            "warn" => "warn",
            "error" => "error",
            _ => "info",
        };
        Ok(self.logs.push(level, &message)?)
    }
}
