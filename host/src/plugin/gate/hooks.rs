//! `wasi:http` by way of the gate: for languages whose own HTTP library speaks it.

use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use url::Url;
use wasmtime_wasi_http::{Error as WasiError, RequestOptions, WasiBody, WasiHttpHooks};

use super::{Denial, Gate};
use crate::egress::Request;

/// The hooks of one call.
pub(in crate::plugin) struct Hooks(pub Arc<Gate>);

type Sent = Result<
    (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), WasiError>> + Send>),
    WasiError,
>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), WasiError>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let gate = Arc::clone(&self.0);
        Box::new(async move {
            let (parts, body) = request.into_parts();
            let body = Limited::new(body, gate.settings.http_body).collect().await;
            let body = body.map_err(|_| WasiError::HttpRequestBodySize(None))?.to_bytes();
            let url =
                Url::parse(&parts.uri.to_string()).map_err(|_| WasiError::HttpRequestUriInvalid)?;
            let request = Request { method: parts.method, url, headers: parts.headers, body };
            let timeout = options.and_then(|options| options.first_byte_timeout);
            let answer = gate.send(request, timeout).await.map_err(wasi_error)?;
            let body = Full::new(answer.body).map_err(|never| match never {}).boxed_unsync();
            let mut response = http::Response::new(body);
            *response.status_mut() = http::StatusCode::from_u16(answer.status)
                .map_err(|_| WasiError::HttpProtocolError)?;
            *response.headers_mut() = answer.headers;
            let processed: Box<dyn Future<Output = Result<(), WasiError>> + Send> =
                Box::new(async { Ok(()) });
            Ok((response, processed))
        })
    }
}

fn wasi_error(denial: Denial) -> WasiError {
    tracing::debug!(code = denial.code, message = denial.message, "a plugin's request was refused");
    match denial.code {
        "denied" => WasiError::HttpRequestDenied,
        "timeout" => WasiError::ConnectionTimeout,
        "unavailable" => WasiError::DestinationUnavailable,
        _ => WasiError::InternalError(Some(denial.message)),
    }
}
