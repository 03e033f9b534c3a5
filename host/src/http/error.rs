//! The one shape of a refusal: `{"error":{"code","message","status"}}`.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::codes;
use super::openapi::{Problem, Refusal};
use crate::flow::accounts::AccountError;
use crate::flow::identity::IdentityError;
use crate::flow::install::InstallError;
use crate::flow::media::MediaError;
use crate::flow::rules::Refused;
use crate::model::{ApiScope, ContentError};
use crate::store::StoreError;

/// A refusal, or a failure of ours whose detail goes to the log and nowhere else.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// One plain sentence each, where there are several things to say.
    details: Vec<String>,
    /// Seconds, for `Retry-After`.
    retry_after: Option<i64>,
    /// The oldest cursor to go on from, where the one given is too old.
    oldest_cursor: Option<i64>,
    /// The limit of a number's day, and when it ends in Unix seconds: for the `X-RateLimit-*` headers.
    day: Option<Box<(u32, i64)>>,
}

/// Milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            retry_after: None,
            oldest_cursor: None,
            day: None,
        }
    }

    /// 400 `invalid_request`: the field, and what it should be.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// 404 `not_found`, also for what belongs to another team.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} {id:?}"))
    }

    /// 409: it is not in a state for that.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 401 `unauthorized`.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "give a valid API key or access token as `Authorization: Bearer …`, or an app's id and secret by HTTP Basic",
        )
    }

    /// 403 `missing_scope`.
    pub fn missing_scope(scope: ApiScope) -> Self {
        let message = format!(
            "this key or token may not do that: it needs the scope {scope:?}",
            scope = scope.as_str()
        );
        Self::new(StatusCode::FORBIDDEN, "missing_scope", message)
    }

    /// 403 `department_only`: it is the whole team's.
    pub fn department_only() -> Self {
        let message = "this key or app sees one department: ask with one of the whole team";
        Self::new(StatusCode::FORBIDDEN, "department_only", message)
    }

    /// 429 `rate_limited`, to be tried again after so many seconds.
    pub fn rate_limited(retry_after: i64) -> Self {
        let message = format!("too many requests; try again in {retry_after} s");
        let retry_after = Some(retry_after);
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message) }
    }

    /// 410 `cursor_expired`: the events after the cursor are gone, up to `oldest`.
    pub fn cursor_expired(oldest: i64) -> Self {
        let message = format!(
            "the events after this cursor are no longer kept: go on from {oldest}, and read anew what you keep of them"
        );
        let oldest_cursor = Some(oldest);
        Self { oldest_cursor, ..Self::new(StatusCode::GONE, "cursor_expired", message) }
    }

    /// 429 `daily_limit`: a number has sent as many messages as it may today.
    pub fn daily_limit(message: String, limit: u32, now: i64) -> Self {
        let ends = (now.div_euclid(DAY) + 1) * DAY / 1000;
        let retry_after = Some((ends - now.div_euclid(1000)).max(1));
        let day = Some(Box::new((limit, ends)));
        Self {
            retry_after,
            day,
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "daily_limit", message)
        }
    }

    /// 500 `internal`, without detail.
    pub fn internal() -> Self {
        let message = "something failed on our side; the log has the details under this answer's x-request-id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// What a framework's own refusal becomes.
    pub fn unfit(status: StatusCode, text: &str) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, "too_large", "the body is larger than this host takes")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                let message = "send the body as JSON, with `Content-Type: application/json`";
                Self::new(status, "unsupported_media_type", message)
            }
            _ => Self::invalid(plain(text)),
        }
    }

    #[must_use]
    pub fn with_details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if !codes::is_listed(self.code) {
            tracing::error!(code = self.code, "a refusal's code is not listed in http/codes.rs");
        }
        let body = Refusal {
            error: Problem {
                code: self.code,
                message: self.message,
                status: self.status.as_u16(),
                details: self.details,
                oldest_cursor: self.oldest_cursor,
            },
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer, Basic realm=\"switchboard\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some((limit, ends)) = self.day.as_deref().copied() {
            let headers = response.headers_mut();
            headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
            headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
            headers.insert("x-ratelimit-reset", HeaderValue::from(ends));
        }
        response
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "a request failed");
        Self::internal()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<ContentError> for ApiError {
    fn from(error: ContentError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        let status = match error {
            MediaError::Internal(error) => return error.into(),
            MediaError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            MediaError::NotFound(_) => StatusCode::NOT_FOUND,
            MediaError::Type(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, code, message)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let status = match refused.code {
            "not_found" | "media_not_found" => StatusCode::NOT_FOUND,
            "media_type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "internal" => {
                tracing::error!(error = refused.message, "a send could not be queued");
                return Self::internal();
            }
            "template_not_found" => StatusCode::NOT_FOUND,
            "opted_out"
            | "blocked"
            | "quota"
            | "window_closed"
            | "account_closed"
            | "account_archived"
            | "not_pending"
            | "not_failed"
            | "still_pending"
            | "not_incoming"
            | "bulk_over"
            | "template_paused"
            | "template_disabled"
            | "template_not_editable"
            | "idempotency_mismatch" => StatusCode::CONFLICT,
            "daily_limit" => StatusCode::TOO_MANY_REQUESTS,
            "media_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, refused.code, refused.message)
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let message = error.to_string();
        match error {
            AccountError::NotFound { what, id } => Self::not_found(what, &id),
            AccountError::SameTier(_) => Self::new(StatusCode::BAD_REQUEST, "same_tier", message),
            AccountError::Archived => Self::conflict("account_archived", message),
            AccountError::NotArchived => Self::conflict("not_archived", message),
            AccountError::Removing => Self::conflict("account_removing", message),
            AccountError::Internal(error) => error.into(),
        }
    }
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        let (code, message) = match error {
            IdentityError::Refused { code, message } => (code, message),
            IdentityError::Store(error) => return error.into(),
            IdentityError::Internal(error) => return error.into(),
        };
        let status = match code {
            "rate_limited" => return Self::rate_limited(10),
            "not_found" | "media_not_found" => StatusCode::NOT_FOUND,
            "media_type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "email_taken" | "last_owner" | "setup_done" => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, code, message)
    }
}

impl From<InstallError> for ApiError {
    fn from(error: InstallError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        match error {
            InstallError::Plugin(plugin) if !plugin.is_of_the_plugin() => {
                anyhow::Error::from(plugin).into()
            }
            InstallError::Internal(error) => error.into(),
            InstallError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, code, message),
            InstallError::Full(..) => Self::conflict(code, message),
            InstallError::ConsentRequired(new) => Self::conflict(code, message).with_details(new),
            InstallError::Config(problems) => {
                Self::new(StatusCode::BAD_REQUEST, code, message).with_details(problems)
            }
            InstallError::Plugin(_) | InstallError::Invalid(_) => {
                Self::new(StatusCode::BAD_REQUEST, code, message)
            }
        }
    }
}

/// A body, path or query that does not fit is a 400 that says what does not; an over-long body a 413,
/// one that is not said to be JSON a 415.
macro_rules! from_rejection {
    ($($rejection:ty),+) => {$(
        impl From<$rejection> for ApiError {
            fn from(rejection: $rejection) -> Self {
                Self::unfit(rejection.status(), &rejection.body_text())
            }
        }
    )+};
}

from_rejection!(JsonRejection, PathRejection, QueryRejection, BytesRejection);

/// The part that speaks of what was sent, not of our types.
fn plain(text: &str) -> String {
    const PREFIXES: [&str; 4] = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
        "Failed to deserialize query string: ",
        "Invalid URL: ",
    ];
    PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn body(error: ApiError) -> (StatusCode, serde_json::Value) {
        let response = error.into_response();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a body");
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    #[tokio::test]
    async fn a_refusal_has_code_message_and_status() {
        let (status, body) = body(ApiError::not_found("account", "acc_1")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let expected = json!({"error": {"code": "not_found", "message": "there is no account \"acc_1\"", "status": 404}});
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn the_detail_of_our_own_failure_is_not_told() {
        let (status, body) = body(anyhow::anyhow!("password=hush").into()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body["error"]["code"], "internal");
        assert!(!body.to_string().contains("hush"));
    }

    #[tokio::test]
    async fn what_a_plugin_asks_anew_is_listed() {
        let (status, body) =
            body(InstallError::ConsentRequired(vec!["set timers".into()]).into()).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(body["error"]["code"], "consent_required");
        assert_eq!(body["error"]["details"], json!(["set timers"]));
    }
}
