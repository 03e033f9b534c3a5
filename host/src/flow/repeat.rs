//! A request under an id of the caller's own: the same again is the same thing, and gets the same
//! answer; another is refused, since one of the two would be lost silently.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::rules::{Refused, refuse};

/// What is kept of a request, to tell it from another.
///
/// # Errors
/// When it is no JSON.
pub fn hash(asked: &impl Serialize) -> anyhow::Result<String> {
    Ok(hex::encode(Sha256::digest(serde_json::to_vec(asked)?)))
}

/// Whether what was asked before under an id is what is asked now. What was asked before hashes were
/// kept is taken for the same.
pub fn check(client_id: &str, before: &str, now: &str) -> Result<(), Refused> {
    if before.is_empty() || before == now {
        return Ok(());
    }
    let text = format!(
        "idempotencyId {client_id:?} was used for another request: send that one again unchanged, or take a new id"
    );
    Err(refuse("idempotency_mismatch", text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_request_is_the_same_and_another_is_refused() {
        let (one, other) = (json!({ "to": "a", "text": "x" }), json!({ "to": "a", "text": "y" }));
        let (one, other) = (hash(&one).expect("JSON"), hash(&other).expect("JSON"));
        assert!(check("id", &one, &one).is_ok() && check("id", "", &one).is_ok());
        assert_eq!(check("id", &one, &other).expect_err("another").code, "idempotency_mismatch");
    }
}
