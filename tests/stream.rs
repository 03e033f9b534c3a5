//! The event stream at its one address: pulled with filters, followed, resumed, and what is too old.

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::flow::upkeep;

use crate::support::{Client, Server};

const DAY: i64 = 24 * 60 * 60 * 1000;

both! {
    /// By name, by kind, by account; `next` passes by what is not of interest.
    async fn events_are_pulled_by_type_and_account(on: On) {
        let server = Server::start(on).await;
        server.says("+15550101", "one").await;
        server.client.post("/api/v1/endpoints", json!({ "url": "https://example.com/" })).await.ok();
        server.says("+15550101", "two").await;
        let kinds = async |query: &str| {
            let page = server.client.get(&format!("/api/v1/events?{query}")).await.ok();
            let kinds: Vec<String> =
                page["events"].as_array().expect("a list").iter().filter_map(|it| Some(it["type"].as_str()?.to_owned())).collect();
            (kinds, page["pagination"]["next"].as_str().expect("a cursor").to_owned())
        };
        let (received, next) = kinds("type=message.received").await;
        assert_eq!(received, ["message.received", "message.received"]);
        assert_eq!(kinds("type=message.*,timer.fired").await.0, received);
        assert_eq!(kinds(&format!("type=message.*&account={}", server.account)).await.0, received);
        assert!(kinds("account=acc_other").await.0.is_empty());
        assert!(kinds("type=mess.*").await.0.is_empty());
        assert_eq!(kinds("type=no.such").await.1, kinds("").await.1, "it need not look there again");
        assert!(kinds(&format!("type=message.*&after={next}")).await.0.is_empty());
        server.stop().await;
    }

    /// A follower that was away goes on where it was, and misses nothing.
    async fn a_follower_resumes_where_it_was(on: On) {
        let server = Server::start(on).await;
        server.says("+15550101", "one").await;
        server.says("+15550101", "two").await;
        let mut stream = Stream::open(&server.client, "after=0&type=message.received", None).await;
        let first = stream.next().await;
        assert_eq!((first.kind.as_str(), first.text()), ("message.received", "one".to_owned()));
        drop(stream);
        let mut stream = Stream::open(&server.client, "type=message.received", Some(&first.id)).await;
        assert_eq!(stream.next().await.text(), "two");
        server.says("+15550101", "three").await;
        assert_eq!(stream.next().await.text(), "three", "as it happens");
        drop(stream);
        server.stop().await;
    }

    /// Who was away for too long is told so, and where to go on.
    async fn a_cursor_from_before_what_is_kept_is_refused(on: On) {
        let server = Server::start(on).await;
        server.says("+15550101", "one").await;
        server.says("+15550101", "two").await;
        let page = server.client.get("/api/v1/events?limit=1").await.ok();
        let early = page["pagination"]["next"].as_str().expect("a cursor").to_owned();
        server.advance(40 * DAY).await;
        upkeep::sweep(server.house()).await.expect("swept");
        server.says("+15550101", "three").await;
        let answer = server.client.get(&format!("/api/v1/events?after={early}")).await;
        let oldest = answer.body["error"]["oldestCursor"].as_i64().expect("where to go on");
        assert_eq!(answer.refused(410), "cursor_expired");
        let request = server.client.request(Method::GET, "/api/v1/events").bearer_auth(&server.client.key);
        let request = request.header("accept", "text/event-stream").header("last-event-id", early);
        assert_eq!(server.client.send(request).await.refused(410), "cursor_expired");
        for after in ["0".to_owned(), oldest.to_string()] {
            let page = server.client.get(&format!("/api/v1/events?after={after}&type=message.received")).await.ok();
            assert_eq!(page["events"][0]["data"]["content"]["text"], "three", "{page}");
        }
        server.stop().await;
    }
}

/// One event of a stream.
pub struct Told {
    id: String,
    kind: String,
    pub data: Value,
}

impl Told {
    pub fn text(&self) -> String {
        self.data["data"]["content"]["text"].as_str().unwrap_or_default().to_owned()
    }
}

/// A stream of server-sent events.
pub struct Stream {
    response: reqwest::Response,
    read: String,
}

impl Stream {
    pub async fn open(client: &Client, query: &str, last: Option<&str>) -> Self {
        let mut request = client.request(Method::GET, &format!("/api/v1/events?{query}"));
        request = request.bearer_auth(&client.key).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, read: String::new() }
    }

    pub async fn next(&mut self) -> Told {
        loop {
            if let Some((one, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let line = one.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().trim_start_matches(':').trim().to_owned()
                };
                let (id, kind, data) = (field("id"), field("event"), field("data"));
                self.read = rest.to_owned();
                if !data.is_empty() {
                    return Told { id, kind, data: serde_json::from_str(&data).expect("JSON") };
                }
                continue;
            }
            let chunk = self.response.chunk().await.expect("the stream holds").expect("it goes on");
            self.read.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}
