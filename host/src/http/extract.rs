//! Bodies, paths and queries as handlers take them; what does not fit is refused in our shape.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use crate::model::trace;

/// A JSON body. Types refuse unknown fields with `serde(deny_unknown_fields)`.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let whole = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await?;
        if holds_nul(&whole) {
            return Err(ApiError::invalid("a text holds a NUL (\\u0000): leave it out"));
        }
        // A list would be read as the fields of an object in their order.
        if whole.trim_ascii_start().starts_with(b"[") {
            return Err(ApiError::invalid("give a JSON object"));
        }
        if whole.is_empty() {
            // No body says what an empty object says.
            let body = serde_json::from_slice(b"{}");
            return body.map(Self).map_err(|problem| ApiError::invalid(problem.to_string()));
        }
        let request = Request::from_parts(parts, Body::from(whole));
        let axum::Json(body) = axum::Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// Whether some text of a JSON body has the escape of NUL, which no database keeps.
fn holds_nul(json: &[u8]) -> bool {
    const NUL: &[u8] = br"\u0000";
    let found = |(at, _): &(usize, &[u8])| {
        let before = json[..*at].iter().rev().take_while(|byte| **byte == b'\\').count();
        before % 2 == 0
    };
    json.windows(NUL.len()).enumerate().filter(|(_, part)| *part == NUL).any(|part| found(&part))
}

/// Whether what the percents stand for is UTF-8.
fn is_text(encoded: &str) -> bool {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = code.and_then(|two| u8::from_str_radix(two, 16).ok());
        let code = code.filter(|_| *first == b'%');
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// Nor does a part of an address hold one.
fn no_nul(encoded: &str) -> Result<(), ApiError> {
    if encoded.contains("%00") {
        return Err(ApiError::invalid("the address holds a NUL (%00): leave it out"));
    }
    Ok(())
}

/// Parts of the path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        no_nul(parts.uri.path())?;
        let axum::extract::Path(path) =
            axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Self(path))
    }
}

/// The query.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let written = parts.uri.query().unwrap_or_default();
        no_nul(written)?;
        if !is_text(written) {
            return Err(ApiError::invalid("the query is not UTF-8"));
        }
        let axum::extract::Query(query) =
            axum::extract::Query::from_request_parts(parts, state).await?;
        Ok(Self(query))
    }
}

/// The header `traceparent`, where it holds; else empty.
pub struct Traceparent(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Traceparent {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let given = parts.headers.get("traceparent").and_then(|value| value.to_str().ok());
        Ok(Self(given.and_then(trace::accepted).unwrap_or_default()))
    }
}

/// A page of a list: what comes after `cursor`, at most `limit` (50 where absent, 200 at most).
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// `pagination.next` of the page before; absent: the first page.
    #[serde(default)]
    cursor: String,
    /// At most so many: 50 where absent, 200 at most.
    limit: Option<i64>,
}

const MOST: i64 = 200;

impl Page {
    pub fn new(cursor: String, limit: Option<i64>) -> Self {
        Self { cursor, limit }
    }

    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// One more than asked, by which [`Page::answer`] knows whether there is a next page.
    pub fn fetch(&self) -> i64 {
        self.limit() + 1
    }

    fn limit(&self) -> i64 {
        self.limit.unwrap_or(50).clamp(1, MOST)
    }

    /// Cut what was fetched down to the page; gives the cursor of the next one, if any.
    pub fn cut<T>(&self, fetched: &mut Vec<T>, id: impl Fn(&T) -> String) -> Option<String> {
        let limit = usize::try_from(self.limit()).unwrap_or(1);
        if fetched.len() <= limit {
            return None;
        }
        fetched.truncate(limit);
        fetched.last().map(id)
    }
}

/// Where a list goes on.
#[derive(Serialize, ToSchema)]
pub struct Pagination {
    /// The cursor of the next page; null on the last one.
    #[schema(required)]
    pub next: Option<String>,
}

/// An E.164 phone number; spaces, dashes and brackets are forgiven.
pub fn phone_number(written: &str, field: &str) -> Result<String, ApiError> {
    let phone: String = written.chars().filter(|c| !" -()./".contains(*c)).collect();
    let digits = phone.strip_prefix('+').unwrap_or_default();
    let valid = (6..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    if valid {
        return Ok(phone);
    }
    let message =
        format!("{field}: give a phone number with its country, such as \"+15550100123\"");
    Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_phone_number", message))
}

/// A short text for people: no NUL, at most `most` characters.
pub fn short_text(text: &str, field: &str, most: usize) -> Result<String, ApiError> {
    if text.contains('\0') || text.chars().count() > most {
        return Err(ApiError::invalid(format!("{field}: at most {most} characters, and no NUL")));
    }
    Ok(text.trim().to_owned())
}

/// Unix milliseconds as ISO 8601 in UTC; `None` for 0, which stands for "never".
pub fn moment(millis: i64) -> Option<String> {
    let moment = chrono::DateTime::from_timestamp_millis(millis).filter(|_| millis != 0)?;
    Some(moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

/// The same as JSON; null for "never".
pub fn iso(millis: i64) -> Value {
    moment(millis).map_or(Value::Null, Value::from)
}

/// A moment with its zone, as Unix milliseconds.
pub fn parse_moment(text: &str, field: &str) -> Result<i64, ApiError> {
    let moment = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| {
        ApiError::invalid(format!(
            "{field}: give a moment with its zone, such as 2026-01-31T09:00:00Z"
        ))
    })?;
    Ok(moment.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_the_next_one_only_where_there_is_one() {
        let page = Page { cursor: String::new(), limit: Some(2) };
        assert_eq!(page.fetch(), 3);
        let mut three = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(page.cut(&mut three, String::clone), Some("b".to_owned()));
        assert_eq!(three, ["a", "b"]);
        assert_eq!(page.cut(&mut three, String::clone), None);
    }

    #[test]
    fn phone_numbers_are_normalised_or_refused() {
        assert_eq!(phone_number("+1 (555) 010-0123", "to").expect("valid"), "+15550100123");
        for wrong in ["", "15550100123", "+0123456789", "+1555abc", "+12345", "+1234567890123456"] {
            assert!(phone_number(wrong, "to").is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_escaped_nul_is_found_and_an_escaped_backslash_before_u0000_is_none() {
        for with in [r#"{"a":"x\u0000"}"#, r#"{"a":"\\\u0000"}"#] {
            assert!(holds_nul(with.as_bytes()), "{with}");
        }
        for without in [r#"{"a":"\\u0000"}"#, r#"{"a":"\u0001"}"#, "{}"] {
            assert!(!holds_nul(without.as_bytes()), "{without}");
        }
    }

    #[test]
    fn times_are_iso_in_utc() {
        assert_eq!(iso(1_686_838_950_000), "2023-06-15T14:22:30.000Z");
        assert_eq!(iso(0), Value::Null);
    }
}
