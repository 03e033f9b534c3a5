//! `secrets`: placeholders for everyone, the secret itself only where that was agreed.

use super::super::bindings::switchboard::plugin::secrets::Host;
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::run::{Halt, Run, answer};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for Run {
    async fn placeholder(&mut self, name: String) -> Answer<String> {
        answer(self.secret_placeholder(&name).await)
    }

    async fn reveal(&mut self, name: String) -> Answer<String> {
        answer(self.revealed(&name).await)
    }
}

impl Run {
    async fn secret_placeholder(&mut self, name: &str) -> Result<String, Halt> {
        let value = self.open(name).await?;
        Ok(self.gate.placeholder(name, value))
    }

    async fn revealed(&mut self, name: &str) -> Result<String, Halt> {
        let asked =
            self.call.install.manifest.secrets.get(name).is_some_and(|secret| secret.reveal);
        if !asked {
            let message = format!(
                "add `reveal = true` under [secrets.{name}] in plugin.toml, and install it again"
            );
            return Err(Halt::refused("denied", message));
        }
        if !self.call.install.grants.reveal.iter().any(|granted| granted == name) {
            let message = format!(
                "whoever installed the plugin did not agree to reveal {name:?}: use its placeholder"
            );
            return Err(Halt::refused("denied", message));
        }
        self.open(name).await
    }

    async fn open(&mut self, name: &str) -> Result<String, Halt> {
        self.enter(name.len())?;
        if !self.call.install.manifest.secrets.contains_key(name) {
            let message = format!("plugin.toml has no secret {name:?}: add [secrets.{name}]");
            return Err(Halt::refused("denied", message));
        }
        let secret = self.call.host.secret(&self.call.install.id, name).await?;
        secret.ok_or_else(|| {
            Halt::refused(
                "not-found",
                format!("nobody has set the secret {name:?} of this install"),
            )
        })
    }
}
