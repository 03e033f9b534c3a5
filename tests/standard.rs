//! A plugin that takes its webhooks by `wasi:http/incoming-handler`, under the same rules as any other.

use reqwest::{Method, StatusCode};

use crate::support::{Server, with_manifest};

both! {
    /// Method, path, headers and body arrive; status, headers and body come back; what it wants commits
    /// with the answer, once for a delivery.
    async fn a_call_is_answered_by_the_standard_handler_once(on: On) {
        let server = Server::start(on).await;
        let install = server.install("standard").await;
        let path = format!("/x/{install}/sync?id=7");
        for _ in 0..2 {
            let request = server
                .client
                .request(Method::PUT, &path)
                .header("x-topic", "orders")
                .header("idempotency-key", "d1")
                .body("+15550101=hello");
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::CREATED);
            assert_eq!(answer.headers()["x-plugin"], "standard");
            let text = answer.text().await.expect("a body");
            let host = server.client.url.trim_start_matches("http://");
            assert_eq!(text, format!("METHOD::PUT {host} /sync?id=7 orders call 1: +15550101=hello"));
        }
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["hello"]);
        server.finish().await;
    }

    /// 202 means stored: it happens although the host stops right after.
    async fn a_queued_call_is_stored_then_run(on: On) {
        let server = Server::start(on).await;
        let install = server.install("standard").await;
        let path = format!("/x/{install}/queued");
        let answer = server.client.post_bytes(&path, b"+15550101=from the shop".to_vec(), &[]).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        let server = server.restart().await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["from the shop"]);
        server.finish().await;
    }

    /// A body larger than what fits into the guest's pipe, and one beyond the limit.
    async fn a_large_answer_comes_whole_and_one_too_large_is_a_failure(on: On) {
        let server = Server::start(on).await;
        let install = server.install("standard").await;
        let path = format!("/x/{install}/sync");
        let large = server.client.post_bytes(&path, b"large 1000000".to_vec(), &[]).await;
        assert_eq!((large.status, large.body.as_str().map(str::len)), (StatusCode::OK, Some(1_000_000)));
        give_up(&server, &path, "large 1100000", "Closed").await;
        server.stop().await;
    }

    /// Nothing of what it wanted happens.
    async fn a_handler_that_does_not_answer_fails_whole(on: On) {
        let server = Server::start(on).await;
        let install = server.install("standard").await;
        let path = format!("/x/{install}/sync");
        for (body, reason) in [
            ("nothing", "without an answer"),
            ("unfinished", "did not finish"),
            ("error", "HttpRequestDenied"),
            ("trap", "trapped as asked"),
        ] {
            give_up(&server, &path, body, reason).await;
        }
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        server.stop().await;
    }

    /// Either interface will do; a plugin that has neither is refused with both named.
    async fn a_plugin_without_any_handler_is_refused(on: On) {
        let server = Server::start(on).await;
        let wasm = with_manifest("second", "on = \"message\"\ntypes = [\"text\"]", "on = \"webhook\"");
        let headers = [("content-type", "application/wasm")];
        let answer = server.client.post_bytes("/api/v1/plugins?grant=all", wasm, &headers).await;
        let message = answer.body["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("on-webhook") && message.contains("wasi:http/incoming-handler"), "{message}");
        assert_eq!(answer.refused(400), "missing_export");
        server.finish().await;
    }
}

/// A call that fails until it is given up, with this in its reason.
async fn give_up(server: &Server, path: &str, body: &str, reason: &str) {
    let calling = server.client.clone();
    let (path, bytes) = (path.to_owned(), body.as_bytes().to_vec());
    let call = tokio::spawn(async move { calling.post_bytes(&path, bytes, &[]).await });
    let given_up = async || {
        server.advance(120_000).await;
        call.is_finished().then_some(())
    };
    crate::support::eventually("the call to be given up", given_up).await;
    assert_eq!(call.await.expect("an answer").refused(502), "plugin_failed", "{body}");
    let letters = server.client.get("/api/v1/dead-letters?limit=200").await.ok();
    let last = letters["deadLetters"].as_array().and_then(|all| all.last()).expect("one");
    let told = last["reason"].as_str().expect("a reason");
    assert!(told.contains(reason), "{body}: {told}");
}
