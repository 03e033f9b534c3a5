//! Outgoing HTTP of plugins, webhooks and media: one pooled client that reaches public addresses only.
//!
//! Names are resolved by our own resolver, which hands the client nothing but checked addresses, so
//! what was checked is what is connected to. Redirects are not followed here: each hop is a new
//! request that its caller must allow.

mod address;
mod hosts;
pub mod otlp;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

pub use address::Addresses;
pub use hosts::HostPattern;

/// The client.
pub struct Egress {
    client: reqwest::Client,
    addresses: Arc<Addresses>,
    stand_in: OnceLock<Arc<dyn StandIn>>,
}

/// Answers in place of the whole world: for tests of plugins, which reach no network.
pub trait StandIn: Send + Sync {
    /// # Errors
    /// As [`Egress::send`].
    fn answer(&self, request: &Request) -> Result<Response, EgressError>;
}

/// One request, whole.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// Its answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why a request brought no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EgressError {
    #[error("{0} is a private address, or resolves to private addresses only")]
    Private(String),
    #[error("no answer within {0} ms")]
    Timeout(u128),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The name does not resolve, the connection fails, TLS fails, the answer is not HTTP.
    #[error("{0}")]
    Failed(String),
}

/// A name that leads to private addresses only.
#[derive(Debug, thiserror::Error)]
#[error("{0} resolves to private addresses only")]
struct Refused(String);

impl Egress {
    /// A client for public addresses and those within `allow`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(allow: Vec<IpNet>) -> Result<Self, reqwest::Error> {
        let addresses = Arc::new(Addresses::new(allow));
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(CheckedResolver(Arc::clone(&addresses))))
            // A proxy from the environment would resolve names in our place.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(16)
            .build()?;
        Ok(Self { client, addresses, stand_in: OnceLock::new() })
    }

    /// Let somebody answer every request from now on; nothing leaves any more. Once at most.
    pub fn replace(&self, stand_in: Arc<dyn StandIn>) {
        let _ = self.stand_in.set(stand_in);
    }

    /// Send one request and read its whole answer, at most `max_body` bytes, within `timeout`.
    ///
    /// # Errors
    /// See [`EgressError`]. A redirect is no error: it comes back as the answer it is.
    pub async fn send(
        &self,
        request: Request,
        timeout: Duration,
        max_body: usize,
    ) -> Result<Response, EgressError> {
        if let Some(stand_in) = self.stand_in.get() {
            return stand_in.answer(&request);
        }
        self.check_literal(&request.url)?;
        let exchange = self.exchange(request, max_body);
        tokio::time::timeout(timeout, exchange)
            .await
            .unwrap_or(Err(EgressError::Timeout(timeout.as_millis())))
    }

    /// Get an address and read its answer piece by piece: what is fetched may be larger than memory.
    /// Its caller bounds the time.
    ///
    /// # Errors
    /// See [`EgressError`]. A redirect is no error.
    pub async fn open(&self, url: Url) -> Result<Opened, EgressError> {
        if let Some(stand_in) = self.stand_in.get() {
            return stand_in.answer(&Request::get(url)).map(Opened::from);
        }
        self.check_literal(&url)?;
        let answer = self.client.get(url).send().await.map_err(plain)?;
        Ok(Opened(answer))
    }

    /// Whether an address is refused by what it says alone, before any name is resolved.
    ///
    /// # Errors
    /// [`EgressError::Private`], or an address without a host.
    pub fn check(&self, url: &Url) -> Result<(), EgressError> {
        self.check_literal(url)
    }

    async fn exchange(&self, request: Request, max_body: usize) -> Result<Response, EgressError> {
        let Request { method, url, headers, body } = request;
        let mut answer = self
            .client
            .request(method, url)
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(plain)?;
        let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > max_body) {
            return Err(EgressError::TooLarge(max_body));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(plain)? {
            if body.len() + chunk.len() > max_body {
                return Err(EgressError::TooLarge(max_body));
            }
            body.extend_from_slice(&chunk);
        }
        let status = answer.status().as_u16();
        Ok(Response { status, headers: std::mem::take(answer.headers_mut()), body: body.into() })
    }

    /// An address written as numbers never meets the resolver.
    fn check_literal(&self, url: &Url) -> Result<(), EgressError> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(v4)) => v4.into(),
            Some(Host::Ipv6(v6)) => v6.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(EgressError::Failed("the address has no host".to_owned())),
        };
        if self.addresses.may_reach(address) {
            Ok(())
        } else {
            Err(EgressError::Private(address.to_string()))
        }
    }
}

/// An answer whose body is still to be read.
pub struct Opened(reqwest::Response);

impl Opened {
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// A header's text; empty where it has none.
    pub fn header(&self, name: &str) -> &str {
        self.0.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// How long the body says it is.
    pub fn length(&self) -> Option<u64> {
        self.0.content_length()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        self.0.chunk().await.map_err(plain)
    }
}

impl From<Response> for Opened {
    fn from(response: Response) -> Self {
        let mut answer = http::Response::new(response.body);
        *answer.status_mut() = http::StatusCode::from_u16(response.status).unwrap_or_default();
        *answer.headers_mut() = response.headers;
        Self(answer.into())
    }
}

/// The innermost cause says it best.
fn plain(error: reqwest::Error) -> EgressError {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
        if let Some(Refused(name)) = cause.downcast_ref() {
            return EgressError::Private(name.clone());
        }
    }
    EgressError::Failed(cause.to_string())
}

struct CheckedResolver(Arc<Addresses>);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let checked: Vec<SocketAddr> =
                found.filter(|socket| addresses.may_reach(socket.ip())).collect();
            if checked.is_empty() {
                return Err(Refused(name.as_str().to_owned()).into());
            }
            let checked: Addrs = Box::new(checked.into_iter());
            Ok(checked)
        })
    }
}

#[cfg(test)]
mod tests;
