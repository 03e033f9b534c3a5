//! The secrets by which what we send to endpoints is signed, as Standard Webhooks has it.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::flow::signature as standard;

const PREFIX: &str = "whsec_";

/// A new signing secret, shown to the customer once.
pub fn new_secret() -> String {
    format!("{PREFIX}{}", STANDARD.encode(rand::random::<[u8; 24]>()))
}

/// Whether a secret that a customer brings can sign: `whsec_` and base64 of 24 to 64 bytes, as the
/// specification has it.
pub fn check_secret(secret: &str) -> bool {
    let key = secret.strip_prefix(PREFIX).and_then(|key| STANDARD.decode(key).ok());
    key.is_some_and(|key| (24..=64).contains(&key.len()))
}

/// What an endpoint's sealed secret is bound to.
pub fn secret_context(endpoint_id: &str) -> String {
    format!("endpoint/{endpoint_id}")
}

/// What the secret before it is bound to.
pub fn old_secret_context(endpoint_id: &str) -> String {
    format!("endpoint/{endpoint_id}/old")
}

/// What its sealed headers are bound to.
pub fn headers_context(endpoint_id: &str) -> String {
    format!("endpoint/{endpoint_id}/headers")
}

/// The `webhook-signature` of a body sent at `timestamp` (Unix seconds).
pub(super) fn signature(
    secret: &str,
    id: &str,
    timestamp: i64,
    body: &str,
) -> anyhow::Result<String> {
    let key = standard::key(secret).context("the secret is not base64")?;
    Ok(standard::signature(&key, id, timestamp, body.as_bytes()))
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
        assert!(check_secret(&secret));
        assert!(signature(&secret, "evt_1", 0, "{}").is_ok());
    }

    #[test]
    fn a_secret_that_is_brought_must_be_long_enough_and_of_the_right_form() {
        let of = |length: usize| format!("{PREFIX}{}", STANDARD.encode(vec![7; length]));
        assert!(check_secret(&of(24)) && check_secret(&of(64)));
        for wrong in [of(23), of(65), "whsec_".into(), "whsec_!".into(), STANDARD.encode([7; 32])] {
            assert!(!check_secret(&wrong), "{wrong}");
        }
    }
}
