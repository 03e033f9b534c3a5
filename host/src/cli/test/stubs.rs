//! The world outside, as a transcript answers for it: no request of a plugin leaves the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::grammar;
use super::transcript::Stub;
use crate::egress::{EgressError, Request, Response, StandIn};
use crate::model::Content;

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
        let (mime_type, bytes) = file(request.url.path());
        Ok(response(200, Bytes::from_static(bytes), &mime_type))
    }
}

/// The type and the bytes of the file of a name.
fn file(name: &str) -> (String, &'static [u8]) {
    let mime_type = mime_guess::MimeGuess::from_path(name).first_or_octet_stream();
    let bytes: &[u8] = match mime_type.essence_str() {
        "image/png" => b"\x89PNG\r\n\x1a\n",
        "image/jpeg" => b"\xff\xd8\xff\xe0\0\x10JFIF",
        "image/webp" => b"RIFF\x10\0\0\0WEBPVP8 ",
        "video/mp4" | "audio/mp4" | "video/3gpp" => b"\0\0\0\x18ftypmp42",
        "audio/ogg" => b"OggS\0\x02",
        "audio/mpeg" => b"ID3\x04\0",
        "application/pdf" => b"%PDF-1.7\n",
        _ => b"a file\n",
    };
    (mime_type.essence_str().to_owned(), bytes)
}

/// A customer's message as a real network brings it: with the file itself in the place of its address.
/// An address that does not tell what is there has a file of the message's kind.
pub fn with_file(mut content: Content) -> Content {
    let kind = content.kind();
    let Some(media) = content.media_mut() else { return content };
    let Some(url) = media.url.as_ref().filter(|url| !url.starts_with("data:")) else {
        return content;
    };
    let fits = |mime_type: &str| match kind {
        "document" => true,
        "sticker" => mime_type == "image/webp",
        kind => mime_type.split('/').next() == Some(kind),
    };
    let name = url.rsplit('/').next().unwrap_or_default().to_owned();
    let (mime_type, bytes) = Some(file(&name))
        .filter(|(mime_type, _)| fits(mime_type))
        .unwrap_or_else(|| file(grammar::sample(kind)));
    media.filename.get_or_insert(name);
    media.url = Some(format!("data:{mime_type};base64,{}", BASE64.encode(bytes)));
    content
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Media;

    #[test]
    fn a_customers_file_comes_with_the_message() {
        let sent = |url: &str| {
            let content = with_file(Content::Image { image: Media::from_source(url) });
            content.media().cloned().expect("a file")
        };
        let named = sent("https://example.com/a/cat.jpeg");
        assert_eq!(named.filename.as_deref(), Some("cat.jpeg"));
        assert!(named.url.is_some_and(|url| url.starts_with("data:image/jpeg;base64,/9j/")));
        let vague = sent("https://example.com/a");
        assert!(vague.url.is_some_and(|url| url.starts_with("data:image/png;base64,")));
        assert_eq!(sent("med_1").id.as_deref(), Some("med_1"), "a stored one stays");
    }
}
