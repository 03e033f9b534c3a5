//! What came of one act: told from the rows, and to a collector.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Receiver, Server, eventually, with_manifest};

const ANN: &str = "+15550101";
const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The steps of a trace as `kind name`, each with the one that led to it.
fn steps(trace: &Value) -> Vec<(String, String)> {
    let all = trace["steps"].as_array().unwrap_or_else(|| panic!("{trace}"));
    let named = |step: &Value| {
        let text = |field: &str| step[field].as_str().expect("a text");
        let name = if text("kind") == "call" { "" } else { text("name") };
        format!("{} {name}", text("kind")).trim_end().to_owned()
    };
    let led = |of: &Value| all.iter().find(|step| step["id"] == *of).map(named).unwrap_or_default();
    all.iter().map(|step| (named(step), led(&step["of"]))).collect()
}

async fn trace(server: &Server, id: &str) -> Value {
    server.client.get(&format!("/api/v1/traces/{id}")).await.ok()
}

async fn incoming(server: &Server) -> String {
    let list = server.client.get("/api/v1/messages?direction=in").await.ok();
    list["messages"][0]["id"].as_str().expect("a message").to_owned()
}

/// The spans that a collector was given, by their ids.
fn spans(collector: &Receiver) -> BTreeMap<String, Value> {
    let mut spans = BTreeMap::new();
    for request in collector.requests() {
        let told = request.json();
        for span in told["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans") {
            spans.insert(span["spanId"].as_str().expect("an id").to_owned(), span.clone());
        }
    }
    spans
}

both! {
    /// A message, its event, the call with its request and line, the answer, and what became of it.
    async fn a_story_is_told_from_the_rows(on: On) {
        let (server, shop) = (Server::start(on).await, Receiver::start().await);
        let allowed = format!("http://{}", shop.host);
        let install = server.install_bytes(with_manifest("probe", "http://127.0.0.1:9000", &allowed)).await;
        server.says(ANN, &format!("http {}", shop.url)).await;
        server.advance(10_000).await;
        let message = incoming(&server).await;
        let story = trace(&server, &message).await;
        let wanted = [
            ("message text from a customer", ""),
            ("event message.received", "message text from a customer"),
            ("call", "event message.received"),
            ("request GET 127.0.0.1", "call"),
            ("message text to a customer", "call"),
            ("event message.sent", "message text to a customer"),
        ];
        let told = steps(&story);
        for (step, of) in wanted {
            assert!(told.contains(&(step.to_owned(), of.to_owned())), "{step}: {told:#?}");
        }
        assert_eq!(told[0].0, "message text from a customer");
        let call = story["steps"].as_array().expect("steps").iter().find(|step| step["kind"] == "call").expect("a call");
        assert_eq!((&call["plugin"], &call["outcome"], &call["attempt"]), (&json!(install), &json!("ok"), &json!(1)));
        assert_eq!(call["detail"]["effects"], json!({ "send": 1 }));
        assert!(call["micros"].as_i64() > Some(0), "{call}");
        // By every part of it, and by its own id.
        for step in story["steps"].as_array().expect("steps") {
            if matches!(step["kind"].as_str(), Some("message" | "event")) {
                assert_eq!(trace(&server, step["id"].as_str().expect("an id")).await, story);
            }
        }
        assert_eq!(trace(&server, story["trace"].as_str().expect("an id")).await, story);
        // The shop was told of the same trace.
        let header = shop.requests()[0].header("traceparent").to_owned();
        assert!(header.starts_with(&format!("00-{}-", story["trace"].as_str().expect("an id"))) && header.ends_with("-00"), "{header}");
        let (other, _) = server.another_team().await;
        for id in [message.as_str(), story["trace"].as_str().expect("an id"), "msg_none", "x"] {
            assert_eq!(other.get(&format!("/api/v1/traces/{id}")).await.refused(404), "not_found");
        }
        server.finish().await;
    }

    /// Each attempt with why it failed, then the dead letter; what is still to come is told as such.
    async fn a_story_has_every_attempt_and_what_waits(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says(ANN, "fail").await;
        let message = incoming(&server).await;
        let story = trace(&server, &message).await;
        assert!(steps(&story).contains(&("waiting to be handed to plugins".to_owned(), "event message.received".to_owned())), "{story}");
        for _ in 0..5 {
            server.advance(120_000).await;
        }
        let story = trace(&server, &message).await;
        let calls: Vec<&Value> = story["steps"].as_array().expect("steps").iter().filter(|step| step["kind"] == "call").collect();
        let attempts: Vec<i64> = calls.iter().filter_map(|call| call["attempt"].as_i64()).collect();
        assert_eq!(attempts, [1, 2, 3, 4, 5]);
        assert!(calls.iter().all(|call| call["outcome"] == "exception" && call["name"].as_str().is_some_and(|why| why.contains("failed as asked"))), "{story}");
        assert_eq!(story["steps"].as_array().and_then(|steps| steps.last()).expect("a step")["kind"], "deadLetter");
        server.finish().await;
    }

    /// A request that is part of somebody's trace stays part of it, all the way to the endpoint.
    async fn a_given_trace_is_carried_through(on: On) {
        let (server, endpoint) = (Server::start(on).await, Receiver::start().await);
        server.client.post("/api/v1/endpoints", json!({ "url": endpoint.url })).await.ok();
        let install = server.install("probe").await;
        let body = json!({ "account": server.account, "to": ANN, "type": "text", "text": "news" });
        let send = async |traceparent: &str| {
            let request = server.client.request(reqwest::Method::POST, "/api/v1/messages").json(&body);
            server.client.send(request.bearer_auth(&server.client.key).header("traceparent", traceparent)).await.ok()
        };
        let message = send(GIVEN).await;
        let hook = format!("/x/{install}/queued");
        server.client.post_bytes(&hook, b"+15550109=from the shop".to_vec(), &[("traceparent", GIVEN)]).await.ok();
        server.advance(10_000).await;
        let story = trace(&server, message["id"].as_str().expect("an id")).await;
        assert_eq!(story["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
        let told: Vec<String> = steps(&story).into_iter().map(|(step, _)| step).collect();
        for step in ["event webhook.received", "event message.sent"] {
            assert!(told.iter().any(|told| told == step), "{step}: {told:?}");
        }
        assert_eq!(trace(&server, "4bf92f3577b34da6a3ce929d0e0e4736").await, story);
        let headers: Vec<String> = endpoint.requests().iter().map(|it| it.header("traceparent").to_owned()).collect();
        assert!(!headers.is_empty() && headers.iter().all(|header| header.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")), "{headers:?}");
        // What is none is none of our business.
        let message = send("00-what-ever-01").await;
        server.drain().await;
        assert_ne!(trace(&server, message["id"].as_str().expect("an id")).await["trace"], story["trace"]);
        server.finish().await;
    }

    /// All spans of one message in one trace, each below the right one, although the host was stopped in
    /// between.
    async fn a_collector_is_told_the_whole_path(on: On) {
        let (collector, shop) = (Receiver::start().await, Receiver::start().await);
        let otlp = format!("http://{}", collector.host);
        let server = Server::with(on, |config| config.telemetry.otlp = otlp).await;
        let allowed = format!("http://{}", shop.host);
        server.install_bytes(with_manifest("probe", "http://127.0.0.1:9000", &allowed)).await;
        server.says(ANN, &format!("http {}", shop.url)).await;
        // Its receipts come after the restart, and so does the end of the trace.
        let server = server.restart().await;
        server.advance(10_000).await;
        let message = incoming(&server).await;
        let id = trace(&server, &message).await["trace"].as_str().expect("an id").to_owned();
        let read = "message.status read";
        eventually("the last span", async || spans(&collector).values().any(|span| span["name"] == read).then_some(())).await;
        let all = spans(&collector);
        // The one below another; of the first there is one alone.
        let below = |parent: &Value, name: &str| {
            let mut found = all.values().filter(|span| span["traceId"] == id.as_str() && span["name"] == name);
            let found = found.find(|span| span["parentSpanId"] == parent["spanId"]);
            found.unwrap_or_else(|| panic!("no {name} below {parent} in {all:#?}")).clone()
        };
        let intake = below(&Value::Null, "message.intake");
        let received = below(&intake, "message.received");
        let call = below(&received, "plugin probe");
        let request = below(&call, "GET");
        let answer = below(&call, "message.queued");
        for name in ["send sandbox", "message.sent sent", "message.status delivered", read] {
            below(&answer, name);
        }
        let header = shop.requests()[0].header("traceparent").to_owned();
        assert_eq!(header, format!("00-{id}-{}-01", request["spanId"].as_str().expect("an id")));
        let told = serde_json::to_string(&all).expect("JSON");
        assert!(!told.contains(&ANN[1..]) && !told.contains(&shop.url), "no words and no numbers: {told}");
        server.finish().await;
    }

    /// With a share of none, nothing is told, but for what its sender wants told; a collector that is
    /// gone holds nobody up.
    async fn only_what_is_sampled_is_told(on: On) {
        let collector = Receiver::start().await;
        let otlp = format!("http://{}/", collector.host);
        let server = Server::with(on, |config| {
            config.telemetry.otlp = otlp;
            config.telemetry.sample = 0.0;
        })
        .await;
        let install = server.install("probe").await;
        server.says(ANN, "echo hello").await;
        let hook = format!("/x/{install}/queued");
        server.client.post_bytes(&hook, b"+15550109=hello".to_vec(), &[("traceparent", GIVEN)]).await.ok();
        server.advance(10_000).await;
        server.finish().await;
        let all = spans(&collector);
        assert!(!all.is_empty() && all.values().all(|span| span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"), "{all:#?}");
        let hook = all.values().find(|span| span["name"] == "webhook.received").expect("the webhook");
        assert_eq!(hook["parentSpanId"], "00f067aa0ba902b7");
    }
}
