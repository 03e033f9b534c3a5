//! Standard Webhooks signatures: HMAC-SHA256 over id, time and body.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// A new signing secret, shown to the customer once.
pub fn new_secret() -> String {
    format!("{PREFIX}{}", STANDARD.encode(rand::random::<[u8; 24]>()))
}

/// What an endpoint's sealed secret is bound to.
pub fn secret_context(endpoint_id: &str) -> String {
    format!("endpoint/{endpoint_id}")
}

/// The `webhook-signature` of a body sent at `timestamp` (Unix seconds).
pub(super) fn signature(
    secret: &str,
    id: &str,
    timestamp: i64,
    body: &str,
) -> anyhow::Result<String> {
    let key = STANDARD
        .decode(secret.strip_prefix(PREFIX).unwrap_or(secret))
        .context("the secret is not base64")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).context("the secret's length")?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed =
            signature(secret, id, 1_614_265_330, r#"{"test": 2432232314}"#).expect("signs");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_new_secret_signs() {
        let secret = new_secret();
        assert!(secret.starts_with(PREFIX));
        assert!(signature(&secret, "evt_1", 0, "{}").is_ok());
    }
}
