//! `config`: what the installer set, and what the plugin itself carries.

use serde_json::Value;

use super::super::bindings::switchboard::plugin::config::Host;
use super::super::run::Run;

impl Host for Run {
    fn all(&mut self) -> wasmtime::Result<String> {
        self.enter(0)?;
        Ok(self.call.install.config.to_string())
    }

    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.enter(key.len())?;
        Ok(self.call.install.config.get(&key).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }))
    }
    fn source(&mut self) -> wasmtime::Result<String> {
        let source = self.source.clone();
        let text = source.as_ref().map_or("", |source| &source.text);
        self.enter(text.len())?;
        Ok(text.to_owned())
    }
}
