//! `http`: one request with whole bodies, done at once.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::super::bindings::switchboard::plugin::http as wit;
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::fault::Stop;
use super::super::run::{Halt, Run, answer};
use crate::egress;

impl wit::Host for Run {
    async fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<wit::Response, Error>> {
        answer(self.send_request(request).await)
    }
}

impl Run {
    async fn send_request(&mut self, request: wit::Request) -> Result<wit::Response, Halt> {
        self.enter(request.url.len() + request.body.len())?;
        // Beyond its requests a guest gets errors; one that does not heed them is stopped.
        if self.gate.calls() >= self.settings.http_calls.saturating_mul(2) {
            return Err(
                Stop::limit("it went on after its HTTP requests were used up: make fewer").into()
            );
        }
        let timeout = request.timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        let answer = self.gate.send(parse(request)?, timeout).await;
        let answer = answer.map_err(|denial| Halt::refused(denial.code, denial.message))?;
        let headers = answer.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Ok(wit::Response {
            status: answer.status,
            headers: headers.collect(),
            body: answer.body.into(),
        })
    }
}

fn parse(request: wit::Request) -> Result<egress::Request, Halt> {
    let method = Method::from_bytes(request.method.to_uppercase().as_bytes())
        .map_err(|_| Halt::invalid(format!("{:?} is no HTTP method", request.method)))?;
    let url = Url::parse(&request.url).map_err(|e| Halt::invalid(format!("the address: {e}")))?;
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in request.headers {
        let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value));
        let (Ok(parsed_name), Ok(value)) = parsed else {
            return Err(Halt::invalid(format!(
                "the header {name:?} has characters that no header may hold"
            )));
        };
        if wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS.contains(&parsed_name) {
            return Err(Halt::invalid(format!("the header {name:?} is set by the host")));
        }
        headers.append(parsed_name, value);
    }
    Ok(egress::Request { method, url, headers, body: request.body.into() })
}
