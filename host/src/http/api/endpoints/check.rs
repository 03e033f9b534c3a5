//! What a customer may set of an endpoint.

use std::collections::{BTreeMap, HashSet};

use axum::http::{HeaderName, HeaderValue};
use url::Url;

use crate::flow::notify;
use crate::http::error::ApiError;
use crate::store::{Conn, account};

/// Headers that the request itself needs, or that a proxy would act on.
const RESERVED: [&str; 14] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "forwarded",
];

pub(super) fn web_address(text: &str) -> Result<String, ApiError> {
    let refuse = || ApiError::invalid("url: give a web address such as https://example.com/events");
    let url = Url::parse(text.trim()).map_err(|_| refuse())?;
    let fits = matches!(url.scheme(), "http" | "https") && url.has_host() && text.len() <= 2_000;
    if fits { Ok(url.into()) } else { Err(refuse()) }
}

pub(super) fn event_names(names: Vec<String>) -> Result<Vec<String>, ApiError> {
    let fits = |name: &String| {
        let plain = name.strip_suffix(".*").unwrap_or(name);
        (1..=100).contains(&name.len())
            && !plain.is_empty()
            && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if names.len() > 100 || !names.iter().all(fits) {
        return Err(ApiError::invalid(
            "events: at most 100 names such as \"message.received\" or \"message.*\"",
        ));
    }
    Ok(names)
}

pub(super) async fn own_accounts(
    conn: &mut Conn,
    team_id: &str,
    ids: Vec<String>,
) -> Result<Vec<String>, ApiError> {
    for id in &ids {
        account::get(conn, team_id, id).await?.ok_or_else(|| ApiError::not_found("account", id))?;
    }
    Ok(ids)
}

/// The customer's own secret, or a new one.
pub(super) fn secret(given: Option<String>) -> Result<String, ApiError> {
    match given {
        None => Ok(notify::new_secret()),
        Some(secret) if notify::check_secret(&secret) => Ok(secret),
        Some(_) => {
            Err(ApiError::invalid("secret: give \"whsec_\" and base64 of 24 to 64 random bytes"))
        }
    }
}

/// Headers to send along: few, short, and none that the request needs itself.
pub(super) fn headers(
    given: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ApiError> {
    if given.len() > 20 {
        return Err(ApiError::invalid("headers: at most 20"));
    }
    let mut names = HashSet::new();
    for (name, value) in &given {
        let Ok(parsed) = HeaderName::try_from(name.as_str()) else {
            return Err(ApiError::invalid(format!("headers: {name:?} is no name of a header")));
        };
        let known = parsed.as_str();
        if RESERVED.contains(&known) || known.starts_with("webhook-") || known.starts_with("proxy-")
        {
            return Err(ApiError::invalid(format!("headers: {name:?} is set by the host")));
        }
        if name.len() > 100 || value.len() > 1_000 || HeaderValue::try_from(value).is_err() {
            let message =
                format!("headers: {name:?} is too long, or its value no text of a header");
            return Err(ApiError::invalid(message));
        }
        if !names.insert(parsed) {
            return Err(ApiError::invalid(format!("headers: {name:?} is there twice")));
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_few_and_none_of_the_hosts_own() {
        let check = |name: &str, value: &str| {
            headers(BTreeMap::from([(name.to_owned(), value.to_owned())])).is_ok()
        };
        assert!(check("X-Shop", "42") && check("Authorization", "Bearer secret"));
        for name in ["Content-Type", "webhook-id", "Host", "Proxy-Authorization", "bad name", ""] {
            assert!(!check(name, "x"), "{name}");
        }
        assert!(!check("X-Shop", "a\r\nX-Other: b") && !check("X-Shop", &"x".repeat(1001)));
        let twice = BTreeMap::from([("X-A".into(), "1".into()), ("x-a".into(), "2".into())]);
        assert!(headers(twice).is_err());
        let many = (0..21).map(|n| (format!("X-{n}"), String::new())).collect();
        assert!(headers(many).is_err());
    }

    #[test]
    fn event_names_are_words_with_dots() {
        for good in ["message.received", "message.*", "shop_order-1"] {
            assert!(event_names(vec![good.into()]).is_ok(), "{good}");
        }
        for bad in ["", "*", ".*", "a b", "message.*.*", "m*"] {
            assert!(event_names(vec![bad.into()]).is_err(), "{bad}");
        }
    }
}
