//! The way out, against servers on loopback that remember what reached them.

use std::sync::PoisonError;

use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wasmtime_wasi_http::{Error as WasiError, WasiHttpHooks};

use super::*;
use crate::config::Config;
use crate::plugin::manifest::Manifest;

/// A server that answers everything alike and remembers the requests.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let memory = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = vec![0; 16 << 10];
                let read = socket.read(&mut request).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..read]).into_owned();
                memory.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        Self { port, seen }
    }

    async fn ok() -> Self {
        Self::start(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_owned(),
        )
        .await
    }

    async fn redirect(to: &str) -> Self {
        Self::start(format!(
            "HTTP/1.1 307 Moved\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
        .await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A gate whose install may call `hosts`, with the secret `token` bound to `bound`.
fn gate(hosts: &[&str], bound: &str) -> Gate {
    let hosts = hosts.iter().map(|host| format!("{host:?}")).collect::<Vec<_>>().join(", ");
    let manifest = format!(
        "id = \"g\"\nversion = \"0.1.0\"\n[permissions]\nhosts = [{hosts}]\n[secrets.token]\nhosts = [\"{bound}\"]\n"
    );
    let manifest = Arc::new(Manifest::parse(&manifest).expect("a manifest"));
    let install = Install {
        id: "ins_1".to_owned(),
        team_id: "team_1".to_owned(),
        plugin: "g".to_owned(),
        hash: String::new(),
        generation: 1,
        grants: manifest.asks(),
        manifest,
        config: Value::Null,
        accounts: Vec::new(),
    };
    let event = serde_json::from_value(json!({
        "id": "evt_1", "team_id": "team_1", "cursor": 1, "type": "message.received", "account_id": "", "chat_id": "",
        "contact_id": "", "message_id": "", "at": 0, "depth": 0, "data": {}
    }));
    let mut settings = Config::default().plugins;
    settings.http_calls = 3;
    let egress = Egress::new(vec!["127.0.0.0/8".parse().expect("a range")]).expect("a client");
    Gate::new(
        Arc::new(egress),
        Arc::new(settings),
        Arc::new(install),
        Arc::new(event.expect("an event")),
        Span { trace: 7, id: 9, sampled: true },
    )
}

fn post(url: &str, header: &str, body: &str) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert("x-token", header.parse().expect("a header"));
    let url = Url::parse(url).expect("a url");
    Request { method: Method::POST, url, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

#[tokio::test]
async fn a_secret_reaches_the_host_it_is_bound_to_and_no_other() {
    let (bound, other) = (Server::ok().await, Server::ok().await);
    let gate = gate(&[&bound.url(), &other.url()], &bound.url());
    let placeholder = gate.placeholder("token", "s3cret".to_owned());
    assert!(!placeholder.contains("s3cret"));
    for server in [&bound, &other] {
        gate.send(post(&server.url(), &placeholder, &placeholder), None).await.expect("an answer");
    }
    let (at_bound, at_other) = (&bound.seen()[0], &other.seen()[0]);
    assert_eq!(at_bound.matches("s3cret").count(), 2, "in the header and in the body: {at_bound}");
    assert!(!at_other.contains("s3cret"), "{at_other}");
}

#[tokio::test]
async fn a_redirect_neither_leaves_the_grants_nor_takes_the_secret_along() {
    let target = Server::ok().await;
    let start = Server::redirect(&target.url()).await;
    let strict = gate(&[&start.url()], &start.url());
    let refused =
        strict.send(post(&start.url(), "a", "b"), None).await.expect_err("beyond the grants");
    assert_eq!(refused.code, "denied");
    assert_eq!(target.seen().len(), 0);

    let both = gate(&[&start.url(), &target.url()], &start.url());
    let placeholder = both.placeholder("token", "s3cret".to_owned());
    let answer =
        both.send(post(&start.url(), &placeholder, &placeholder), None).await.expect("an answer");
    assert_eq!(answer.body.as_ref(), b"ok");
    assert!(start.seen()[1].contains("s3cret"));
    assert!(!target.seen()[0].contains("s3cret"), "{:?}", target.seen());
}

#[tokio::test]
async fn a_redirect_to_itself_ends() {
    let server = Server::redirect("/").await;
    let gate = gate(&[&server.url()], "api.example.com");
    let refused = gate.send(post(&server.url(), "a", "b"), None).await.expect_err("no end");
    assert!(refused.message.contains("redirected"), "{refused:?}");
    assert_eq!(server.seen().len(), MAX_REDIRECTS + 1);
}

#[tokio::test]
async fn a_retry_of_the_event_repeats_the_key_and_a_second_request_does_not() {
    let server = Server::ok().await;
    let keys = || {
        let key = |request: String| {
            request
                .lines()
                .find_map(|line| line.strip_prefix("idempotency-key: ").map(str::to_owned))
                .expect("a key")
        };
        server.seen().into_iter().map(key).collect::<Vec<_>>()
    };
    for _attempt in 0..2 {
        let gate = gate(&[&server.url()], &server.url());
        // The placeholder is another one at each attempt; the key is the same.
        let placeholder = gate.placeholder("token", "s3cret".to_owned());
        for body in ["same", "same", "other"] {
            gate.send(post(&server.url(), &placeholder, body), None).await.expect("an answer");
        }
    }
    let keys = keys();
    assert_eq!(keys[..3], keys[3..]);
    assert_ne!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
    let own = gate(&[&server.url()], &server.url());
    let mut request = post(&server.url(), "a", "b");
    request.headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("mine"));
    own.send(request, None).await.expect("an answer");
    assert!(server.seen()[6].contains("idempotency-key: mine"));
}

#[tokio::test]
async fn requests_are_counted() {
    let server = Server::ok().await;
    let gate = gate(&[&server.url()], "api.example.com");
    for _ in 0..3 {
        gate.send(post(&server.url(), "a", "b"), None).await.expect("an answer");
    }
    assert_eq!(
        gate.send(post(&server.url(), "a", "b"), None).await.expect_err("one too many").code,
        "limit"
    );
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn wasi_http_goes_the_same_way() {
    let server = Server::ok().await;
    let gate = Arc::new(gate(&[&server.url()], &server.url()));
    let placeholder = gate.placeholder("token", "s3cret".to_owned());
    let send = |url: String| {
        let body =
            Full::new(Bytes::from_static(b"hi")).map_err(|never| match never {}).boxed_unsync();
        let request =
            http::Request::post(url).header("x-token", &placeholder).body(body).expect("a request");
        Box::into_pin(Hooks(Arc::clone(&gate)).send_request(
            request,
            None,
            Box::new(async { Ok(()) }),
        ))
    };
    let Ok((answer, _)) = send(server.url()).await else { panic!("it should have been sent") };
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes().as_ref(), b"ok");
    assert!(
        server.seen()[0].contains("s3cret") && server.seen()[0].ends_with("hi"),
        "{:?}",
        server.seen()
    );
    let refused = send("http://127.0.0.1:1/".to_owned()).await;
    assert!(matches!(refused, Err(WasiError::HttpRequestDenied)));
}

#[test]
fn placeholders_are_replaced_once_and_whole() {
    let pairs = [("secret-1", "secret-2"), ("secret-2", "two")];
    assert_eq!(replace(b"a secret-1, secret-2, secret-", &pairs), b"a secret-2, two, secret-");
}
