//! The phone page and its files, all inside the binary.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Refusal;

/// Its own files only; pictures and sounds may come from wherever a message says.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: https: http:; media-src 'self' data: https: http:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'self'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// `GET /sandbox`
pub(super) async fn phone() -> Response {
    serve(HTML, include_str!("page/phone.html"))
}

/// `GET /sandbox/page/{file}`
pub(super) async fn file(Path(file): Path<String>) -> Result<Response, Refusal> {
    let (kind, text) = match file.as_str() {
        "phone.css" => (STYLE, include_str!("page/phone.css")),
        "phone.js" => (SCRIPT, include_str!("page/phone.js")),
        "bubbles.js" => (SCRIPT, include_str!("page/bubbles.js")),
        "attach.js" => (SCRIPT, include_str!("page/attach.js")),
        "sample.svg" => (SVG, include_str!("page/sample.svg")),
        _ => return Err(Refusal::not_found(format!("there is no file {file:?}"))),
    };
    Ok(serve(kind, text))
}

fn serve(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text).into_response()
}
