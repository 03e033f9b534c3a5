//! The settings: `config.default.toml`, then a file, then `SWITCHBOARD_*` from the environment.

mod billing;
mod media;
mod telemetry;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::Millis;

pub use billing::{Billing, Conversations, Terms, Tiers};
pub use media::{Media, MediaType, MediaTypes, S3};
pub use telemetry::Telemetry;

/// The documentation of every setting, and its default.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data: PathBuf,
    pub server: Server,
    pub database: Database,
    pub log: Log,
    pub delivery: Delivery,
    pub outbox: Outbox,
    pub notify: Notify,
    pub plugins: Plugins,
    pub sandbox: Sandbox,
    pub limits: Limits,
    pub accounts: Accounts,
    pub billing: Billing,
    pub identity: Identity,
    pub media: Media,
    pub telemetry: Telemetry,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: String,
    pub max_body: usize,
    pub stop_after: Millis,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
    pub connections: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    pub attempts: i64,
    pub retry_first: Millis,
    pub retry_max: Millis,
    pub concurrency: usize,
    pub concurrency_per_install: usize,
    pub suspend_after: i64,
    pub suspend_for: Millis,
    pub lease: Millis,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    pub attempts: i64,
    pub retry_first: Millis,
    pub retry_max: Millis,
    pub gap: Millis,
    pub jitter: Millis,
    pub typing: Millis,
    pub doubt_window: Millis,
    pub on_doubt: OnDoubt,
    pub rules: Vec<RetryRule>,
}

/// What becomes of a send that a channel refused with this code.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetryRule {
    /// The whole code, or its beginning and `*`.
    pub code: String,
    pub action: RetryAction,
    pub wait: Option<Millis>,
    pub attempts: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryAction {
    Retry,
    Fail,
}

/// What becomes of a message whose send nobody can vouch for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDoubt {
    Fail,
    ResendOnce,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    pub schedule: Vec<Millis>,
    pub timeout: Millis,
    pub concurrency: usize,
    pub disable_after: Millis,
    pub endpoints: i64,
    pub allow: Vec<IpNet>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plugins {
    pub watch: PathBuf,
    pub max_size: usize,
    pub compile_timeout: Millis,
    pub memory: usize,
    pub memory_max: usize,
    pub cpu: Millis,
    pub cpu_max: Millis,
    pub wall: Millis,
    pub wall_max: Millis,
    pub effects: usize,
    pub logs: usize,
    pub log_bytes: usize,
    pub host_calls: u64,
    pub host_call_bytes: usize,
    pub http_calls: u32,
    pub http_body: usize,
    pub http_timeout: Millis,
    pub http_allow: Vec<IpNet>,
    pub state_value: usize,
    pub state_keys: i64,
    pub state_bytes: i64,
    pub timers: i64,
    pub media_read: u64,
    pub media_file: u64,
    pub media_bytes: u64,
    pub cached: usize,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    pub enabled: bool,
    pub delivered_after: Millis,
    pub read_after: Millis,
    pub latency: Millis,
    pub deduplicates: bool,
    pub journal: PathBuf,
    pub qr_every: Millis,
    pub qr_count: u32,
    pub template_review: Millis,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub requests_per_minute: u32,
    pub messages_per_day: u32,
    pub schedule_past: Millis,
    pub schedule_ahead: Millis,
    pub bulk_recipients: usize,
    pub bulk_pace: u32,
    pub event_days: i64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    pub silent_after: Millis,
}

/// People's logins.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    pub issuer: String,
    pub access_token: Millis,
    pub refresh_token: Millis,
    pub password_attempts: u32,
    pub setup_link: Millis,
}

/// A setting that cannot work, with its name and what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}")]
    Read(#[from] Box<figment::Error>),
    #[error("{key}: {problem}")]
    Invalid { key: &'static str, problem: String },
}

impl Config {
    /// Read the defaults, then `file` where given, then the environment; check what comes out.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        // SWITCHBOARD_KEY, SWITCHBOARD_URL and the like are no settings: a setting has a section.
        let settings = Env::prefixed("SWITCHBOARD_")
            .filter(|name| name == "data" || name.as_str().contains("__"));
        let figment = figment.merge(settings.split("__"));
        let config: Self = figment.extract().map_err(Box::new)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let require = |holds: bool, key, problem: &str| {
            if holds {
                Ok(())
            } else {
                Err(ConfigError::Invalid { key, problem: problem.to_owned() })
            }
        };
        let url = &self.database.url;
        let known =
            url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://");
        require(known, "database.url", "leave it empty for SQLite, or give postgres://…")?;
        require(self.database.connections > 0, "database.connections", "at least 1")?;
        require(self.delivery.attempts > 0, "delivery.attempts", "at least 1")?;
        require(self.delivery.concurrency > 0, "delivery.concurrency", "at least 1")?;
        require(self.outbox.attempts > 0, "outbox.attempts", "at least 1")?;
        require(
            self.limits.bulk_pace > 0 && self.limits.bulk_pace <= 60_000,
            "limits.bulk_pace",
            "1 to 60000",
        )?;
        let url = &self.media.url;
        require(
            url.is_empty() || url.starts_with("s3://"),
            "media.url",
            "leave it empty for a folder, or give s3://bucket/prefix",
        )?;
        require(self.notify.concurrency > 0, "notify.concurrency", "at least 1")?;
        require(
            (60_000..=86_400_000).contains(&self.identity.access_token),
            "identity.access_token",
            "a minute to a day, in milliseconds",
        )?;
        require(self.identity.refresh_token > 0, "identity.refresh_token", "more than 0")?;
        require(
            self.plugins.memory <= self.plugins.memory_max,
            "plugins.memory",
            "at most plugins.memory_max",
        )?;
        require(
            self.plugins.cpu <= self.plugins.cpu_max,
            "plugins.cpu",
            "at most plugins.cpu_max",
        )?;
        require(
            self.plugins.wall <= self.plugins.wall_max,
            "plugins.wall",
            "at most plugins.wall_max",
        )?;
        require(self.accounts.silent_after > 0, "accounts.silent_after", "at least 1")?;
        self.telemetry.check()?;
        self.billing.check()
    }
}

impl Default for Config {
    /// The embedded defaults.
    fn default() -> Self {
        Figment::from(Toml::string(DEFAULTS)).extract().expect("the embedded defaults are tested")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_whole_and_valid() {
        Config::default().check().expect("the defaults hold");
    }

    #[test]
    fn a_price_table_with_a_gap_at_its_beginning_is_refused() {
        let mut config = Config::default();
        config.billing.tiers.limited_msg_no_chat_history.prices[0].from = 2;
        let refusal = config.check().expect_err("no price for the first account");
        assert!(refusal.to_string().contains("billing.tiers"), "{refusal}");
    }
}
