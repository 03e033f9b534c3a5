//! Standard Webhooks, both ways: what we send to endpoints is signed so, and what plugins are sent may
//! be. HMAC-SHA256 over id, time and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use http::HeaderMap;

use super::{Claim, Unsigned, mac, text};
use crate::plugin::manifest::Encoding;

pub(super) const ID: &str = "webhook-id";
pub(super) const TIMESTAMP: &str = "webhook-timestamp";
pub(super) const SIGNATURE: &str = "webhook-signature";

/// The key that a secret stands for: base64, with `whsec_` before it or without.
pub fn key(secret: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()
}

/// The `webhook-signature` of a body sent at `timestamp` (Unix seconds).
pub fn signature(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mac = mac(key, format!("{id}.{timestamp}.").as_bytes(), body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// `v1,K5oZ… v1,…`: several while a secret is being changed; other versions say nothing.
pub(super) fn claim<'a>(headers: &'a HeaderMap, value: &'a str) -> Result<Claim<'a>, Unsigned> {
    let (id, at) = (text(headers, ID)?, text(headers, TIMESTAMP)?);
    let seconds: i64 = at.parse().map_err(|_| Unsigned::Wrong)?;
    Ok(Claim {
        signatures: value.split_whitespace().filter_map(|one| one.strip_prefix("v1,")).collect(),
        encoding: Encoding::Base64,
        before: format!("{id}.{at}."),
        at: Some(seconds),
    })
}
