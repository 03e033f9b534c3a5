//! The three ways to an access token: a password, a refresh token, an app's secret.

use std::collections::BTreeSet;

use super::signing::{self, Claims};
use super::{IdentityError, hash, password, people, random};
use crate::flow::House;
use crate::model::{ApiScope, Millis};
use crate::store::credential::{self, Kind};
use crate::store::session::{self, Session};
use crate::store::user::{self, Belonging};
use crate::store::{Conn, Tx};

const MINUTE: Millis = 60_000;

/// An access token may be asked for a day at most.
pub const LONGEST_MINUTES: i64 = 24 * 60;

/// What every grant may ask for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The team to act for, where the person has several.
    pub team_id: Option<String>,
    /// These scopes only.
    pub scopes: Option<BTreeSet<ApiScope>>,
    /// How long the access token is to hold.
    pub minutes: Option<i64>,
}

/// What came of it.
#[derive(Debug)]
pub struct Issued {
    pub access_token: String,
    pub access_expires_at: Millis,
    pub team_id: String,
    pub scopes: BTreeSet<ApiScope>,
    /// The refresh token and its end; an app has none.
    pub refresh: Option<(String, Millis)>,
}

fn invalid_grant(message: &str) -> IdentityError {
    IdentityError::refused("invalid_grant", message)
}

/// By e-mail address and password: a new session.
pub async fn password(
    house: &House,
    email: &str,
    given: &str,
    wish: Wish,
) -> Result<Issued, IdentityError> {
    // What can be nobody's address is nobody's, in the same time.
    let email = people::address(email).unwrap_or_default();
    let found = user::by_email(&mut *house.store.read().await?, &email).await?;
    let kept = found.as_ref().map_or("", |user| user.password.as_str());
    let holds = password::verify(given, kept).await?;
    let Some(user) = found.filter(|_| holds) else {
        return Err(invalid_grant("the e-mail address or the password is not right"));
    };
    let mut tx = house.store.begin().await?;
    let team = team_of(&mut tx, &user.id, wish.team_id.as_deref()).await?;
    let narrowed = wish.scopes.clone().unwrap_or_else(ApiScope::all);
    let now = house.clock.now();
    let session = Session {
        id: house.clock.id("ses"),
        user_id: user.id,
        team_id: team.team_id.clone(),
        scopes: narrowed,
        created_at: now,
        expires_at: now + house.config.identity.refresh_token,
    };
    session::insert(&mut tx, &session).await?;
    let refresh = renew(house, &mut tx, &session.id).await?;
    let issued = issue(house, &mut tx, &session, &team, &wish, refresh).await?;
    house.store.commit(tx).await?;
    Ok(issued)
}

/// By a refresh token, which is exchanged for the next. One that was exchanged before is in wrong
/// hands, or its successor is: the whole session ends.
pub async fn refresh(house: &House, token: &str, wish: Wish) -> Result<Issued, IdentityError> {
    let (hash, now) = (hash(token), house.clock.now());
    let mut tx = house.store.begin().await?;
    let Some(session_id) = session::use_refresh(&mut tx, &hash, now).await? else {
        if let Some(session_id) = session::of_spent(&mut tx, &hash).await? {
            session::delete(&mut tx, &session_id).await?;
            house.store.commit(tx).await?;
            tracing::warn!(session = session_id, "a spent refresh token came again: session ended");
        }
        return Err(invalid_grant("the refresh token does not hold: log in again"));
    };
    let Some(session) = session::get(&mut tx, &session_id).await? else {
        return Err(invalid_grant("the session is over: log in again"));
    };
    let wanted = wish.team_id.as_deref().unwrap_or(&session.team_id);
    let team = team_of(&mut tx, &session.user_id, Some(wanted)).await?;
    let refresh = renew(house, &mut tx, &session.id).await?;
    let issued = issue(house, &mut tx, &session, &team, &wish, refresh).await?;
    house.store.commit(tx).await?;
    Ok(issued)
}

/// By an app's id and secret.
pub async fn client_credentials(
    house: &House,
    id: &str,
    secret: &str,
    wish: Wish,
) -> Result<Issued, IdentityError> {
    let mut conn = house.store.read().await?;
    let now = house.clock.now();
    let found = credential::by_hash(&mut conn, Kind::App, &hash(secret), now).await?;
    let Some(app) = found.filter(|app| app.id == id) else {
        return Err(IdentityError::refused("invalid_client", "there is no app with this secret"));
    };
    if wish.team_id.as_ref().is_some_and(|team_id| *team_id != app.team_id) {
        return Err(invalid_grant("team_id: the app belongs to another team"));
    }
    let scopes = narrowed(&app.scopes, &wish)?;
    let ends = now + lifetime(house, &wish)?;
    let ends = if app.expires_at == 0 { ends } else { ends.min(app.expires_at) };
    let claims = claims(house, &app.id, &app.team_id, scopes, ends, "");
    Ok(Issued {
        access_token: signing::sign(house, &mut conn, &claims).await?,
        access_expires_at: claims.exp * 1000,
        team_id: app.team_id,
        scopes: claims.scopes,
        refresh: None,
    })
}

/// The team that is named, or the one that the person joined first.
async fn team_of(
    conn: &mut Conn,
    user_id: &str,
    wanted: Option<&str>,
) -> Result<Belonging, IdentityError> {
    let mut teams = user::teams(conn, user_id).await?.into_iter();
    match wanted {
        Some(id) => teams
            .find(|team| team.team_id == id)
            .ok_or_else(|| invalid_grant("team_id: you belong to no such team")),
        None => teams.next().ok_or_else(|| invalid_grant("you belong to no team any more")),
    }
}

/// The session's next refresh token; the session lives as long.
async fn renew(
    house: &House,
    tx: &mut Tx,
    session_id: &str,
) -> Result<(String, Millis), IdentityError> {
    let token = random("sbr_");
    let expires_at = house.clock.now() + house.config.identity.refresh_token;
    session::add_refresh(tx, &hash(&token), session_id, expires_at).await?;
    session::extend(tx, session_id, expires_at).await?;
    Ok((token, expires_at))
}

async fn issue(
    house: &House,
    tx: &mut Tx,
    session: &Session,
    team: &Belonging,
    wish: &Wish,
    refresh: (String, Millis),
) -> Result<Issued, IdentityError> {
    let allowed = &team.role.scopes() & &session.scopes;
    let scopes = narrowed(&allowed, wish)?;
    let ends = house.clock.now() + lifetime(house, wish)?;
    let claims = claims(house, &session.user_id, &team.team_id, scopes, ends, &session.id);
    Ok(Issued {
        access_token: signing::sign(house, tx, &claims).await?,
        access_expires_at: claims.exp * 1000,
        team_id: claims.team,
        scopes: claims.scopes,
        refresh: Some(refresh),
    })
}

/// Of what is allowed, what is asked for.
fn narrowed(
    allowed: &BTreeSet<ApiScope>,
    wish: &Wish,
) -> Result<BTreeSet<ApiScope>, IdentityError> {
    let Some(asked) = &wish.scopes else { return Ok(allowed.clone()) };
    let granted = allowed & asked;
    if granted.is_empty() {
        return Err(IdentityError::refused("invalid_scope", "scope: you have none of these"));
    }
    Ok(granted)
}

fn lifetime(house: &House, wish: &Wish) -> Result<Millis, IdentityError> {
    match wish.minutes {
        None => Ok(house.config.identity.access_token),
        Some(minutes @ 1..=LONGEST_MINUTES) => Ok(minutes * MINUTE),
        Some(_) => Err(IdentityError::invalid(format!(
            "expiration: give it in minutes, 1 to {LONGEST_MINUTES}"
        ))),
    }
}

fn claims(
    house: &House,
    sub: &str,
    team: &str,
    scopes: BTreeSet<ApiScope>,
    ends: Millis,
    sid: &str,
) -> Claims {
    Claims {
        iss: house.config.identity.issuer.clone(),
        sub: sub.to_owned(),
        team: team.to_owned(),
        scopes,
        iat: house.clock.now() / 1000,
        exp: ends / 1000,
        jti: house.clock.id("tok"),
        sid: sid.to_owned(),
    }
}
