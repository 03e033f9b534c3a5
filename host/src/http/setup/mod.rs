//! `/setup`: the page behind a link that is good once. The first owner introduces themselves, or
//! somebody who was invited chooses a password.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::extract::short_text;
use crate::flow::House;
use crate::flow::identity::people::{self, FirstOwner, Newcomer};
use crate::flow::identity::{IdentityError, hash, password};
use crate::model::Role;
use crate::store::user;

const PAGE: &str = include_str!("page.html");
const OWNER: &str = include_str!("owner.html");
const PASSWORD: &str = include_str!("password.html");

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

const STALE: &str = "This link is not good any more. It holds once, and for a day. A new one is \
    printed at the next start while there is no owner; who was invited asks for another.";
const DONE: &str = "Done. You can log in with your e-mail address and this password.";

/// Whom a link is for.
enum For {
    FirstOwner,
    Invited,
}

/// `GET /setup?token=…`: the form. Looking at it does not use the link up.
pub async fn show(State(house): State<Arc<House>>, uri: Uri) -> Result<Response, ApiError> {
    let token = fields(uri.query().unwrap_or_default().as_bytes()).remove("token");
    let token = token.unwrap_or_default();
    Ok(match meant_for(&house, &token).await? {
        Some(meant) => form(StatusCode::OK, &meant, &token, "", &HashMap::new()),
        None => page(StatusCode::NOT_FOUND, &words(STALE)),
    })
}

/// `POST /setup`: what was filled in. What does not fit leaves the link as it is.
pub async fn submit(State(house): State<Arc<House>>, body: Bytes) -> Result<Response, ApiError> {
    let fields = fields(&body);
    let token = fields.get("token").cloned().unwrap_or_default();
    let Some(meant) = meant_for(&house, &token).await? else {
        return Ok(page(StatusCode::NOT_FOUND, &words(STALE)));
    };
    Ok(match done(&house, &meant, &token, &fields).await {
        Ok(true) => page(StatusCode::OK, &words(DONE)),
        Ok(false) => page(StatusCode::NOT_FOUND, &words(STALE)),
        Err(IdentityError::Refused { message, .. }) => {
            form(StatusCode::BAD_REQUEST, &meant, &token, &message, &fields)
        }
        Err(failure) => return Err(failure.into()),
    })
}

async fn meant_for(house: &House, token: &str) -> Result<Option<For>, ApiError> {
    let mut conn = house.store.read().await?;
    let found = user::link(&mut conn, &hash(token), house.clock.now()).await?;
    let meant = |id: String| if id.is_empty() { For::FirstOwner } else { For::Invited };
    Ok(found.map(meant))
}

/// False where somebody else has used the link up meanwhile.
async fn done(
    house: &House,
    meant: &For,
    token: &str,
    fields: &HashMap<String, String>,
) -> Result<bool, IdentityError> {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    if field("password") != field("again") {
        return Err(IdentityError::invalid("the two passwords differ"));
    }
    let first = match meant {
        For::FirstOwner => Some(introduced(&field)?),
        For::Invited => None,
    };
    let kept = password::hash(field("password")).await?;
    let mut tx = house.store.begin().await?;
    let Some(user_id) = user::take_link(&mut tx, &hash(token), house.clock.now()).await? else {
        return Ok(false);
    };
    match first {
        Some(mut first) => {
            first.person.password = kept;
            people::first_owner(house, &mut tx, first).await?;
        }
        None => people::set_password(&mut tx, &user_id, &kept, "").await?,
    }
    house.commit(tx).await?;
    Ok(true)
}

fn introduced<'f>(field: &impl Fn(&str) -> &'f str) -> Result<FirstOwner, IdentityError> {
    let short = |name: &str| {
        short_text(field(name), name, 100)
            .map_err(|_| IdentityError::invalid(format!("{name}: at most 100 characters")))
    };
    let person = Newcomer {
        email: people::address(field("email"))?,
        name: short("name")?,
        role: Role::Owner,
        password: String::new(),
    };
    Ok(FirstOwner { team: short("team")?, person })
}

fn fields(form: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(form).into_owned().collect()
}

fn form(
    status: StatusCode,
    meant: &For,
    token: &str,
    problem: &str,
    filled: &HashMap<String, String>,
) -> Response {
    let mut inner = match meant {
        For::FirstOwner => OWNER,
        For::Invited => PASSWORD,
    }
    .to_owned();
    for name in ["team", "name", "email"] {
        let value = filled.get(name).map_or("", String::as_str);
        inner = inner.replace(&format!("{{{{{name}}}}}"), &escaped(value));
    }
    let problem = if problem.is_empty() { String::new() } else { words(problem) };
    page(status, &inner.replace("{{token}}", &escaped(token)).replace("{{problem}}", &problem))
}

fn words(text: &str) -> String {
    format!("<p role=\"status\">{}</p>", escaped(text))
}

fn page(status: StatusCode, inner: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        // The address holds the token.
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, PAGE.replace("{{inner}}", inner)).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        // No placeholder comes from outside.
        .replace('{', "&#123;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_in_is_shown_and_never_run() {
        assert_eq!(escaped("<b \"{{token}}'&"), "&lt;b &quot;&#123;&#123;token}}&#39;&amp;");
        for form in [OWNER, PASSWORD] {
            assert!(form.contains("{{token}}") && form.contains("{{problem}}"));
        }
    }
}
