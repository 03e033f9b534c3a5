//! The world outside, as a transcript answers for it: no request of a plugin leaves the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::transcript::Stub;
use crate::egress::{EgressError, Request, Response, StandIn};

/// What answers, and what was asked.
#[derive(Default)]
pub struct Stubs {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The last that fits answers.
    stubs: Vec<Stub>,
    called: Vec<Called>,
}

/// A request that a plugin made.
#[derive(Clone, Debug)]
pub struct Called {
    pub method: String,
    pub url: String,
    pub body: String,
    /// Whether the transcript had an answer.
    pub answered: bool,
}

impl Stubs {
    pub fn add(&self, stub: Stub) {
        self.lock().stubs.push(stub);
    }

    /// What was asked since the last time.
    pub fn take_called(&self) -> Vec<Called> {
        std::mem::take(&mut self.lock().called)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, request: &Request) -> Option<Option<(u16, String)>> {
        let (method, url) = (request.method.as_str(), request.url.as_str());
        let inner = self.lock();
        let mut newest = inner.stubs.iter().rev();
        newest
            .find(|stub| stub.method == method && stub.url.is_match(url))
            .map(|stub| stub.answer.clone())
    }
}

impl StandIn for Stubs {
    fn answer(&self, request: &Request) -> Result<Response, EgressError> {
        let found = self.find(request);
        self.lock().called.push(Called {
            method: request.method.to_string(),
            url: request.url.to_string(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            answered: found.is_some(),
        });
        match found {
            Some(Some((status, body))) => Ok(response(status, body.into(), "")),
            Some(None) => Err(EgressError::Failed("the connection was refused".to_owned())),
            None => {
                Err(EgressError::Failed("no `http` line of the transcript answers it".to_owned()))
            }
        }
    }
}

/// Files that messages name: every address has one, of the kind that its name says.
pub struct Files;

impl StandIn for Files {
    fn answer(&self, request: &Request) -> Result<Response, EgressError> {
        let name = request.url.path();
        let mime_type = mime_guess::MimeGuess::from_path(name).first_or_octet_stream();
        let first: &[u8] = match mime_type.essence_str() {
            "image/png" => b"\x89PNG\r\n\x1a\n",
            "image/jpeg" => b"\xff\xd8\xff\xe0\0\x10JFIF",
            "image/webp" => b"RIFF\x10\0\0\0WEBPVP8 ",
            "video/mp4" | "audio/mp4" | "video/3gpp" => b"\0\0\0\x18ftypmp42",
            "audio/ogg" => b"OggS\0\x02",
            "audio/mpeg" => b"ID3\x04\0",
            "application/pdf" => b"%PDF-1.7\n",
            _ => b"a file\n",
        };
        Ok(response(200, Bytes::from_static(first), mime_type.essence_str()))
    }
}

fn response(status: u16, body: Bytes, mime_type: &str) -> Response {
    let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
    let guessed = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
    let mime_type = if mime_type.is_empty() { guessed } else { mime_type };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(mime_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    Response { status, headers, body }
}
