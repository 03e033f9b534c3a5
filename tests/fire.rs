//! Events fired by hand: to one plugin alone, durable, marked, and nobody's key to other teams.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, Server, with_manifest};

/// The probe with a schedule.
async fn install(server: &Server) -> String {
    let old = "[[routes]]\npath = \"/queued\"";
    let new = format!(
        "[[schedules]]\nname = \"daily\"\ncron = \"0 9 * * *\"\npayload = \"tea\"\n\n[secrets.hook]\n\n\
         [[routes]]\npath = \"/signed\"\nmode = \"sync\"\nverify = {{ style = \"github\", secret = \"hook\" }}\n\n{old}"
    );
    server.install_bytes(with_manifest("probe", old, &new)).await
}

async fn fire(client: &Client, install: &str, body: Value) -> String {
    let answer = client.post(&format!("/api/v1/plugins/{install}/fire"), body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    answer.body["event"].as_str().expect("an id").to_owned()
}

/// What came of an event, with its log lines as texts.
async fn outcome(server: &Server, install: &str, event: &str) -> (Value, Vec<String>) {
    let path = format!("/api/v1/plugins/{install}/events/{event}");
    let outcome = server.client.get(&path).await.ok();
    let logs = outcome["logs"].as_array().expect("a list").iter();
    let logs = logs.map(|line| line["message"].as_str().expect("a text").to_owned()).collect();
    (outcome, logs)
}

async fn chat(server: &Server) -> String {
    let chats = server.client.get("/api/v1/chats").await.ok();
    chats["chats"][0]["id"].as_str().expect("an id").to_owned()
}

both! {
    /// It happens although the host stops right after; the schedule goes on as it was.
    async fn a_schedule_is_fired_by_its_name_and_survives_a_stop(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        let event = fire(&server.client, "probe", json!({ "schedule": "daily" })).await;
        let server = server.restart().await;
        server.drain().await;
        let (outcome, logs) = outcome(&server, &install, &event).await;
        assert_eq!((outcome["state"].as_str(), outcome["type"].as_str()), (Some("done"), Some("timer.fired")));
        assert!(logs[0].starts_with("fired by hand by key_") && logs[0].ends_with(": schedule daily"), "{logs:?}");
        assert_eq!(logs[1..], ["timer daily tea", "done: no effects"]);
        let events = server.events("timer.fired").await;
        assert!(events[0]["data"]["fired_by"].as_str().is_some_and(|by| by.starts_with("key_")), "{events:?}");
        server.advance(24 * 3_600_000).await;
        assert_eq!(server.events("timer.fired").await.len(), 2, "it fires at its own time too");
        server.stop().await;
    }

    /// A timer that is set under that name stays.
    async fn a_timer_is_fired_in_a_chat(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        server.says("+15550101", "timer 60000 tea mint").await;
        let timer = json!({ "name": "tea", "payload": "green", "chat": chat(&server).await });
        let event = fire(&server.client, &install, json!({ "timer": timer })).await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["timer tea green"]);
        let (_, logs) = outcome(&server, &install, &event).await;
        assert_eq!(logs.last().map(String::as_str), Some("done: send 1"));
        server.advance(60_000).await;
        assert_eq!(server.heard("+15550101").await, ["timer tea green", "timer tea mint"]);
        server.stop().await;
    }

    /// No signature is asked of who may fire.
    async fn a_webhook_is_called_without_a_signature(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        let webhook = json!({ "path": "/signed?id=7", "body": "+15550101=hello", "headers": { "X-Topic": "a" } });
        let event = fire(&server.client, &install, json!({ "webhook": webhook })).await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["hello"]);
        let (outcome, _) = outcome(&server, &install, &event).await;
        assert_eq!(outcome["reply"], json!({ "status": 200, "body": "POST /signed?id=7 call 1: +15550101=hello" }));
        server.stop().await;
    }

    /// To the one plugin, and to no other that would receive it.
    async fn an_event_goes_to_one_plugin_alone(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        server.says("+15550101", "echo hi").await;
        let fired = json!({ "name": "order.placed", "data": { "id": 7, "fired_by": "me" }, "chat": chat(&server).await });
        let event = fire(&server.client, &install, json!({ "event": fired })).await;
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["hi", "event order.placed"]);
        let stored = &server.events("order.placed").await[0];
        assert_eq!(stored["id"], event.as_str());
        assert_ne!(stored["data"]["fired_by"], "me", "who fired it is not to be made up");
        server.stop().await;
    }

    async fn a_failure_is_told(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        let webhook = json!({ "path": "/queued", "body": "fail" });
        let event = fire(&server.client, &install, json!({ "webhook": webhook })).await;
        for _ in 0..5 {
            server.advance(120_000).await;
        }
        let (outcome, _) = outcome(&server, &install, &event).await;
        assert_eq!((&outcome["state"], outcome["failures"].as_array().map(Vec::len)), (&json!("failed"), Some(5)));
        assert!(outcome["deadLetter"].is_string(), "{outcome}");
        server.stop().await;
    }

    async fn what_cannot_be_fired_is_said(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        let path = format!("/api/v1/plugins/{install}/fire");
        for (body, word) in [
            (json!({}), "one of"),
            (json!({ "schedule": "daily", "timer": { "name": "a" } }), "one of"),
            (json!({ "schedule": "hourly" }), "it has daily"),
            (json!({ "schedule": 7 }), "string"),
            (json!({ "sunday": "daily" }), "sunday"),
            (json!({ "timer": { "name": "" } }), "timer.name"),
            (json!({ "webhook": { "path": "/nowhere" } }), "/queued"),
            (json!({ "webhook": { "path": "no path" } }), "webhook.path"),
            (json!({ "webhook": { "path": "/queued", "method": "A B" } }), "webhook.method"),
            (json!({ "webhook": { "path": "/queued", "headers": { "a b": "c" } } }), "webhook.headers"),
            (json!({ "event": { "name": "message.received" } }), "the host's own"),
            (json!({ "event": { "name": "Order placed" } }), "order.placed"),
            (json!({ "event": { "name": "order.placed", "data": [1] } }), "map"),
        ] {
            let answer = server.client.post(&path, body.clone()).await;
            let message = answer.body["error"]["message"].as_str().unwrap_or_default().to_owned();
            assert!(message.contains(word), "{body}: {message}");
            assert_eq!(answer.refused(400), "invalid_request", "{body}");
        }
        let elsewhere = json!({ "timer": { "name": "a", "chat": "chat_none" } });
        assert_eq!(server.client.post(&path, elsewhere).await.refused(404), "not_found");
        // Another plugin receives no timers.
        server.install("second").await;
        let answer = server.client.post("/api/v1/plugins/second/fire", json!({ "timer": { "name": "a" } })).await;
        assert!(answer.body["error"]["message"].as_str().is_some_and(|it| it.contains("on = \"timer\"")));
        assert_eq!(server.events("timer.fired").await, Vec::<Value>::new());
        server.stop().await;
    }

    async fn another_team_fires_nothing_here_and_sees_nothing(on: On) {
        let server = Server::start(on).await;
        let install = install(&server).await;
        let event = fire(&server.client, &install, json!({ "schedule": "daily" })).await;
        let (other, _) = server.another_team().await;
        let fired = other.post(&format!("/api/v1/plugins/{install}/fire"), json!({ "schedule": "daily" })).await;
        assert_eq!(fired.refused(404), "not_found");
        let path = format!("/api/v1/plugins/{install}/events/{event}");
        assert_eq!(other.get(&path).await.refused(404), "not_found");
        // Nor does a chat of one team take another's timer.
        server.says("+15550101", "echo hi").await;
        let headers = [("content-type", "application/wasm")];
        let wasm = crate::support::plugin("probe");
        other.post_bytes("/api/v1/plugins?grant=all", wasm, &headers).await.ok();
        let timer = json!({ "timer": { "name": "a", "chat": chat(&server).await } });
        assert_eq!(other.post("/api/v1/plugins/probe/fire", timer).await.refused(404), "not_found");
        server.stop().await;
    }
}
