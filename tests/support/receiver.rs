//! A customer's own endpoint: keeps what it gets, and answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
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
    answers: Mutex<VecDeque<u16>>,
}

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
        self.heard.answers.lock().expect("not poisoned").extend(statuses);
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
) -> (StatusCode, &'static str) {
    heard.requests.lock().expect("not poisoned").push(Request { headers, body });
    let status = heard.answers.lock().expect("not poisoned").pop_front().unwrap_or(200);
    (StatusCode::from_u16(status).expect("a status"), "heard")
}
