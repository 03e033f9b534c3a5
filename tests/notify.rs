//! Events reach the customer's own endpoint: signed, in order, again and again, and then no more.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Receiver, Request, Server};

both! {
    /// The signature is the one of Standard Webhooks, over the bytes that came.
    async fn an_event_is_posted_and_signed(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        let endpoint = endpoint(&server, &receiver, json!({})).await;
        server.says("+15550101", "hello").await;
        let requests = received(&receiver, "message.received");
        assert_eq!(requests.len(), 1);
        let secret = endpoint["secret"].as_str().expect("shown once");
        assert_eq!(requests[0].header("webhook-signature"), signature(secret, &requests[0]));
        let shown = server.client.get(&format!("/api/v1/endpoints/{}", id(&endpoint))).await.ok();
        assert!(!shown.to_string().contains(secret), "shown once only: {shown}");
        server.finish().await;
    }

    /// An endpoint that fails is tried again under the same id.
    async fn a_failed_post_is_tried_again(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        let endpoint = endpoint(&server, &receiver, json!({ "events": ["message.received"] })).await;
        receiver.answer([500, 503]);
        server.says("+15550101", "hello").await;
        assert_eq!(receiver.requests().len(), 1);
        server.advance(10_000).await;
        assert_eq!(receiver.requests().len(), 2);
        server.advance(600_000).await;
        let requests = receiver.requests();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|it| it.header("webhook-id") == requests[0].header("webhook-id")));
        let attempts = server.client.get(&format!("/api/v1/endpoints/{}/attempts", id(&endpoint))).await.ok();
        let statuses: Vec<i64> =
            attempts["attempts"].as_array().expect("a list").iter().filter_map(|it| it["status"].as_i64()).collect();
        assert!([500, 503, 200].iter().all(|status| statuses.contains(status)), "{attempts}");
        server.finish().await;
    }

    /// With `ordered`, a chat's events wait for the one before; those of others do not.
    async fn an_ordered_endpoint_gets_a_chats_events_in_order(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        endpoint(&server, &receiver, json!({ "events": ["message.received"], "ordered": true })).await;
        receiver.answer([500]);
        server.says("+15550101", "one").await;
        server.says("+15550101", "two").await;
        server.says("+15550102", "elsewhere").await;
        assert_eq!(texts(&receiver), ["one", "elsewhere"]);
        server.advance(10_000).await;
        assert_eq!(texts(&receiver), ["one", "elsewhere", "one", "two"]);
        server.finish().await;
    }

    /// After days of failure it is disabled, and the team is told.
    async fn an_endpoint_that_never_answers_is_disabled(on: On) {
        let (server, receiver) = (Server::with(on, |config| config.notify.disable_after = 60_000).await, Receiver::start().await);
        let endpoint = endpoint(&server, &receiver, json!({ "events": ["message.received"] })).await;
        receiver.answer([500; 20]);
        server.says("+15550101", "hello").await;
        for _ in 0..3 {
            server.advance(400_000).await;
        }
        let shown = server.client.get(&format!("/api/v1/endpoints/{}", id(&endpoint))).await.ok();
        assert_eq!(shown["enabled"], false, "{shown}");
        let events = server.client.get("/api/v1/events").await.ok();
        assert!(events.to_string().contains("endpoint.disabled"), "{events}");
        let asked = receiver.requests().len();
        server.says("+15550101", "anyone?").await;
        assert_eq!(receiver.requests().len(), asked);
        server.finish().await;
    }

    /// A private address is refused unless the settings allow it.
    async fn a_private_address_is_not_called(on: On) {
        let (server, receiver) = (Server::with(on, |config| config.notify.allow.clear()).await, Receiver::start().await);
        let body = json!({ "url": receiver.url });
        if server.client.post("/api/v1/endpoints", body).await.status.is_success() {
            server.says("+15550101", "hello").await;
        }
        assert!(receiver.requests().is_empty());
        server.stop().await;
    }

    /// The stream of events is complete and in order, and is read on from a cursor.
    async fn events_can_be_pulled_from_a_cursor(on: On) {
        let server = Server::start(on).await;
        for text in ["one", "two", "three"] {
            server.says("+15550101", text).await;
        }
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let page = server.client.get(&format!("/api/v1/events?after={after}&limit=2")).await.ok();
            let events = page["events"].as_array().expect("a list").clone();
            let Some(last) = events.last() else { break };
            let cursor = last["cursor"].as_i64().expect("a place");
            assert!(cursor > after);
            after = cursor;
            seen.extend(events.into_iter().filter(|event| event["type"] == "message.received"));
        }
        let texts: Vec<&str> = seen.iter().filter_map(|event| event["data"]["content"]["text"].as_str()).collect();
        assert_eq!(texts, ["one", "two", "three"]);
        server.finish().await;
    }
}

/// Register a receiver; gives what the API answered.
async fn endpoint(server: &Server, receiver: &Receiver, mut body: Value) -> Value {
    body["url"] = receiver.url.as_str().into();
    server.client.post("/api/v1/endpoints", body).await.ok()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}

fn received(receiver: &Receiver, kind: &str) -> Vec<Request> {
    receiver.requests().into_iter().filter(|request| request.json()["type"] == kind).collect()
}

fn texts(receiver: &Receiver) -> Vec<String> {
    let text = |request: &Request| {
        request.json()["data"]["content"]["text"].as_str().unwrap_or_default().to_owned()
    };
    receiver.requests().iter().map(text).collect()
}

/// As <https://www.standardwebhooks.com> has it, worked out by hand.
fn signature(secret: &str, request: &Request) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("its prefix")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    mac.update(
        format!("{}.{}.", request.header("webhook-id"), request.header("webhook-timestamp"))
            .as_bytes(),
    );
    mac.update(&request.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
