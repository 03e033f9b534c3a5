//! Access tokens: JSON Web Tokens signed by ES256 with a key that all nodes share.

use std::collections::BTreeSet;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::EncodePrivateKey;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::flow::House;
use crate::model::ApiScope;
use crate::seal::Seal;
use crate::store::signing_key::{self, SigningKey};
use crate::store::{Conn, Store, StoreError};

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Who gave it: the setting `identity.issuer`.
    pub iss: String,
    /// The user or app that it is for.
    pub sub: String,
    /// The team that its bearer acts for.
    pub team: String,
    pub scopes: BTreeSet<ApiScope>,
    /// Unix seconds.
    pub iat: i64,
    pub exp: i64,
    pub jti: String,
    /// The login that it came of; absent for an app.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sid: String,
}

/// Make the first key where there is none.
pub async fn ensure(store: &Store, seal: &Seal, clock: &Clock) -> anyhow::Result<()> {
    if !signing_key::all(&mut *store.read().await?).await?.is_empty() {
        return Ok(());
    }
    // Two nodes may do so at the same time: then there are two keys, and both hold.
    rotate(store, seal, clock, false).await?;
    Ok(())
}

/// Sign with a new key from now on. What the others signed holds until it ends, unless they are to
/// be forgotten: then every access token is void, and people refresh theirs. Gives the new key's id.
pub async fn rotate(
    store: &Store,
    seal: &Seal,
    clock: &Clock,
    forget: bool,
) -> anyhow::Result<String> {
    let key = new_key(seal, clock)?;
    let mut tx = store.begin().await?;
    signing_key::insert(&mut tx, &key).await?;
    if forget {
        signing_key::delete_others(&mut tx, &key.id).await?;
    }
    store.commit(tx).await?;
    Ok(key.id)
}

fn context(id: &str) -> String {
    format!("signing_key/{id}")
}

fn new_key(seal: &Seal, clock: &Clock) -> anyhow::Result<SigningKey> {
    // Hardly any 32 bytes are no key of this curve.
    let secret = std::iter::repeat_with(rand::random::<[u8; 32]>)
        .find_map(|bytes| p256::SecretKey::from_slice(&bytes).ok())
        .context("chance fails")?;
    let point = secret.public_key().to_encoded_point(false);
    let (Some(x), Some(y)) = (point.x(), point.y()) else { anyhow::bail!("a key has a point") };
    let pkcs8 = secret.to_pkcs8_der().context("a key can be written")?;
    let id = clock.id("sig");
    Ok(SigningKey {
        x: URL_SAFE_NO_PAD.encode(x),
        y: URL_SAFE_NO_PAD.encode(y),
        sealed: seal.seal(&context(&id), &STANDARD.encode(pkcs8.as_bytes())),
        created_at: clock.now(),
        id,
    })
}

/// A token with these claims, by the newest key.
pub async fn sign(house: &House, conn: &mut Conn, claims: &Claims) -> anyhow::Result<String> {
    let key =
        signing_key::all(conn).await?.into_iter().next().context("there is no signing key")?;
    let private = STANDARD.decode(house.seal.open(&context(&key.id), &key.sealed)?)?;
    let header = Header { kid: Some(key.id), ..Header::new(Algorithm::ES256) };
    Ok(jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(&private))?)
}

/// What a token says, where one of our keys signed it and its time is not over.
pub async fn verify(
    house: &House,
    conn: &mut Conn,
    token: &str,
) -> Result<Option<Claims>, StoreError> {
    let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
    let Some(kid) = kid.filter(|kid| kid.len() <= 64) else { return Ok(None) };
    let Some(key) = signing_key::get(conn, &kid).await? else { return Ok(None) };
    Ok(checked(token, &key, &house.config.identity.issuer, house.clock.now() / 1000))
}

fn checked(token: &str, key: &SigningKey, issuer: &str, now: i64) -> Option<Claims> {
    let public = DecodingKey::from_ec_components(&key.x, &key.y).ok()?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    // By our own clock, below.
    validation.validate_exp = false;
    let claims: Claims = jsonwebtoken::decode(token, &public, &validation).ok()?.claims;
    (claims.exp > now).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(key: &SigningKey, seal: &Seal, claims: &Claims) -> String {
        let private = seal.open(&context(&key.id), &key.sealed).expect("opens");
        let private = STANDARD.decode(private).expect("base64");
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(&private)).expect("signed")
    }

    #[test]
    fn a_token_holds_under_its_own_key_until_it_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let seal = Seal::open_or_create(folder.path()).expect("a seal");
        let clock = Clock::manual(1_000_000);
        let (ours, other) = (new_key(&seal, &clock).expect("a key"), new_key(&seal, &clock));
        let claims = Claims {
            iss: "us".to_owned(),
            sub: "usr_1".to_owned(),
            team: "team_1".to_owned(),
            scopes: BTreeSet::from([ApiScope::ChatsRead]),
            iat: 1_000,
            exp: 2_000,
            jti: "tok_1".to_owned(),
            sid: String::new(),
        };
        let token = signed(&ours, &seal, &claims);
        assert_eq!(checked(&token, &ours, "us", 1_999), Some(claims));
        assert_eq!(checked(&token, &ours, "us", 2_000), None, "its time is over");
        assert_eq!(checked(&token, &ours, "them", 1_999), None, "another issuer");
        assert_eq!(checked(&token, &other.expect("a key"), "us", 1_999), None, "another key");
        let (head, signature) = token.rsplit_once('.').expect("three parts");
        let (head, _) = head.rsplit_once('.').expect("three parts");
        let forged = URL_SAFE_NO_PAD.encode(r#"{"iss":"us","sub":"x","exp":9999999999}"#);
        assert_eq!(checked(&format!("{head}.{forged}.{signature}"), &ours, "us", 0), None);
    }
}
