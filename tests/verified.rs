//! Webhooks that their senders sign: checked before the plugin is woken, in the ways of five vendors.

use hmac::{Hmac, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Answer, Server, with_manifest};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The probe with a verified route of each style, all checked by the secret `hook`.
async fn install(server: &Server) -> String {
    let mut routes = "[secrets.hook]\ndescription = \"Signs its webhooks\"\n".to_owned();
    for (path, style) in [
        ("own", "hmac-sha256\"\nheader = \"X-Signature\"\nprefix = \"sha256=\""),
        ("github", "github\""),
        ("stripe", "stripe\"\ntolerance = 60"),
        ("shopify", "shopify\""),
        ("standard", "standard-webhooks\""),
    ] {
        routes.push_str(&format!(
            "\n[[routes]]\npath = \"/{path}\"\nmode = \"sync\"\n[routes.verify]\nsecret = \"hook\"\nstyle = \"{style}\n"
        ));
    }
    let old = "[[routes]]\npath = \"/queued\"";
    server.install_bytes(with_manifest("probe", old, &format!("{routes}\n{old}"))).await
}

async fn set_secret(server: &Server, install: &str) {
    let path = format!("/api/v1/plugins/{install}/secrets/hook");
    server.client.put(&path, json!({ "value": SECRET })).await.ok();
}

async fn call(server: &Server, path: &str, body: &str, headers: &[(&str, String)]) -> Answer {
    // A stranger: without a key.
    let mut request = server.client.request(Method::POST, path).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    server.client.send(request).await
}

fn digest(key: &[u8], signed: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// What each vendor would send with a body at a moment.
fn signed(body: &str, seconds: i64, id: &str) -> [(&'static str, Vec<(&'static str, String)>); 5] {
    let own = hex::encode(digest(SECRET.as_bytes(), body));
    let timed = hex::encode(digest(SECRET.as_bytes(), &format!("{seconds}.{body}")));
    let key = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(&SECRET[6..]).expect("base64")
    };
    let standard = base64(&digest(&key, &format!("{id}.{seconds}.{body}")));
    [
        ("own", vec![("x-signature", format!("sha256={own}")), ("x-delivery-id", id.to_owned())]),
        (
            "github",
            vec![
                ("x-hub-signature-256", format!("sha256={own}")),
                ("x-github-delivery", id.to_owned()),
            ],
        ),
        (
            "stripe",
            vec![("stripe-signature", format!("t={seconds},v1={},v1={timed}", "0".repeat(64)))],
        ),
        (
            "shopify",
            vec![
                ("x-shopify-hmac-sha256", base64(&digest(SECRET.as_bytes(), body))),
                ("x-shopify-webhook-id", id.to_owned()),
            ],
        ),
        (
            "standard",
            vec![
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", seconds.to_string()),
                ("webhook-signature", format!("v1,Zm9v v1,{standard}")),
            ],
        ),
    ]
}

both! {
    async fn a_signed_call_of_each_style_reaches_the_plugin_once(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        set_secret(&server, &install).await;
        let seconds = server.clock.now() / 1000;
        let mut first: Vec<Value> = Vec::new();
        for _ in 0..2 {
            let mut answers = Vec::new();
            let body = r#"{"id":"evt_1"}"#;
            for (style, headers) in signed(body, seconds, "dlv_1") {
                let answer = call(&server, &format!("/x/{install}/{style}"), body, &headers).await;
                assert_eq!(answer.status, StatusCode::OK, "{style}: {}", answer.body);
                answers.push(answer.body);
            }
            if first.is_empty() {
                first = answers;
            } else {
                assert_eq!(first, answers, "the same deliveries get the same replies");
            }
        }
        // Stripe's is named in the body; the others were named alike, so they were repeats of the first.
        assert_eq!(server.events("webhook.received").await.len(), 2);
        server.finish().await;
    }

    /// Nothing is stored, nobody is woken, and it is counted.
    async fn what_is_not_signed_so_is_refused_and_leaves_no_trace(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        set_secret(&server, &install).await;
        let seconds = server.clock.now() / 1000;
        let body = "+15550101=hello";
        let refused = async |style: &str, body: &str, headers: &[(&str, String)]| {
            let answer = call(&server, &format!("/x/{install}/{style}"), body, headers).await;
            assert_eq!(answer.refused(401), "invalid_signature", "{style}");
        };
        for (style, headers) in signed(body, seconds, "dlv_1") {
            refused(style, body, &[]).await;
            refused(style, "+15550101=hellO", &headers).await;
            let wrong: Vec<_> = headers.iter().map(|(name, value)| (*name, forged(value))).collect();
            refused(style, body, &wrong).await;
        }
        for (timed, late) in [("stripe", 61), ("stripe", -61), ("standard", 301)] {
            for (style, headers) in signed(body, seconds - late, "dlv_2") {
                if style == timed {
                    refused(style, body, &headers).await;
                }
            }
        }
        server.drain().await;
        assert_eq!(server.events("webhook.received").await, Vec::<Value>::new());
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        let answer = server.client.get("/metrics").await;
        let figures = answer.body.as_str().unwrap_or_default().to_owned();
        for (reason, count) in [("missing", 5), ("stale", 3)] {
            let line = format!("switchboard_webhooks_refused_total{{install=\"{install}\",reason=\"{reason}\"}} {count}");
            assert!(figures.contains(&line), "{line}\n{figures}");
        }
        server.finish().await;
    }

    async fn a_secret_that_is_not_set_is_named(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        let seconds = server.clock.now() / 1000;
        let [(_, headers), ..] = signed("hello", seconds, "dlv_1");
        let path = format!("/x/{install}/own");
        let answer = call(&server, &path, "hello", &headers).await;
        assert!(answer.body["error"]["message"].as_str().expect("words").contains("\"hook\""), "{}", answer.body);
        assert_eq!(answer.refused(503), "secret_not_set");
        // Unsigned calls learn nothing of it.
        assert_eq!(call(&server, &path, "hello", &[]).await.refused(401), "invalid_signature");
        // A value that cannot be a key of one of its routes is refused when it is set.
        let secret = format!("/api/v1/plugins/{install}/secrets/hook");
        let refused = server.client.put(&secret, json!({ "value": "no base64!" })).await;
        assert_eq!(refused.refused(400), "invalid_request");
        set_secret(&server, &install).await;
        assert_eq!(call(&server, &path, "hello", &headers).await.status, StatusCode::OK);
        let (other, _) = server.another_team().await;
        assert_eq!(other.put(&secret, json!({ "value": SECRET })).await.status, StatusCode::NOT_FOUND);
        server.finish().await;
    }

    /// Routes without `verify` stay as they were.
    async fn a_route_that_asks_for_no_signature_takes_any_call(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        let answer = call(&server, &format!("/x/{install}/sync"), "hello", &[]).await;
        assert_eq!(answer.status, StatusCode::OK);
        server.finish().await;
    }

    /// What a header that is not signed says does not make a delivery another one.
    async fn only_the_signed_name_of_a_delivery_counts(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        set_secret(&server, &install).await;
        let seconds = server.clock.now() / 1000;
        for (style, headers) in signed(r#"{"id":"evt_7"}"#, seconds, "msg_7") {
            if !["stripe", "standard"].contains(&style) {
                continue;
            }
            for n in 0..3 {
                let mut headers = headers.clone();
                headers.push(("idempotency-key", format!("key-{n}")));
                let answer = call(&server, &format!("/x/{install}/{style}"), r#"{"id":"evt_7"}"#, &headers).await;
                assert_eq!(answer.status, StatusCode::OK, "{style}: {}", answer.body);
            }
        }
        assert_eq!(server.events("webhook.received").await.len(), 2);
        server.finish().await;
    }
}

/// The same with another last letter or digit.
fn forged(value: &str) -> String {
    let last = value.rfind(|c: char| c.is_ascii_alphanumeric()).expect("a letter or digit");
    let other = if value[last..].starts_with('0') { "1" } else { "0" };
    format!("{}{other}{}", &value[..last], &value[last + 1..])
}
