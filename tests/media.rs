//! Files: uploaded, sent, fetched, downloaded in part; what is too large, of another kind, or private.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use futures_util::stream;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::messages::send;
use crate::support::{Client, Server, eventually};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

both! {
    /// Up as a body, down whole and in part, sent by its id, gone when deleted.
    async fn a_file_goes_up_and_comes_down(on: On) {
        let server = Server::start(on).await;
        let (stranger, _) = server.another_team().await;
        let file = upload(&server.client, "image/png", PNG.to_vec()).await;
        assert_eq!((file["size"].as_u64(), file["mimeType"].as_str()), (Some(PNG.len() as u64), Some("image/png")));
        assert_eq!(file["sha256"], hex::encode(Sha256::digest(PNG)));
        let id = file["id"].as_str().expect("an id");
        let path = format!("/api/v1/media/{id}");
        assert_eq!(download(&server.client, &path, "").await, (200, PNG.to_vec(), String::new()));
        let size = PNG.len();
        assert_eq!(download(&server.client, &path, "bytes=1-3").await, (206, b"PNG".to_vec(), format!("bytes 1-3/{size}")));
        assert_eq!(download(&server.client, &path, "bytes=-2").await.1, b"on");
        assert_eq!(download(&server.client, &path, "bytes=999-").await.0, 416);
        assert_eq!(stranger.get(&path).await.refused(404), "not_found");
        assert_eq!(stranger.delete(&path).await.refused(404), "not_found");
        let stolen = json!({ "to": "+15550101", "type": "image", "image": { "id": id } });
        assert_eq!(stranger.post("/api/v1/messages", stolen.clone()).await.refused(404), "media_not_found");
        send(&server, stolen).await;
        server.drain().await;
        assert_eq!(server.client.outgoing(&server.account).await[0]["content"]["image"]["id"], id);
        server.client.delete(&path).await.ok();
        assert_eq!(server.client.get(&path).await.refused(404), "not_found");
        server.finish().await;
    }

    async fn a_form_with_a_file_goes_up(on: On) {
        let server = Server::start(on).await;
        let form = b"--x\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\ncontent-type: application/pdf\r\n\r\n%PDF-1.7 x\r\n--x--\r\n";
        let file = upload(&server.client, "multipart/form-data; boundary=x", form.to_vec()).await;
        assert_eq!((file["filename"].as_str(), file["size"].as_i64()), (Some("a.pdf"), Some(10)));
        let empty = server.client.post_bytes("/api/v1/media", b"--x--\r\n".to_vec(), &[("content-type", "multipart/form-data; boundary=x")]).await;
        assert_eq!(empty.refused(400), "invalid_request");
        server.finish().await;
    }

    /// Refused by kind and by size, before it is sent and as it is sent.
    async fn limits_are_those_of_the_type(on: On) {
        let server = Server::with(on, |config| {
            config.media.types.image.max = 64;
            config.media.types.document.max = 4096;
        })
        .await;
        let refused = async |kind: &str, bytes: Vec<u8>| server.client.post_bytes("/api/v1/media", bytes, &[("content-type", kind)]).await;
        assert_eq!(refused("image/png", b"<html>".to_vec()).await.refused(415), "media_type");
        assert_eq!(refused("text/plain", vec![b'a'; 5000]).await.refused(413), "media_too_large");
        assert_eq!(refused("text/plain", Vec::new()).await.refused(400), "media_broken");
        let large = [PNG, &[0; 100]].concat();
        let file = upload(&server.client, "image/png", large).await;
        let image = json!({ "account": server.account, "to": "+15550101", "type": "image", "image": { "id": file["id"] } });
        assert_eq!(server.client.post("/api/v1/messages", image).await.refused(413), "media_too_large");
        let text = upload(&server.client, "text/plain", b"hi".to_vec()).await;
        let image = json!({ "account": server.account, "to": "+15550101", "type": "image", "image": { "id": text["id"] } });
        assert_eq!(server.client.post("/api/v1/messages", image).await.refused(415), "media_type");
        send(&server, json!({ "to": "+15550101", "type": "document", "document": { "id": file["id"], "filename": "a.png" } })).await;
        server.drain().await;
        assert_eq!(server.client.outgoing(&server.account).await.len(), 1);
        server.finish().await;
    }

    /// More than the host may hold of it passes through, up and down, and no more than the limit.
    async fn a_large_file_streams(on: On) {
        const MIB: usize = 1 << 20;
        let server = Server::with(on, |config| {
            config.server.max_body = 1000;
            config.media.types.document.max = 40 << 20;
        })
        .await;
        let body = |pieces: usize| {
            let pieces = (0..pieces).map(|n| Ok::<_, std::io::Error>(vec![n as u8; MIB]));
            reqwest::Body::wrap_stream(stream::iter(pieces))
        };
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let post = async |pieces: usize| {
            let url = format!("{}/api/v1/media", server.client.url);
            http.post(url).bearer_auth(&server.client.key).header("content-type", "application/zip").body(body(pieces)).send().await
        };
        let file: Value = post(32).await.expect("an answer").json().await.expect("JSON");
        assert_eq!(file["size"].as_u64(), Some(32 << 20), "{file}");
        let (status, bytes, _) = download(&server.client, &format!("/api/v1/media/{}", file["id"].as_str().expect("an id")), "").await;
        assert_eq!((status, bytes.len(), hex::encode(Sha256::digest(&bytes)).into()), (200, 32 << 20, file["sha256"].clone()));
        // The host may have closed the connection before all was sent.
        if let Ok(answer) = post(48).await {
            assert_eq!(answer.status().as_u16(), 413);
        }
        let folder = server.stop().await;
        let kept: Vec<_> = walk(&folder.path().join("media"));
        assert_eq!(kept.len(), 1, "nothing is left of what was given up: {kept:?}");
    }

    /// Fetched once before it leaves, through redirects, and then named by its id.
    async fn a_file_is_fetched_from_its_address(on: On) {
        let site = Site::start().await;
        let server = Server::with(on, |config| config.media.allow = vec!["127.0.0.0/8".parse().expect("a range")]).await;
        let image = |path: &str| json!({ "to": "+15550101", "type": "image", "image": { "url": format!("{}{path}", site.url) } });
        let id = send(&server, image("/moved")).await;
        server.drain().await;
        let sent = server.client.outgoing(&server.account).await[0]["content"]["image"].clone();
        let file = sent["id"].as_str().expect("it was stored");
        assert_eq!(download(&server.client, &format!("/api/v1/media/{file}"), "").await.1, PNG);
        assert_eq!(server.client.get(&format!("/api/v1/messages/{id}")).await.ok()["image"]["id"], file);
        for (path, code) in [("/page", "media_type"), ("/lie", "media_type"), ("/none", "media_unreachable"), ("/large", "media_too_large"), ("/round", "media_unreachable")] {
            let id = send(&server, image(path)).await;
            server.drain().await;
            let message = server.client.get(&format!("/api/v1/messages/{id}")).await.ok();
            assert_eq!((message["status"].as_str(), message["error"]["code"].as_str()), (Some("error"), Some(code)), "{path}: {message}");
        }
        server.finish().await;
    }

    /// While an address keeps one chat waiting the account's other chats go on, and the chat's order
    /// stays; a restart in the middle neither loses nor doubles anything.
    async fn a_slow_address_holds_up_its_chat_alone(on: On) {
        let site = Site::start().await;
        let server = Server::with(on, |config| config.media.allow = vec!["127.0.0.0/8".parse().expect("a range")]).await;
        let slow = json!({ "to": "+15550101", "type": "image", "image": { "url": format!("{}/slow", site.url) } });
        let id = send(&server, slow).await;
        send(&server, json!({ "to": "+15550101", "type": "text", "text": "behind" })).await;
        send(&server, json!({ "to": "+15550102", "type": "text", "text": "elsewhere" })).await;
        site.asked(1).await;
        reached(&server, "+15550102", &["elsewhere"]).await;
        // Also what comes when nothing but the file is waited for.
        send(&server, json!({ "to": "+15550102", "type": "text", "text": "later" })).await;
        reached(&server, "+15550102", &["elsewhere", "later"]).await;
        assert_eq!(server.client.delete(&format!("/api/v1/messages/{id}")).await.status, 409, "it is being sent");
        let server = server.restart().await;
        site.asked(2).await;
        send(&server, json!({ "to": "+15550103", "type": "text", "text": "after the restart" })).await;
        reached(&server, "+15550103", &["after the restart"]).await;
        // Paused in the middle, it waits although its file is there.
        let queue = format!("/api/v1/accounts/{}/queue", server.account);
        server.client.post(&format!("{queue}/pause"), json!({})).await.ok();
        site.let_go();
        let message = format!("/api/v1/messages/{id}");
        eventually("the file", async || server.client.get(&message).await.ok()["image"]["id"].is_string().then_some(())).await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        server.client.post(&format!("{queue}/resume"), json!({})).await.ok();
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["", "behind"]);
        assert_eq!(server.client.get(&message).await.ok()["status"], "sent");
        site.asked(2).await;
        server.finish().await;
    }

    /// Neither at once, nor by a name, nor by a redirect.
    async fn private_addresses_are_refused(on: On) {
        let site = Site::start().await;
        let server = Server::start(on).await;
        let image = |url: &str| json!({ "account": server.account, "to": "+15550101", "type": "image", "image": { "url": url } });
        for url in [site.url.as_str(), "http://169.254.169.254/latest", "http://[::1]/", "http://10.0.0.1/a.png"] {
            assert_eq!(server.client.post("/api/v1/messages", image(url)).await.refused(400), "media_refused", "{url}");
        }
        let port = site.url.rsplit_once(':').expect("a port").1;
        let id = send(&server, image(&format!("http://localhost:{port}/image"))).await;
        server.drain().await;
        let message = server.client.get(&format!("/api/v1/messages/{id}")).await.ok();
        assert_eq!(message["error"]["code"], "media_refused", "{message}");
        server.finish().await;
    }

    /// A customer's file is kept; one that nobody names is forgotten in time.
    async fn a_customers_file_is_kept_and_an_unused_one_forgotten(on: On) {
        use base64::Engine as _;
        let server = Server::start(on).await;
        let data = format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(PNG));
        let incoming = json!({ "from": "+15550101", "type": "image", "image": { "url": data, "caption": "look" } });
        server.client.post(&format!("/sandbox/accounts/{}/incoming", server.account), incoming).await.ok();
        let message = server.client.get("/api/v1/messages?direction=in").await.ok()["messages"][0].clone();
        let kept = format!("/api/v1/media/{}", message["image"]["id"].as_str().expect("it was stored"));
        assert_eq!((message["image"].get("url"), message["image"]["caption"].as_str()), (None, Some("look")));
        let unused = upload(&server.client, "text/plain", b"unused".to_vec()).await;
        server.advance(31 * 24 * 3_600_000).await;
        switchboard::flow::upkeep::sweep(server.house()).await.expect("swept");
        assert_eq!(download(&server.client, &kept, "").await.1, PNG);
        let gone = format!("/api/v1/media/{}/about", unused["id"].as_str().expect("an id"));
        assert_eq!(server.client.get(&gone).await.refused(404), "not_found");
        server.finish().await;
    }
}

pub async fn upload(client: &Client, kind: &str, bytes: Vec<u8>) -> Value {
    client.post_bytes("/api/v1/media", bytes, &[("content-type", kind)]).await.ok()
}

/// Status, bytes and `Content-Range` of a download.
pub async fn download(client: &Client, path: &str, range: &str) -> (u16, Vec<u8>, String) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut request = http.get(format!("{}{path}", client.url)).bearer_auth(&client.key);
    if !range.is_empty() {
        request = request.header("range", range);
    }
    let answer = request.send().await.expect("an answer");
    let part = answer.headers().get("content-range").and_then(|value| value.to_str().ok());
    let (status, part) = (answer.status().as_u16(), part.unwrap_or_default().to_owned());
    (status, answer.bytes().await.expect("whole").to_vec(), part)
}

pub fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

/// Wait until just these texts have reached a customer.
async fn reached(server: &Server, phone: &str, texts: &[&str]) {
    eventually("the texts", async || (server.heard(phone).await == texts).then_some(())).await;
}

/// A site on loopback with pictures, pages, redirects, and a picture that it keeps back.
struct Site {
    url: String,
    slow: Arc<Slow>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Slow {
    asked: AtomicUsize,
    open: watch::Sender<bool>,
}

impl Site {
    /// Wait until it was asked for the slow picture so often.
    async fn asked(&self, times: usize) {
        let asked = async || (self.slow.asked.load(Ordering::SeqCst) == times).then_some(());
        eventually("the slow picture to be asked for", asked).await;
    }

    /// Give the slow picture from now on, also to those who wait.
    fn let_go(&self) {
        self.slow.open.send_replace(true);
    }

    async fn start() -> Self {
        let slow = Arc::new(Slow::default());
        let kept_back = slow.clone();
        let wait = move || {
            let slow = kept_back.clone();
            async move {
                slow.asked.fetch_add(1, Ordering::SeqCst);
                let mut open = slow.open.subscribe();
                open.wait_for(|open| *open).await.expect("the site lives");
                ([(header::CONTENT_TYPE, "image/png")], PNG.to_vec()).into_response()
            }
        };
        let typed = |kind: &'static str, bytes: Vec<u8>| async move {
            ([(header::CONTENT_TYPE, kind)], bytes).into_response()
        };
        let router = Router::new()
            .route("/image", get(move || typed("image/png", PNG.to_vec())))
            .route("/slow", get(wait))
            .route("/moved", get(async || Redirect::temporary("/image")))
            .route("/round", get(async || Redirect::temporary("/round")))
            .route("/page", get(move || typed("text/html", b"<html>".to_vec())))
            .route("/lie", get(move || typed("image/png", b"<html>".to_vec())))
            .route("/large", get(move || typed("image/png", [PNG, &vec![0; 6 << 20]].concat())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, slow, server }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}
