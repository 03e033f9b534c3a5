//! Outgoing HTTP with whole, bounded bodies, done at once. Only to the hosts in `[permissions]`.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::base::switchboard::plugin::http as host;
use crate::event::invalid;
use crate::messaging::millis;

/// `http::get("https://api.example.com/orders").send()?`.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// `http::post("https://api.example.com/orders").json(&order)?.send()?`.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// Any other method: `http::request("DELETE", url).send()?`.
pub fn request(method: &str, url: impl Into<String>) -> Request {
    Request(host::Request {
        method: method.to_owned(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
    })
}

/// A request that is not sent yet.
#[derive(Clone, Debug)]
#[must_use = "call send"]
pub struct Request(host::Request);

impl Request {
    /// Add a header: `.header("accept", "application/json")`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Give it a body: `.body("a=1&b=2")`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// Give it a JSON body, with the header that says so: `.json(&order)?`.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(|error| invalid(&error))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Wait no longer than this: `.timeout(Duration::from_secs(2))`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout_ms = Some(u32::try_from(millis(timeout)).unwrap_or(u32::MAX));
        self
    }

    /// Send it and wait for the answer, whatever its status.
    pub fn send(self) -> Result<Response, Error> {
        let host::Response { status, headers, body } = host::send(&self.0)?;
        Ok(Response { status, headers, body })
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// Itself where the status is 2xx, otherwise an error (`code` is `http`): `.send()?.ok()?`.
    pub fn ok(self) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let message = format!("the server answered {}", self.status);
        Err(Error { code: "http".to_owned(), message, retry_after_ms: None })
    }

    /// A header's first value, whatever its case: `response.header("etag")`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body, read as UTF-8; what is not is replaced by `�`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON: `response.json::<Order>()?`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| invalid(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_ok() {
        let answer = |status| Response { status, headers: Vec::new(), body: b"{}".to_vec() };
        assert!(answer(204).ok().is_ok());
        let error = answer(404).ok().expect_err("not found");
        assert!(error.message.contains("404"), "{}", error.message);
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let response = Response {
            status: 200,
            headers: vec![("ETag".to_owned(), "1".to_owned())],
            body: Vec::new(),
        };
        assert_eq!(response.header("etag"), Some("1"));
        assert_eq!(response.header("x"), None);
    }
}
