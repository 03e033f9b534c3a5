//! How webhooks are signed: those that come in are checked, and transcripts sign theirs. HMAC-SHA256
//! over the bytes as they are, in the ways of several vendors; compared in constant time.

mod standard;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::Sha256;

use crate::model::Millis;
use crate::plugin::manifest::{Encoding, Style, Verify};

pub use standard::{key, signature};

const GITHUB: &str = "x-hub-signature-256";
const STRIPE: &str = "stripe-signature";
const SHOPIFY: &str = "x-shopify-hmac-sha256";

/// More signatures of one call are not looked at.
const CANDIDATES: usize = 16;

/// Why a call is not its sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// It carries no signature.
    Missing,
    Wrong,
    /// It was signed too long ago, or in the future.
    Stale,
}

impl Unsigned {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
        }
    }
}

/// What a call says of its signature.
struct Claim<'a> {
    /// Written as the style has it; one that fits is enough.
    signatures: Vec<&'a str>,
    encoding: Encoding,
    /// What is signed before the body.
    before: String,
    /// Unix seconds, where a time is signed.
    at: Option<i64>,
}

/// Check a call's signature.
///
/// # Errors
/// Why it does not hold.
pub fn verify(
    verify: &Verify,
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: Millis,
) -> Result<(), Unsigned> {
    let claim = claim(verify, headers)?;
    let late = |at: i64| now.div_euclid(1000).saturating_sub(at).saturating_abs();
    if claim.at.is_some_and(|at| late(at) > verify.tolerance()) {
        return Err(Unsigned::Stale);
    }
    let key = secret_key(verify.style, secret).ok_or(Unsigned::Wrong)?;
    let mac = mac(&key, claim.before.as_bytes(), body);
    let fits = |written: &&str| {
        decode(claim.encoding, written)
            .is_some_and(|bytes| mac.clone().verify_slice(&bytes).is_ok())
    };
    let fits = claim.signatures.iter().take(CANDIDATES).any(fits);
    if fits { Ok(()) } else { Err(Unsigned::Wrong) }
}

/// Whether a call carries any signature: what carries none is refused before its secret is read.
pub fn is_claimed(verify: &Verify, headers: &HeaderMap) -> bool {
    !matches!(claim(verify, headers), Err(Unsigned::Missing))
}

/// Whether a secret can be a key of this style.
pub fn fits(style: Style, secret: &str) -> bool {
    secret_key(style, secret).is_some_and(|key| !key.is_empty())
}

/// The headers with which the sender would sign a call.
pub fn sign(
    verify: &Verify,
    secret: &str,
    id: &str,
    body: &[u8],
    now: Millis,
) -> Vec<(String, String)> {
    let Some(key) = secret_key(verify.style, secret) else { return Vec::new() };
    let at = now.div_euclid(1000);
    let digest = |before: &str| mac(&key, before.as_bytes(), body).finalize().into_bytes();
    let header = |name: &str, value: String| (name.to_owned(), value);
    match verify.style {
        Style::HmacSha256 => {
            let digest = digest("");
            let written = match verify.encoding.unwrap_or_default() {
                Encoding::Hex => hex::encode(digest),
                Encoding::Base64 => STANDARD.encode(digest),
            };
            let prefix = verify.prefix.as_deref().unwrap_or_default();
            let name = verify.header.as_deref().unwrap_or_default();
            vec![header(name, format!("{prefix}{written}"))]
        }
        Style::Github => vec![header(GITHUB, format!("sha256={}", hex::encode(digest(""))))],
        Style::Stripe => {
            let digest = hex::encode(digest(&format!("{at}.")));
            vec![header(STRIPE, format!("t={at},v1={digest}"))]
        }
        Style::Shopify => vec![header(SHOPIFY, STANDARD.encode(digest("")))],
        Style::StandardWebhooks => vec![
            header(standard::ID, id.to_owned()),
            header(standard::TIMESTAMP, at.to_string()),
            header(standard::SIGNATURE, signature(&key, id, at, body)),
        ],
    }
}

/// The header that carries the signature.
pub fn header(verify: &Verify) -> &str {
    match verify.style {
        Style::HmacSha256 => verify.header.as_deref().unwrap_or_default(),
        Style::Github => GITHUB,
        Style::Stripe => STRIPE,
        Style::Shopify => SHOPIFY,
        Style::StandardWebhooks => standard::SIGNATURE,
    }
}

fn claim<'a>(verify: &Verify, headers: &'a HeaderMap) -> Result<Claim<'a>, Unsigned> {
    let value = text(headers, header(verify))?;
    let plain = |signature, encoding| Claim {
        signatures: vec![signature],
        encoding,
        before: String::new(),
        at: None,
    };
    match verify.style {
        Style::HmacSha256 => {
            let prefix = verify.prefix.as_deref().unwrap_or_default();
            let signature = value.strip_prefix(prefix).ok_or(Unsigned::Wrong)?;
            Ok(plain(signature, verify.encoding.unwrap_or_default()))
        }
        Style::Github => {
            let signature = value.strip_prefix("sha256=").ok_or(Unsigned::Wrong)?;
            Ok(plain(signature, Encoding::Hex))
        }
        Style::Stripe => stripe(value),
        Style::Shopify => Ok(plain(value, Encoding::Base64)),
        Style::StandardWebhooks => standard::claim(headers, value),
    }
}

/// `t=1492774577,v1=5257…,v1=…,v0=…`: other schemes than `v1` say nothing.
fn stripe(value: &str) -> Result<Claim<'_>, Unsigned> {
    let fields = || value.split(',').filter_map(|field| field.trim().split_once('='));
    let at = fields().find_map(|(name, value)| (name == "t").then_some(value));
    let at = at.ok_or(Unsigned::Wrong)?;
    let seconds: i64 = at.parse().map_err(|_| Unsigned::Wrong)?;
    Ok(Claim {
        signatures: fields().filter(|(name, _)| *name == "v1").map(|(_, value)| value).collect(),
        encoding: Encoding::Hex,
        before: format!("{at}."),
        at: Some(seconds),
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Unsigned> {
    let value = headers.get(name).ok_or(Unsigned::Missing)?;
    value.to_str().map(str::trim).map_err(|_| Unsigned::Wrong)
}

fn secret_key(style: Style, secret: &str) -> Option<Vec<u8>> {
    match style {
        Style::StandardWebhooks => key(secret),
        _ => Some(secret.as_bytes().to_vec()),
    }
}

fn decode(encoding: Encoding, written: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => hex::decode(written).ok(),
        Encoding::Base64 => STANDARD.decode(written).ok(),
    }
}

fn mac(key: &[u8], before: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(before);
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests;
