//! A customer's own endpoint: keeps what it gets, and answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::net::TcpListener;

/// A loopback HTTP server that lives as long as its value.
pub struct Receiver {
    pub url: String,
    /// `127.0.0.1:PORT`
    pub host: String,
    heard: Arc<Heard>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    requests: Mutex<Vec<Request>>,
    answers: Mutex<VecDeque<Answer>>,
}

/// A status, and headers beside it.
type Answer = (u16, Vec<(&'static str, String)>);

/// One request that came.
#[derive(Clone, Debug)]
pub struct Request {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let heard = Arc::new(Heard::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let host = listener.local_addr().expect("an address").to_string();
        let router = Router::new().fallback(hear).with_state(heard.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the receiver serves");
        });
        Self { url: format!("http://{host}/"), host, heard, server }
    }

    /// Answer the next requests with these statuses, one each; then 200 again.
    pub fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        let plain = statuses.into_iter().map(|status| (status, Vec::new()));
        self.heard.answers.lock().expect("not poisoned").extend(plain);
    }

    /// Answer the next request with this status and header.
    pub fn answer_with(&self, status: u16, name: &'static str, value: &str) {
        let answer = (status, vec![(name, value.to_owned())]);
        self.heard.answers.lock().expect("not poisoned").push_back(answer);
    }

    /// All that came so far, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.heard.requests.lock().expect("not poisoned").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn hear(
    State(heard): State<Arc<Heard>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, &'static str) {
    heard.requests.lock().expect("not poisoned").push(Request { headers, body });
    let answer = heard.answers.lock().expect("not poisoned").pop_front();
    let (status, headers) = answer.unwrap_or((200, Vec::new()));
    let headers = headers.into_iter().map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::try_from(value).expect("a header's value"))
    });
    (StatusCode::from_u16(status).expect("a status"), headers.collect(), "heard")
}
