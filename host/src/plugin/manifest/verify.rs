//! How the sender of a webhook signs it: `[routes.verify]`. What is not signed so wakes nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ManifestError, Secret};

/// How a route's calls are signed, and the secret by which that is checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    pub style: Style,
    /// The name of one of `[secrets]`.
    pub secret: String,
    /// The header that carries the signature; for `hmac-sha256` alone, as are the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What stands before the signature, such as `sha256=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Seconds by which the sender's time may differ from ours; only for styles that sign a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<u32>,
}

/// Whose way of signing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// HMAC-SHA256 of the body in a header of the sender's choice.
    HmacSha256,
    Github,
    Stripe,
    Shopify,
    StandardWebhooks,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    #[default]
    Hex,
    Base64,
}

/// What senders and their libraries take where nobody says otherwise.
const TOLERANCE: u32 = 300;
const MAX_TOLERANCE: u32 = 86_400;

impl Verify {
    /// Seconds.
    pub fn tolerance(&self) -> i64 {
        i64::from(self.tolerance.unwrap_or(TOLERANCE))
    }

    pub(super) fn check(
        &self,
        field: &str,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<(), ManifestError> {
        let refuse =
            |key: &str, problem: String| Err(ManifestError::new(format!("{field}.{key}"), problem));
        if !secrets.contains_key(&self.secret) {
            let problem = format!(
                "names no secret of this plugin: add [secrets.{}] with a description",
                self.secret
            );
            return refuse("secret", problem);
        }
        let own = self.style == Style::HmacSha256;
        let given = [
            ("header", self.header.is_some()),
            ("encoding", self.encoding.is_some()),
            ("prefix", self.prefix.is_some()),
        ];
        if let Some((key, _)) = given.iter().find(|(_, given)| *given && !own) {
            return refuse(key, "is for the style \"hmac-sha256\" alone: leave it out".to_owned());
        }
        if own {
            let header = self.header.as_deref().unwrap_or_default();
            if header.is_empty() || http::HeaderName::from_bytes(header.as_bytes()).is_err() {
                return refuse("header", "names the header with the signature".to_owned());
            }
        }
        if self.prefix.as_ref().is_some_and(|prefix| prefix.len() > 64) {
            return refuse("prefix", "at most 64 characters".to_owned());
        }
        let timed = matches!(self.style, Style::Stripe | Style::StandardWebhooks);
        match self.tolerance {
            Some(_) if !timed => {
                let problem =
                    "is for styles that sign a time: \"stripe\" and \"standard-webhooks\"";
                refuse("tolerance", problem.to_owned())
            }
            Some(seconds) if !(1..=MAX_TOLERANCE).contains(&seconds) => {
                refuse("tolerance", format!("1 to {MAX_TOLERANCE} seconds"))
            }
            _ => Ok(()),
        }
    }
}
