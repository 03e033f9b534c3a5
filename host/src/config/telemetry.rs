//! What the house tells of itself.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Where traces go, and how much is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    pub otlp: String,
    pub service_name: String,
    pub sample: f64,
    pub installs: usize,
}

impl Telemetry {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let invalid =
            |key, problem: &str| Err(ConfigError::Invalid { key, problem: problem.to_owned() });
        if !self.otlp.is_empty() {
            let url = url::Url::parse(&self.otlp).ok();
            if url.is_none_or(|url| !matches!(url.scheme(), "http" | "https")) {
                return invalid("telemetry.otlp", "leave it empty, or give http://host:4318");
            }
        }
        if !(0.0..=1.0).contains(&self.sample) {
            return invalid("telemetry.sample", "0 to 1");
        }
        Ok(())
    }

    /// Whether a trace is exported: what whoever began it asked for, or else by its id.
    pub fn samples(&self, trace: u128, given: Option<bool>) -> bool {
        if self.otlp.is_empty() {
            return false;
        }
        // The last 7 bytes are by chance, here and in the traces of others.
        const ALL: u128 = 1 << 56;
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let share = (trace % ALL) as f64 / ALL as f64;
        given.unwrap_or(self.sample >= 1.0 || share < self.sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_share_of_traces_is_told_and_none_where_it_is_off() {
        let mut told = Telemetry { sample: 0.25, ..Config::default().telemetry };
        assert!(!told.samples(0, Some(true)), "off");
        told.otlp = "http://127.0.0.1:4318".to_owned();
        assert!(told.samples(0, None) && told.samples(1 << 53, None));
        assert!(!told.samples(1 << 55, None) && told.samples(1 << 55, Some(true)));
        assert!(!told.samples(0, Some(false)));
        told.sample = 1.0;
        assert!(told.samples(u128::MAX, None));
    }
}
