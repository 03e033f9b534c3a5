//! A call's way out: every HTTP request of a guest, by whichever interface, passes here.
//!
//! Each hop must be within the grants; secrets take the place of their placeholders only on the way
//! to hosts that they are bound to; and a request is told apart from its repetition by a key.

mod hooks;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue, LOCATION,
};
use http::{HeaderMap, Method};
use sha2::{Digest, Sha256};
use url::Url;

use crate::config;
use crate::egress::{Egress, EgressError, HostPattern, Request, Response};
use crate::model::Event;
use crate::model::trace::{self, Span};
use crate::plugin::{Exchange, Install};

pub(super) use hooks::Hooks;

const MAX_REDIRECTS: usize = 5;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The policy of one call.
pub(super) struct Gate {
    egress: Arc<Egress>,
    settings: Arc<config::Plugins>,
    install: Arc<Install>,
    event: Arc<Event>,
    /// The span of the call.
    span: Span,
    begun: Instant,
    calls: AtomicU32,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    secrets: Vec<Opened>,
    /// Hashes of the requests so far, to count occurrences.
    seen: Vec<String>,
    /// What came of them.
    exchanges: Vec<Exchange>,
}

/// A secret that the guest holds a placeholder of.
struct Opened {
    name: String,
    placeholder: String,
    value: String,
    hosts: Vec<HostPattern>,
}

/// Why a request got no answer: a stable code and what to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Denial {
    pub code: &'static str,
    pub message: String,
}

impl Denial {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<EgressError> for Denial {
    fn from(error: EgressError) -> Self {
        let code = match error {
            EgressError::Private(_) => "denied",
            EgressError::Timeout(_) => "timeout",
            EgressError::TooLarge(_) => "limit",
            EgressError::Failed(_) => "unavailable",
        };
        Self { code, message: error.to_string() }
    }
}

impl Gate {
    pub(super) fn new(
        egress: Arc<Egress>,
        settings: Arc<config::Plugins>,
        install: Arc<Install>,
        event: Arc<Event>,
        span: Span,
    ) -> Self {
        Self {
            egress,
            settings,
            install,
            event,
            span,
            begun: Instant::now(),
            calls: AtomicU32::new(0),
            inner: Mutex::default(),
        }
    }

    /// The requests that were made, in order of their ends.
    pub(super) fn requests(&self) -> Vec<Exchange> {
        self.lock().exchanges.clone()
    }

    /// Requests asked for, those that were refused included.
    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The placeholder of an opened secret: another one in every call, so that no guest can guess
    /// the placeholder of a secret that it did not ask for.
    pub(super) fn placeholder(&self, name: &str, value: String) -> String {
        let mut inner = self.lock();
        if let Some(opened) = inner.secrets.iter().find(|opened| opened.name == name) {
            return opened.placeholder.clone();
        }
        let placeholder = format!("secret-{:032x}", rand::random::<u128>());
        let hosts = self
            .install
            .manifest
            .secrets
            .get(name)
            .map(|secret| secret.hosts.clone())
            .unwrap_or_default();
        inner.secrets.push(Opened {
            name: name.to_owned(),
            placeholder: placeholder.clone(),
            value,
            hosts,
        });
        placeholder
    }

    /// Send a request, follow its redirects, and read the whole answer.
    ///
    /// # Errors
    /// A [`Denial`] where the call's limits, its grants, or the network refuse.
    pub(super) async fn send(
        &self,
        mut request: Request,
        timeout: Option<Duration>,
    ) -> Result<Response, Denial> {
        let most = self.settings.http_calls;
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if number >= most {
            return Err(Denial::new("limit", format!("one call may make {most} HTTP requests")));
        }
        if request.body.len() > self.settings.http_body {
            return Err(Denial::new(
                "limit",
                format!("a body may have {} bytes", self.settings.http_body),
            ));
        }
        request.headers.remove(HOST);
        request.headers.remove(CONTENT_LENGTH);
        self.add_key(&mut request);
        let exchange = self.begin(&mut request, number);
        let longest = Duration::from_millis(u64::try_from(self.settings.http_timeout).unwrap_or(0));
        let timeout = timeout.map_or(longest, |asked| asked.min(longest));
        let answer = tokio::time::timeout(timeout, self.follow(request, timeout))
            .await
            .unwrap_or_else(|_| Err(EgressError::Timeout(timeout.as_millis()).into()));
        self.end(exchange, &answer);
        answer
    }

    /// Note a request that goes out, and tell its receiver which span it is.
    fn begin(&self, request: &mut Request, number: u32) -> Exchange {
        let words = ["http", &format!("{:016x}", self.span.id), &number.to_string()];
        let span = trace::span_id(&words);
        if let Ok(header) = HeaderValue::from_str(&Span { id: span, ..self.span }.header()) {
            request.headers.entry(TRACEPARENT).or_insert(header);
        }
        Exchange {
            span,
            method: request.method.to_string(),
            host: request.url.host_str().unwrap_or_default().to_owned(),
            after_micros: self.micros(),
            micros: 0,
            status: 0,
            code: "",
        }
    }

    fn end(&self, mut exchange: Exchange, answer: &Result<Response, Denial>) {
        exchange.micros = self.micros().saturating_sub(exchange.after_micros);
        match answer {
            Ok(answer) => exchange.status = answer.status,
            Err(denial) => exchange.code = denial.code,
        }
        self.lock().exchanges.push(exchange);
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    async fn follow(&self, mut request: Request, timeout: Duration) -> Result<Response, Denial> {
        for _ in 0..=MAX_REDIRECTS {
            self.check(&request.url)?;
            let hop = self.with_secrets(&request)?;
            let answer = self.egress.send(hop, timeout, self.settings.http_body).await?;
            match redirected(&request, &answer) {
                Some(next) => request = next,
                None => return Ok(answer),
            }
        }
        Err(Denial::new(
            "unavailable",
            format!("it was redirected more than {MAX_REDIRECTS} times"),
        ))
    }

    /// Whether the manifest asks for this address and the installer granted it.
    fn check(&self, url: &Url) -> Result<(), Denial> {
        let allows = |hosts: &[HostPattern]| hosts.iter().any(|host| host.matches(url));
        let origin = url.origin().ascii_serialization();
        let host = origin.strip_prefix("https://").unwrap_or(&origin);
        if !allows(&self.install.manifest.permissions.hosts) {
            let message = format!(
                "add `hosts = [\"{host}\"]` under [permissions] in plugin.toml, and install it again"
            );
            return Err(Denial::new("denied", message));
        }
        if !allows(&self.install.grants.hosts) {
            let message = format!(
                "plugin.toml asks for {host}, but whoever installed the plugin did not grant it"
            );
            return Err(Denial::new("denied", message));
        }
        Ok(())
    }

    /// The request as it goes to its host: with the secrets bound to that host in their places.
    fn with_secrets(&self, request: &Request) -> Result<Request, Denial> {
        let inner = self.lock();
        let bound = inner
            .secrets
            .iter()
            .filter(|opened| opened.hosts.iter().any(|host| host.matches(&request.url)));
        let replacements: Vec<_> =
            bound.map(|opened| (opened.placeholder.as_str(), opened.value.as_str())).collect();
        if replacements.is_empty() {
            return Ok(request.clone());
        }
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let replaced = HeaderValue::from_bytes(&replace(value.as_bytes(), &replacements))
                .map_err(|_| {
                    Denial::new("invalid", "a secret has characters that no header may hold")
                })?;
            headers.append(name, replaced);
        }
        let body = replace(&request.body, &replacements).into();
        Ok(Request { headers, body, ..request.clone() })
    }

    /// Event, install, request and how often it occurred make the key: a retry of the event repeats
    /// it, and a receiver that knows such keys acts once.
    fn add_key(&self, request: &mut Request) {
        let mut inner = self.lock();
        let names: Vec<_> = inner
            .secrets
            .iter()
            .map(|opened| (opened.placeholder.as_str(), opened.name.as_str()))
            .collect();
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(self.event.id.as_bytes());
        part(self.install.id.as_bytes());
        part(request.method.as_str().as_bytes());
        part(request.url.as_str().as_bytes());
        for (name, value) in &request.headers {
            part(name.as_str().as_bytes());
            part(&replace(value.as_bytes(), &names));
        }
        part(&replace(&request.body, &names));
        let hash = hex::encode(hash.finalize());
        let occurrence = inner.seen.iter().filter(|seen| **seen == hash).count();
        if let Ok(key) = HeaderValue::from_str(&format!("{hash}-{occurrence}")) {
            request.headers.entry(IDEMPOTENCY_KEY).or_insert(key);
        }
        inner.seen.push(hash);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next request where the answer is a redirect, as browsers and clients make it.
fn redirected(request: &Request, answer: &Response) -> Option<Request> {
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers.get(LOCATION)?.to_str().ok()?;
    let url = request.url.join(location).ok()?;
    let mut next = Request { url, ..request.clone() };
    let keeps_method =
        matches!(answer.status, 307 | 308) || matches!(next.method, Method::GET | Method::HEAD);
    if !keeps_method {
        next.method = Method::GET;
        next.body = Bytes::new();
        next.headers.remove(CONTENT_TYPE);
    }
    if next.url.origin() != request.url.origin() {
        next.headers.remove(AUTHORIZATION);
        next.headers.remove(COOKIE);
    }
    Some(next)
}

/// Each `from` replaced by its `to`, in one pass: what was put in is not looked at again.
fn replace(text: &[u8], pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    'outer: while let Some(first) = rest.first() {
        for (from, to) in pairs {
            if let Some(after) = rest.strip_prefix(from.as_bytes()) {
                out.extend_from_slice(to.as_bytes());
                rest = after;
                continue 'outer;
            }
        }
        out.push(*first);
        rest = &rest[1..];
    }
    out
}

#[cfg(test)]
mod tests;
