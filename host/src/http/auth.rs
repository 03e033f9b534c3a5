//! Who calls: a key, an app or a person, for which team, with which scopes, and how often.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::ApiError;
use super::limits::Windows;
use crate::flow::House;
use crate::flow::identity::{self, signing};
use crate::model::{Account, ApiScope, Millis};
use crate::store::credential::{self, Credential, Kind};
use crate::store::{Conn, session};

/// Who asks, for which team; handlers take it as an argument.
#[derive(Clone, Debug)]
pub struct Caller {
    pub team_id: String,
    pub who: Who,
    /// What it may do.
    pub scopes: Arc<BTreeSet<ApiScope>>,
    /// The department that it is narrowed to; empty for none.
    pub department_id: String,
}

/// The one who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Key(String),
    App(String),
    User { id: String, session_id: String },
}

impl Who {
    pub fn id(&self) -> &str {
        match self {
            Self::Key(id) | Self::App(id) | Self::User { id, .. } => id,
        }
    }

    /// What is kept of a program; `None` for a person.
    pub fn credential(&self) -> Option<(Kind, &str)> {
        match self {
            Self::Key(id) => Some((Kind::Key, id)),
            Self::App(id) => Some((Kind::App, id)),
            Self::User { .. } => None,
        }
    }
}

impl Caller {
    fn program(kind: Kind, found: Credential) -> Self {
        let mut scopes = found.scopes;
        if !found.department_id.is_empty() {
            // Else it could make itself another key that is not narrowed.
            scopes.remove(&ApiScope::TeamWrite);
        }
        let who = match kind {
            Kind::Key => Who::Key(found.id),
            Kind::App => Who::App(found.id),
        };
        let (team_id, department_id) = (found.team_id, found.department_id);
        Self { team_id, who, scopes: Arc::new(scopes), department_id }
    }

    /// Refuse what would give away more than the caller has.
    pub fn may_grant(&self, scopes: &BTreeSet<ApiScope>) -> Result<(), ApiError> {
        match scopes.difference(&self.scopes).next() {
            Some(missing) => Err(ApiError::missing_scope(*missing)),
            None => Ok(()),
        }
    }
}

impl Caller {
    /// Whether an account of its team is one that it may see: any, or those of its department.
    pub fn sees(&self, account: &Account) -> bool {
        account.is_of(&self.department_id)
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
        let windows = Windows::new(house.config.limits.requests_per_minute);
        Self { house, windows }
    }
}

/// Let a request with a valid key or token through, within its bearer's limit.
pub async fn guard(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let caller = match caller(&gate.house, request.headers()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    let now = gate.house.clock.now();
    let room = gate.windows.take(caller.who.id(), now);
    if room.first {
        note_use(&gate.house, &caller.who, now);
    }
    let mut response = if room.granted {
        request.extensions_mut().insert(caller);
        next.run(request).await
    } else {
        ApiError::rate_limited(room.resets_in).into_response()
    };
    room.write(response.headers_mut());
    response
}

/// Once a minute, beside the request: nobody waits for it, and a crash may forget it.
fn note_use(house: &Arc<House>, who: &Who, now: Millis) {
    let Some((kind, id)) = who.credential() else { return };
    let (house, id) = (house.clone(), id.to_owned());
    tokio::spawn(async move {
        let noted = async {
            let mut tx = house.store.begin().await?;
            credential::note_use(&mut tx, kind, &id, now).await?;
            house.store.commit(tx).await
        };
        if let Err(error) = noted.await {
            tracing::debug!(%error, id, "its use could not be noted");
        }
    });
}

/// What a route needs of its caller.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    pub scope: ApiScope,
    /// It keeps to the department of a caller that is narrowed to one. Otherwise such a caller is
    /// refused: what nobody has thought about shows nothing.
    pub narrowed: bool,
}

/// Let a caller through who has the scope, and whose department the route keeps to.
pub async fn require(
    State(needs): State<Needs>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    if !caller.scopes.contains(&needs.scope) {
        return ApiError::missing_scope(needs.scope).into_response();
    }
    if !needs.narrowed && !caller.department_id.is_empty() {
        return ApiError::department_only().into_response();
    }
    next.run(request).await
}

async fn caller(house: &House, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let mut conn = house.store.read().await?;
    let found = match scheme(headers) {
        Some(("bearer", token)) if token.contains('.') => bearer(house, &mut conn, token).await?,
        Some(("bearer", key)) => program(house, &mut conn, Kind::Key, key).await?,
        Some(("basic", _)) => match basic(headers) {
            Some((id, secret)) => program(house, &mut conn, Kind::App, &secret)
                .await?
                .filter(|caller| caller.who.id() == id),
            None => None,
        },
        _ => None,
    };
    found.ok_or_else(ApiError::unauthorized)
}

/// The scheme of `Authorization` and what follows it.
fn scheme(headers: &HeaderMap) -> Option<(&'static str, &str)> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = given.split_once(' ')?;
    let known = ["bearer", "basic"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
    Some((known, rest.trim()))
}

/// The two halves of HTTP Basic.
pub fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (_, encoded) = scheme(headers).filter(|(scheme, _)| *scheme == "basic")?;
    let plain = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = plain.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// What is looked up is a hash: how long that takes tells nothing about a key.
async fn program(
    house: &House,
    conn: &mut Conn,
    kind: Kind,
    secret: &str,
) -> Result<Option<Caller>, ApiError> {
    let now = house.clock.now();
    let found = credential::by_hash(conn, kind, &identity::hash(secret), now).await?;
    Ok(found.map(|found| Caller::program(kind, found)))
}

/// A token says who and what; whether that still holds is looked up each time, so that a person who
/// was removed and an app that was ended are gone at once.
async fn bearer(house: &House, conn: &mut Conn, token: &str) -> Result<Option<Caller>, ApiError> {
    let Some(claims) = signing::verify(house, conn, token).await? else { return Ok(None) };
    if claims.sid.is_empty() {
        let app = credential::get(conn, Kind::App, &claims.team, &claims.sub).await?;
        let now = house.clock.now();
        let app = app.filter(|app| app.expires_at == 0 || app.expires_at > now);
        return Ok(app.map(|app| {
            let scopes = &app.scopes & &claims.scopes;
            Caller::program(Kind::App, Credential { scopes, ..app })
        }));
    }
    let role = session::standing(conn, &claims.sid, &claims.sub, &claims.team).await?;
    Ok(role.map(|role| Caller {
        team_id: claims.team,
        who: Who::User { id: claims.sub, session_id: claims.sid },
        scopes: Arc::new(&role.scopes() & &claims.scopes),
        department_id: String::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
        headers
    }

    #[test]
    fn both_schemes_are_read_and_others_are_not() {
        assert_eq!(scheme(&with("BEARER sb_1")), Some(("bearer", "sb_1")));
        assert_eq!(scheme(&with("Digest x")), None);
        assert_eq!(scheme(&with("sb_1")), None);
        let pair = (String::from("app_1"), String::from("a:b"));
        assert_eq!(basic(&with("Basic YXBwXzE6YTpi")), Some(pair), "a secret may hold a colon");
        assert_eq!(basic(&with("Basic !")), None);
        assert_eq!(basic(&with("Bearer YXBwXzE6YTpi")), None);
    }
}
