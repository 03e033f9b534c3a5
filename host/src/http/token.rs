//! `/oauth2/token` (RFC 6749) and the keys by which anybody may check its tokens.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::auth;
use super::error::ApiError;
use super::limits::Windows;
use super::openapi::Refusal;
use crate::flow::House;
use crate::flow::identity::grant::{self, Issued, Wish};
use crate::flow::identity::{IdentityError, people};
use crate::model::{ApiScope, scope_words};
use crate::store::signing_key;

/// What is wanted, and by what right. An empty field is an absent one.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenRequest {
    /// `password`, `refresh_token` or `client_credentials`.
    #[schema(required, example = "password")]
    grant_type: String,
    /// The e-mail address, for `password`.
    username: Option<String>,
    password: Option<String>,
    /// For `refresh_token`.
    refresh_token: Option<String>,
    /// For `client_credentials`, unless the app's id and secret come by HTTP Basic.
    client_id: Option<String>,
    client_secret: Option<String>,
    /// The team to act for; absent: the first of yours.
    team_id: Option<String>,
    /// Scopes with blanks between, where the token is to have fewer than you.
    scope: Option<String>,
    /// How long the access token is to hold, in minutes: at most a day.
    #[schema(minimum = 1, maximum = 1440)]
    expiration: Option<i64>,
}

/// The fields of a form that count; others are passed over, as RFC 6749 (3.2) wants it.
const FIELDS: [&str; 9] = [
    "grant_type",
    "username",
    "password",
    "refresh_token",
    "client_id",
    "client_secret",
    "team_id",
    "scope",
    "expiration",
];

/// Tokens, with their ends in Unix milliseconds.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    access_token: String,
    access_token_expiration: i64,
    /// Good for one exchange; an app has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_expiration: Option<i64>,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The same again, as older clients read it.
    #[serde(rename = "tokenType")]
    token_type_again: &'static str,
    /// Seconds.
    expires_in: i64,
    /// What the token may do, with blanks between.
    scope: String,
    team_id: String,
}

/// Get tokens
///
/// By a password, a refresh token or an app's secret. The body is a form (RFC 6749) or JSON. A
/// refresh token is good for one exchange: if it comes a second time, the whole session ends. The
/// codes of refusals are RFC 6749's own names, in the shape of every other refusal.
#[utoipa::path(
    post, path = "/oauth2/token", tag = "tokens", operation_id = "tokens.grant",
    request_body(content((TokenRequest = "application/x-www-form-urlencoded"), (TokenRequest = "application/json"))),
    responses(
        (status = 200, description = "Tokens", body = Tokens),
        (status = 400, description = "What was sent does not fit or does not hold", body = Refusal),
        (status = 401, description = "There is no app with this secret", body = Refusal),
        (status = 413, description = "The body is too large", body = Refusal),
        (status = 415, description = "The body is of another type", body = Refusal),
        (status = 429, description = "Too many attempts", body = Refusal),
        (status = 500, description = "A failure of the host's own", body = Refusal),
    )
)]
pub async fn grant(
    State(house): State<Arc<House>>,
    Extension(attempts): Extension<Arc<Windows>>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, ApiError> {
    let request = parse(&headers, &body?)?;
    let wish = wish(&request)?;
    let issued = match request.grant_type.as_str() {
        "password" => password(&house, &attempts, request, wish).await?,
        "refresh_token" => {
            let token = needed(request.refresh_token, "refresh_token")?;
            grant::refresh(&house, &token, wish).await?
        }
        "client_credentials" => {
            let (id, secret) = match auth::basic(&headers) {
                Some(pair) => pair,
                None => (
                    needed(request.client_id, "client_id")?,
                    needed(request.client_secret, "client_secret")?,
                ),
            };
            grant::client_credentials(&house, &id, &secret, wish).await?
        }
        "" => return Err(ApiError::invalid("grant_type: give one, such as \"password\"")),
        other => {
            let message = format!(
                "grant_type: {other:?} is none of password, refresh_token, client_credentials"
            );
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", message));
        }
    };
    let answer = axum::Json(tokens(issued, house.clock.now()));
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], answer)
        .into_response())
}

async fn password(
    house: &House,
    attempts: &Windows,
    request: TokenRequest,
    wish: Wish,
) -> Result<Issued, ApiError> {
    let email = needed(request.username, "username")?;
    let password = needed(request.password, "password")?;
    if email.len() > 254 || password.len() > 1024 {
        return Err(IdentityError::invalid("username or password: too long").into());
    }
    let room = attempts.take(&people::normal(&email), house.clock.now());
    if !room.granted {
        return Err(ApiError::rate_limited(room.resets_in));
    }
    Ok(grant::password(house, &email, &password, wish).await?)
}

fn needed(field: Option<String>, name: &str) -> Result<String, ApiError> {
    let given = field.filter(|text| !text.is_empty());
    given.ok_or_else(|| ApiError::invalid(format!("{name}: this grant_type needs it")))
}

fn wish(request: &TokenRequest) -> Result<Wish, ApiError> {
    let scope = request.scope.as_deref().unwrap_or_default().split_ascii_whitespace();
    let scopes: Result<_, String> = scope.map(str::parse::<ApiScope>).collect();
    let unknown = |problem| {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_scope", format!("scope: {problem}"))
    };
    let given = request.scope.as_deref().is_some_and(|scope| !scope.trim().is_empty());
    let scopes = scopes.map_err(unknown)?;
    Ok(Wish {
        team_id: request.team_id.clone().filter(|id| !id.is_empty()),
        scopes: given.then_some(scopes),
        minutes: request.expiration,
    })
}

fn tokens(issued: Issued, now: i64) -> Tokens {
    let (refresh_token, refresh_token_expiration) = issued.refresh.unzip();
    Tokens {
        access_token: issued.access_token,
        access_token_expiration: issued.access_expires_at,
        refresh_token,
        refresh_token_expiration,
        token_type: "Bearer",
        token_type_again: "Bearer",
        expires_in: (issued.access_expires_at - now) / 1000,
        scope: scope_words(&issued.scopes),
        team_id: issued.team_id,
    }
}

fn parse(headers: &HeaderMap, body: &[u8]) -> Result<TokenRequest, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()));
    }
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let message = "send a form (application/x-www-form-urlencoded) or JSON (application/json)";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(ApiError::new(status, "unsupported_media_type", message));
    }
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        if !FIELDS.contains(&name.as_ref()) || value.is_empty() {
            continue;
        }
        let value = match name.as_ref() {
            // Whatever is no number is refused as that below.
            "expiration" => value.parse::<i64>().map_or_else(|_| value.into(), Value::from),
            _ => Value::from(value),
        };
        if fields.insert(name.to_string(), value).is_some() {
            return Err(ApiError::invalid(format!("{name}: give it once")));
        }
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| ApiError::invalid(error.to_string()))
}

/// The public halves of the keys that sign access tokens (RFC 7517).
#[derive(Serialize, ToSchema)]
pub struct JsonWebKeys {
    keys: Vec<JsonWebKey>,
}

#[derive(Serialize, ToSchema)]
pub struct JsonWebKey {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    kid: String,
    x: String,
    y: String,
}

/// The keys that access tokens are signed with
///
/// For whoever wants to check a token without asking: ES256, found by the `kid` in its header.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "tokens", operation_id = "tokens.keys",
    responses(
        (status = 200, description = "The one that signs first", body = JsonWebKeys),
        (status = 500, description = "A failure of the host's own", body = Refusal),
    )
)]
pub async fn keys(State(house): State<Arc<House>>) -> Result<Response, ApiError> {
    let keys = signing_key::all(&mut *house.store.read().await?).await?;
    let view = |key: signing_key::SigningKey| JsonWebKey {
        kty: "EC",
        crv: "P-256",
        alg: "ES256",
        usage: "sig",
        kid: key.id,
        x: key.x,
        y: key.y,
    };
    let answer = axum::Json(JsonWebKeys { keys: keys.into_iter().map(view).collect() });
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], answer).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: &str, body: &str) -> Result<TokenRequest, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().expect("a header"));
        parse(&headers, body.as_bytes())
    }

    #[test]
    fn a_form_and_json_say_the_same() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let form = parsed(form, "grant_type=password&username=a%40b.c&expiration=5&x=1&scope=");
        let form = form.unwrap_or_default();
        let json = r#"{"grant_type":"password","username":"a@b.c","expiration":5}"#;
        let json = parsed("application/json", json).unwrap_or_default();
        for request in [form, json] {
            assert_eq!(request.grant_type, "password");
            assert_eq!(request.username.as_deref(), Some("a@b.c"));
            assert_eq!((request.expiration, request.scope), (Some(5), None));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (kind, body) in [
            ("text/plain", "grant_type=password"),
            ("application/json", r#"{"grant_type":"password","passwort":"x"}"#),
            ("application/json", "["),
            ("application/x-www-form-urlencoded", "expiration=soon"),
            ("application/x-www-form-urlencoded", "scope=a&scope=b"),
        ] {
            assert!(parsed(kind, body).is_err(), "{body}");
        }
        let unknown = TokenRequest { scope: Some("everything".to_owned()), ..Default::default() };
        assert!(wish(&unknown).is_err());
    }
}
