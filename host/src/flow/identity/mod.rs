//! People, keys, apps and tokens: who may call, and how they prove it.
//!
//! What only a program knows (keys, apps' secrets, refresh tokens, links) is random and kept by its
//! hash. What a person thinks of (a password) is kept by Argon2id.

pub mod credentials;
pub mod grant;
pub mod password;
pub mod people;
pub mod signing;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{House, record};
use crate::model::Event;
use crate::store::team::Numbers;
use crate::store::{StoreError, Tx, team};

/// Why something was refused: a stable code and words that say what to do; or a failure of ours.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{message}")]
    Refused { code: &'static str, message: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl IdentityError {
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::refused("invalid_request", message)
    }
}

/// A new API key.
pub fn new_key() -> String {
    random("sb_")
}

/// A new secret of this kind, 256 bits.
fn random(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// A new secret of an app.
pub fn new_secret() -> String {
    random("sbs_")
}

/// What is kept of a key or secret: SHA-256, hexadecimal.
pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Take the team's row, as everyone who writes an event does first.
pub async fn hold(tx: &mut Tx, team_id: &str) -> Result<Numbers, StoreError> {
    team::draw(tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await
}

/// Write what happened as an event of the team, in the transaction that [`hold`] began.
pub async fn note(
    house: &House,
    tx: &mut Tx,
    numbers: &mut Numbers,
    team_id: &str,
    kind: &str,
    data: Value,
) -> anyhow::Result<()> {
    let event = Event {
        id: house.clock.id("evt"),
        team_id: team_id.to_owned(),
        cursor: 0,
        kind: kind.to_owned(),
        account_id: String::new(),
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        trace: Default::default(),
        data,
    };
    record::events(house, tx, numbers, vec![event]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_key_does_not_hold_it() {
        let key = new_key();
        assert!(key.len() > 40 && key.starts_with("sb_"));
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
