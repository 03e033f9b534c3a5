//! The manifest (`plugin.toml`): what a plugin is, what it receives, what it asks for.

mod build;
mod carry;
mod check;
mod filter;
mod grants;
mod verify;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use build::{Build, Language};
pub(super) use carry::source_of_tail;
pub use carry::{SECTION, SOURCE, Source, embed, embed_source, end_of_code, extract, source};
pub use filter::{On, Pattern, Seen, Subscription};
pub use grants::{Access, Grants};
pub use verify::{Encoding, Style, Verify};

use crate::config;
use crate::egress::HostPattern;
use crate::model::Missed;

/// A plugin's own description, checked by [`Manifest::parse`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `[a-z0-9-]{1,64}`.
    pub id: String,
    pub version: semver::Version,
    /// Which versions of the host it runs on.
    #[serde(default)]
    pub host: semver::VersionReq,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub order: Order,
    /// Hears messages even while a human answers the chat, as what keeps STOP must.
    #[serde(default)]
    pub always: bool,
    /// What it receives; nothing where empty.
    #[serde(default)]
    pub events: Vec<Subscription>,
    /// What it asks for. `reveal` stays empty here: it is written under `[secrets]`.
    #[serde(default)]
    pub permissions: Grants,
    /// A JSON Schema for an install's configuration, which is an object.
    #[serde(default)]
    pub config: Map<String, Value>,
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub schedules: Vec<Schedule>,
    #[serde(default)]
    pub routes: Vec<Route>,
    #[serde(default)]
    pub limits: AskedLimits,
    #[serde(default)]
    pub build: Build,
}

/// What a failing event does to those behind it in its chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// They wait until it has succeeded or gone to the dead letters.
    #[default]
    Strict,
    /// They go on.
    Relaxed,
}

/// A secret that an installer is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    #[serde(default)]
    pub description: String,
    /// Where the placeholder is replaced on the way out.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// The plugin wants to see the secret itself.
    #[serde(default)]
    pub reveal: bool,
}

/// A timer of the whole plugin that exists as long as it is installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub name: String,
    pub cron: String,
    /// IANA name; empty: UTC.
    #[serde(default)]
    pub time_zone: String,
    #[serde(default)]
    pub payload: String,
    #[serde(default)]
    pub missed: Missed,
}

/// A webhook address of the plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Below the plugin's own address, with a leading slash.
    pub path: String,
    #[serde(default)]
    pub mode: RouteMode,
    /// Absent: whoever knows the address may call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteMode {
    /// Stored, answered with 202, then run.
    #[default]
    Queued,
    /// Run while the caller waits for the plugin's reply.
    Sync,
}

/// Limits of a call as asked for; absent: the host's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedLimits {
    pub memory_mb: Option<usize>,
    pub cpu_ms: Option<u64>,
    pub wall_ms: Option<u64>,
}

/// Limits of a call as they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, all memories and tables together.
    pub memory: usize,
    pub cpu: Duration,
    /// Waiting included.
    pub wall: Duration,
}

/// What is wrong with a manifest (or a configuration), and where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct ManifestError {
    /// The path of the key, such as `schedules[0].cron`.
    pub field: String,
    /// What it should be instead.
    pub problem: String,
}

impl ManifestError {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// The most bytes of a `plugin.toml`.
const MAX_TEXT: usize = 256 * 1024;

impl Manifest {
    /// Read and check a `plugin.toml`.
    ///
    /// # Errors
    /// Names the key and says what it should be; unknown keys are refused.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_TEXT {
            return Err(ManifestError::new("plugin.toml", "is larger than 256 KiB"));
        }
        let manifest: Self = toml::from_str(text)
            .map_err(|e| ManifestError::new("plugin.toml", e.to_string().trim_end()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// What an installer must agree to.
    pub fn asks(&self) -> Grants {
        let reveal =
            self.secrets.iter().filter(|(_, secret)| secret.reveal).map(|(name, _)| name.clone());
        Grants { reveal: reveal.collect(), ..self.permissions.clone() }
    }

    /// Whether the plugin receives an event.
    pub fn wants(&self, on: On, seen: &Seen<'_>) -> bool {
        self.events.iter().any(|subscription| subscription.matches(on, seen))
    }

    /// Whether it receives events of a kind at all.
    pub fn receives(&self, on: On) -> bool {
        self.events.iter().any(|subscription| subscription.on == on)
    }

    /// Whether it chooses events by the type of their account.
    pub fn asks_for_channels(&self) -> bool {
        self.events.iter().any(|subscription| !subscription.channels.is_empty())
    }

    /// The limits of a call: what is asked, within what the host allows.
    pub fn limits(&self, host: &config::Plugins) -> Limits {
        let millis = |asked: Option<u64>, default: i64, max: i64| {
            let max = u64::try_from(max).unwrap_or(0);
            Duration::from_millis(asked.unwrap_or(u64::try_from(default).unwrap_or(0)).min(max))
        };
        let memory = self.limits.memory_mb.map_or(host.memory, |mb| mb.saturating_mul(1 << 20));
        Limits {
            memory: memory.min(host.memory_max),
            cpu: millis(self.limits.cpu_ms, host.cpu, host.cpu_max),
            wall: millis(self.limits.wall_ms, host.wall, host.wall_max),
        }
    }

    /// Check the limits that are asked against the most that this host gives.
    ///
    /// # Errors
    /// Names the limit and the most that may be asked.
    pub fn check_limits(&self, host: &config::Plugins) -> Result<(), ManifestError> {
        let refuse = |field: &str, max: i64| {
            Err(ManifestError::new(
                format!("limits.{field}"),
                format!("this host gives at most {max}"),
            ))
        };
        let over = |asked: Option<u64>, max: i64| {
            asked.is_some_and(|asked| i64::try_from(asked).is_ok_and(|a| a > max))
        };
        let memory_max = host.memory_max >> 20;
        if self.limits.memory_mb.is_some_and(|asked| asked > memory_max) {
            return refuse("memory_mb", i64::try_from(memory_max).unwrap_or(i64::MAX));
        }
        if over(self.limits.cpu_ms, host.cpu_max) {
            return refuse("cpu_ms", host.cpu_max);
        }
        if over(self.limits.wall_ms, host.wall_max) {
            return refuse("wall_ms", host.wall_max);
        }
        Ok(())
    }

    /// An install's configuration with the schema's defaults filled in (top level).
    ///
    /// # Errors
    /// Every place at which it breaks the schema.
    pub fn configure(&self, given: Value) -> Result<Value, Vec<ManifestError>> {
        let Value::Object(mut config) = given else {
            return Err(vec![ManifestError::new("config", "is a JSON object")]);
        };
        if let Some(Value::Object(properties)) = self.config.get("properties") {
            for (key, property) in properties {
                if let Some(default) = property.get("default") {
                    config.entry(key).or_insert_with(|| default.clone());
                }
            }
        }
        let config = Value::Object(config);
        let validator = jsonschema::validator_for(&Value::Object(self.config.clone()))
            .map_err(|e| vec![ManifestError::new("config", e.to_string())])?;
        let errors: Vec<_> = validator
            .iter_errors(&config)
            .map(|e| ManifestError::new(format!("config{}", e.instance_path()), e.to_string()))
            .collect();
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }
}

#[cfg(test)]
mod tests;
