//! `wasi:http/incoming-handler`: a webhook handed to a plugin that speaks the standard instead of
//! `on-webhook`. The body is there whole, and so must the answer's be.

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full, Limited};
use tokio::sync::oneshot;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, format_err};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::exports::wasi::http::incoming_handler::Guest;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::Reply;
use super::invoke::Answered;
use super::run::Run;

/// The interface, without its version.
pub(super) const INTERFACE: &str = "wasi:http/incoming-handler";

type Answer = Result<http::Response<HyperOutgoingBody>, ErrorCode>;

/// Call the handler and wait for its whole answer.
///
/// # Errors
/// A trap.
pub(super) async fn call(
    guest: &Guest,
    store: &mut Store<Run>,
    request: http::Request<Bytes>,
) -> wasmtime::Result<Answered> {
    let request = request.map(Full::new);
    let most = store.data().settings.http_body;
    let (sender, receiver) = oneshot::channel();
    let mut view = store.data_mut().http();
    let request = view.new_incoming_request(Scheme::Http, request.map(infallible))?;
    let outparam = view.new_response_outparam(sender)?;
    let answer = read(receiver, most);
    tokio::pin!(answer);
    // The guest writes its body while the host reads it: a large one would wait for ever otherwise.
    let mut early = None;
    {
        let call = guest.call_handle(&mut *store, request, outparam);
        tokio::pin!(call);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer, if early.is_none() => early = Some(answer),
                ended = &mut call => break ended?,
            }
        }
    }
    // What the guest has finished is all there by now.
    let answer_now = || tokio::task::unconstrained(answer.as_mut()).now_or_never();
    if let Some(answer) = early.or_else(answer_now) {
        return Ok(answer.map(Some));
    }
    // What it left open ends here: it would be waited for in vain.
    store.data_mut().table = ResourceTable::new();
    let left = answer.await.and(Err("it did not finish the body of its answer".to_owned()));
    Ok(left)
}

fn infallible(body: Full<Bytes>) -> wasmtime_wasi_http::WasiBody {
    body.map_err(|never| match never {}).boxed_unsync()
}

/// The answer as it comes, up to the size that answers may have.
async fn read(receiver: oneshot::Receiver<Answer>, most: usize) -> Result<Reply, String> {
    let answer = receiver.await.map_err(|_| "it ended without an answer".to_owned())?;
    let (parts, body) =
        answer.map_err(|code| format!("it answered with the error {code:?}"))?.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(|error| {
        match error.is::<http_body_util::LengthLimitError>() {
            true => format!("it answered a webhook with more than {most} bytes"),
            false => format!("the body of its answer broke off: {error}"),
        }
    })?;
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    Ok(Reply {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: body.to_bytes().into(),
    })
}

/// The stored call as a request. What HTTP cannot carry is left out; the host's name is the caller's.
///
/// # Errors
/// When its method or path is none.
pub(super) fn request(
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> wasmtime::Result<http::Request<Bytes>> {
    let mut fields = http::HeaderMap::new();
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value)) {
            fields.append(name, value);
        }
    }
    let host = fields.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| host.parse::<http::uri::Authority>().is_ok());
    let uri = format!("http://{}{path}", host.unwrap_or("localhost"));
    let mut request = http::Request::builder()
        .method(method)
        .uri(uri)
        .body(Bytes::copy_from_slice(body))
        .map_err(|error| format_err!("the call cannot be handed over: {error}"))?;
    *request.headers_mut() = fields;
    Ok(request)
}
