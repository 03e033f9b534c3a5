//! Who calls: the API key, its team, and how often it may call.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use crate::flow::House;
use crate::model::{Account, ApiScope, Millis};
use crate::store::team;

/// The team that a request is made for; handlers take it as an argument.
#[derive(Clone, Debug)]
pub struct Caller {
    pub team_id: String,
    pub key_id: String,
    /// The one department whose accounts it sees; empty: all.
    pub department_id: String,
    /// What it may do.
    pub scopes: Arc<BTreeSet<ApiScope>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::unauthorized)
    }
}

/// What stands before the API.
pub struct Gate {
    house: Arc<House>,
    windows: Windows,
}

impl Gate {
    pub fn new(house: Arc<House>) -> Self {
        let limit = house.config.limits.requests_per_minute;
        Self { house, windows: Windows { limit, counts: Mutex::default() } }
    }
}

/// Let a request with a valid key through, within the key's limit.
pub async fn guard(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let caller = match caller(&gate.house, request.headers()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    let room = gate.windows.take(&caller.key_id, gate.house.clock.now());
    let mut response = if room.granted {
        request.extensions_mut().insert(caller);
        next.run(request).await
    } else {
        ApiError::rate_limited(room.resets_in).into_response()
    };
    room.write(response.headers_mut());
    response
}

/// Let a caller through who has the scope.
pub async fn require(
    State(scope): State<ApiScope>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    if caller.scopes.contains(&scope) {
        next.run(request).await
    } else {
        ApiError::missing_scope(scope).into_response()
    }
}

async fn caller(house: &House, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = given
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, key)) = key else { return Err(ApiError::unauthorized()) };
    let mut conn = house.store.read().await?;
    // What is looked up is a hash: how long that takes tells nothing about a key.
    let found = team::key_by_hash(&mut conn, &hash(key.trim())).await?;
    let (key_id, team_id) = found.ok_or_else(ApiError::unauthorized)?;
    let scopes = Arc::new(ApiScope::ALL.iter().copied().collect());
    Ok(Caller { team_id, key_id, department_id: String::new(), scopes })
}

impl Caller {
    /// Whether an account of its team is one that it may see: any, or those of its department.
    pub fn sees(&self, account: &Account) -> bool {
        self.department_id.is_empty() || self.department_id == account.department_id
    }

    /// The department to list: what was asked for, within what the caller sees. `None` where that is
    /// nothing.
    pub fn within(&self, asked: String) -> Option<String> {
        if self.department_id.is_empty() || asked == self.department_id {
            return Some(asked);
        }
        asked.is_empty().then(|| self.department_id.clone())
    }
}

/// A new API key.
pub fn new_key() -> String {
    format!("sb_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// What is kept of a key: SHA-256, hexadecimal.
pub fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// Requests of each key in the present minute.
struct Windows {
    /// A minute; 0: as many as come.
    limit: u32,
    counts: Mutex<HashMap<String, (i64, u32)>>,
}

/// What a key has left of its minute.
struct Room {
    granted: bool,
    limit: u32,
    remaining: u32,
    /// Unix seconds.
    resets_at: i64,
    resets_in: i64,
}

const MINUTE: Millis = 60_000;

impl Windows {
    fn take(&self, key_id: &str, now: Millis) -> Room {
        let minute = now.div_euclid(MINUTE);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if !counts.contains_key(key_id) {
            counts.retain(|_, (last, _)| *last == minute);
        }
        let (last, count) = counts.entry(key_id.to_owned()).or_insert((minute, 0));
        if *last != minute {
            (*last, *count) = (minute, 0);
        }
        let granted = self.limit == 0 || *count < self.limit;
        *count = count.saturating_add(u32::from(granted));
        let resets_at = (minute + 1) * MINUTE / 1000;
        let resets_in = (resets_at - now.div_euclid(1000)).max(1);
        Room {
            granted,
            limit: self.limit,
            remaining: self.limit.saturating_sub(*count),
            resets_at,
            resets_in,
        }
    }
}

impl Room {
    fn write(&self, headers: &mut HeaderMap) {
        if self.limit == 0 {
            return;
        }
        headers.insert(HeaderName::from_static("x-ratelimit-limit"), HeaderValue::from(self.limit));
        headers.insert(
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderValue::from(self.remaining),
        );
        headers.insert(
            HeaderName::from_static("x-ratelimit-reset"),
            HeaderValue::from(self.resets_at),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_requests_a_minute_and_then_again() {
        let windows = Windows { limit: 2, counts: Mutex::default() };
        let start = 1_623_766_930_000;
        assert_eq!(windows.take("a", start).remaining, 1);
        assert!(windows.take("a", start).granted);
        let full = windows.take("a", start);
        assert!(!full.granted);
        assert_eq!((full.resets_at, full.resets_in), (1_623_766_980, 50));
        assert!(windows.take("b", start).granted, "another key has its own");
        assert!(windows.take("a", start + MINUTE).granted);
        assert_eq!(windows.counts.lock().expect("whole").len(), 2, "each key is kept once");
    }

    #[test]
    fn what_is_kept_of_a_key_does_not_hold_it() {
        let key = new_key();
        assert!(key.len() > 40 && key.starts_with("sb_"));
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
