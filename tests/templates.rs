//! Templates: written, reviewed, filled and sent; and the window of 24 hours, outside which only they
//! may be sent.

use serde_json::{Value, json};
use sqlx::Executor;

use crate::support::{Client, Server, with_manifest};

const ANN: &str = "+15550101";
const DAY: i64 = 86_400_000;

both! {
    /// Draft, pending, approved by the pretend reviewer after a while; each step is an event.
    async fn a_template_is_reviewed(on: On) {
        let server = Server::start(on).await;
        let made = server.client.post("/api/v1/templates", order_ready()).await.ok();
        assert_eq!((&made["status"], &made["parameters"]), (&"draft".into(), &json!(["1", "2"])), "{made}");
        assert_eq!(server.client.post("/api/v1/templates", order_ready()).await.refused(409), "template_exists");
        let path = path(&made);
        assert_eq!(server.client.post(&format!("{path}/submit"), Value::Null).await.ok()["status"], "pending");
        assert_eq!(server.client.post(&format!("{path}/submit"), Value::Null).await.refused(409), "template_not_draft");
        server.drain().await;
        assert_eq!(server.client.get(&path).await.ok()["status"], "pending", "not at once");
        let server = server.restart().await;
        server.advance(2_000).await;
        assert_eq!(server.client.get(&path).await.ok()["status"], "approved");
        decide(&server, &made, "paused").await;
        let events = server.client.get("/api/v1/events").await.ok();
        let told: Vec<&str> = events["events"].as_array().expect("a list").iter()
            .filter(|event| event["type"] == "template.status").filter_map(|event| event["data"]["status"].as_str()).collect();
        assert_eq!(told, ["pending", "approved", "paused"], "{events}");
        let listed = server.client.get("/api/v1/templates?status=paused&name=order_ready").await.ok();
        assert_eq!(listed["templates"].as_array().map(Vec::len), Some(1), "{listed}");
        let (other, _) = server.another_team().await;
        other.get(&path).await.refused(404);
        other.post(&format!("{path}/submit"), Value::Null).await.refused(404);
        other.delete(&path).await.refused(404);
        assert_eq!(server.client.delete(&path).await.status, 204);
        server.client.get(&path).await.refused(404);
        server.finish().await;
    }

    /// What was rejected is written anew and reviewed anew; what is approved or under review stays.
    async fn a_rejected_template_is_changed_and_submitted_again(on: On) {
        let server = Server::start(on).await;
        let made = server.client.post("/api/v1/templates", order_ready()).await.ok();
        let path = path(&made);
        let body = |text: &str| json!([{ "type": "body", "text": text }]);
        let draft = server.client.patch(&path, json!({ "category": "marketing" })).await.ok();
        assert_eq!((&draft["category"], &draft["status"], &draft["components"]), (&"marketing".into(), &"draft".into(), &made["components"]));
        server.client.post(&format!("{path}/submit"), Value::Null).await.ok();
        assert_eq!(server.client.patch(&path, json!({ "category": "utility" })).await.refused(409), "template_not_editable");
        decide(&server, &made, "rejected").await;
        for wrong in [json!({ "components": [] }), json!({ "components": body("Hi {{2}}") }), json!({ "name": "other" }), json!({ "submit": 1 }), json!({ "status": "approved" })] {
            assert_eq!(server.client.patch(&path, wrong.clone()).await.refused(400), "invalid_request", "{wrong}");
        }
        let (other, _) = server.another_team().await;
        other.patch(&path, json!({ "category": "utility" })).await.refused(404);
        let rejected = server.client.get(&path).await.ok();
        assert_eq!((&rejected["status"], &rejected["reason"], &rejected["category"]), (&"rejected".into(), &"as told".into(), &"marketing".into()));
        let anew = json!({ "components": body("Your order is ready."), "submit": true });
        let anew = server.client.patch(&path, anew).await.ok();
        assert_eq!((&anew["status"], &anew["reason"], &anew["parameters"]), (&"pending".into(), &Value::Null, &json!([])), "{anew}");
        server.drain().await;
        assert_eq!(server.client.get(&path).await.ok()["status"], "pending", "it is reviewed like a new one");
        server.advance(2_000).await;
        let approved = server.client.get(&path).await.ok();
        assert_eq!(approved["status"], "approved");
        assert_eq!(server.client.patch(&path, json!({ "components": body("x is y") })).await.refused(409), "template_not_editable");
        assert_eq!(server.client.get(&path).await.ok(), approved);
        let events = server.events("template.status").await;
        let told: Vec<&str> = events.iter().filter_map(|event| event["data"]["status"].as_str()).collect();
        assert_eq!(told, ["pending", "rejected", "draft", "pending", "approved"]);
        server.finish().await;
    }

    async fn what_no_provider_would_take_is_refused(on: On) {
        let server = Server::start(on).await;
        let body = |text: &str| json!([{ "type": "body", "text": text }]);
        for (field, value) in [
            ("name", json!("Order Ready")), ("language", json!("english please")), ("category", json!("fun")),
            ("components", json!([])), ("components", body("")), ("components", body("Hi {{1}}")),
            ("components", body("Hi {{2}}")), ("components", body("Hi {{name}}")), ("components", json!([{ "type": "body", "txt": "x" }])),
            ("components", json!([{ "type": "body", "text": "x" }, { "type": "body", "text": "y" }])),
            ("components", json!([{ "type": "body", "text": "x" }, { "type": "buttons", "buttons": [{ "type": "url", "text": "go" }] }])),
            ("colour", json!("red")),
        ] {
            let mut template = order_ready();
            template[field] = value.clone();
            let answer = server.client.post("/api/v1/templates", template).await;
            assert_eq!(answer.status, 400, "{field} {value}: {}", answer.body);
        }
        let list = server.client.get("/api/v1/templates").await.ok();
        assert_eq!(list["templates"], json!([]));
        server.finish().await;
    }

    /// The customer reads the words; what does not fit is refused with the provider's number.
    async fn a_message_fills_a_template(on: On) {
        let server = Server::start(on).await;
        let made = approved(&server, order_ready()).await;
        let values = json!([{ "type": "text", "text": "Ann" }, { "type": "date_time", "date_time": { "fallback_value": "6 May" } }]);
        let sent = server.client.post("/api/v1/messages", message(values.clone())).await.ok();
        server.drain().await;
        let sent = server.client.get(&format!("/api/v1/messages/{}", sent["id"].as_str().expect("an id"))).await.ok();
        assert!(sent.to_string().contains("Dear Ann, ready on 6 May"), "{sent}");
        let out = server.client.outgoing(&server.account).await;
        assert_eq!(out[0]["content"]["template"]["text"], "Dear Ann, ready on 6 May\nThe shop", "{out:?}");
        let text = |text: &str| json!({ "type": "text", "text": text });
        for (values, status, code) in [
            (json!([text("Ann")]), 400, "template_parameter_count"),
            (json!([text("Ann"), text("x\ny")]), 400, "template_policy"),
            (json!([text("Ann"), text(&"x".repeat(1020))]), 400, "template_too_long"),
            (json!([text("Ann"), { "type": "image", "image": { "url": "https://x" } }]), 400, "template_parameter_format"),
        ] {
            assert_eq!(server.client.post("/api/v1/messages", message(values)).await.refused(status), code);
        }
        let mut german = message(values.clone());
        german["template"]["language"]["code"] = "de".into();
        assert_eq!(server.client.post("/api/v1/messages", german).await.refused(404), "template_not_found");
        for (status, code) in [("paused", "template_paused"), ("disabled", "template_disabled")] {
            decide(&server, &made, status).await;
            let answer = server.client.post("/api/v1/messages", message(values.clone())).await;
            assert!(answer.body["error"]["message"].as_str().is_some_and(|text| text.contains("(13201")), "{}", answer.body);
            assert_eq!(answer.refused(409), code);
        }
        server.finish().await;
    }

    /// What is refused only when it leaves ends as an error with the code: a template that was paused
    /// meanwhile.
    async fn a_template_is_checked_again_when_it_leaves(on: On) {
        let server = Server::start(on).await;
        let made = approved(&server, order_ready()).await;
        let mut later = message(json!([{ "type": "text", "text": "Ann" }, { "type": "text", "text": "x" }]));
        later["scheduleAt"] = "2026-01-05T13:00:00Z".into();
        let later = server.client.post("/api/v1/messages", later).await.ok();
        decide(&server, &made, "paused").await;
        server.advance(3_600_000).await;
        let ended = server.client.get(&format!("/api/v1/messages/{}", later["id"].as_str().expect("an id"))).await.ok();
        assert_eq!((&ended["status"], &ended["error"]["code"]), (&"error".into(), &"template_paused".into()), "{ended}");
        server.finish().await;
    }

    /// To the millisecond, by the API, by plugins and when it leaves; templates and notes may pass.
    async fn outside_the_window_only_templates_are_sent(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        approved(&server, json!({ "name": "hello", "language": "en", "category": "utility", "components": [{ "type": "body", "text": "Hello again" }] })).await;
        keep_window(&server).await;
        let text = json!({ "to": ANN, "type": "text", "text": "hi" });
        assert_eq!(server.client.post("/api/v1/messages", text.clone()).await.refused(409), "window_closed", "who never wrote");
        server.says(ANN, "window").await;
        server.says(ANN, &format!("later {DAY} too late")).await;
        let begun = server.clock.now();
        server.advance(DAY - 1).await;
        server.client.post("/api/v1/messages", text.clone()).await.ok();
        server.drain().await;
        assert_eq!(server.heard(ANN).await, ["open", "hi"]);
        server.advance(1).await;
        assert_eq!(server.clock.now() - begun, DAY);
        assert_eq!(server.client.post("/api/v1/messages", text).await.refused(409), "window_closed");
        let chats = server.client.get("/api/v1/chats").await.ok();
        assert_eq!((&chats["chats"][0]["window"], &chats["chats"][0]["windowUntil"]), (&"closed".into(), &Value::Null), "{chats}");
        assert_eq!(server.heard(ANN).await, ["open", "hi"], "what a plugin had scheduled is not sent");
        let messages = server.client.get(&format!("/api/v1/contacts/{ANN}/messages")).await.ok();
        assert!(messages.to_string().contains("window_closed"), "{messages}");
        let template = json!({ "to": ANN, "type": "template", "template": { "name": "hello", "language": { "code": "en" } } });
        server.client.post("/api/v1/messages", template).await.ok();
        server.client.post("/api/v1/messages", json!({ "to": ANN, "type": "note", "text": "quiet" })).await.ok();
        let mut much_later = json!({ "to": ANN, "type": "text", "text": "perhaps" });
        much_later["scheduleAt"] = "2026-01-08T12:00:00Z".into();
        server.client.post("/api/v1/messages", much_later).await.ok();
        server.drain().await;
        assert_eq!(server.client.outgoing(&server.account).await.len(), 3);
        server.advance(DAY).await;
        server.says(ANN, "here I am").await;
        server.advance(DAY - 1_000).await;
        assert!(server.heard(ANN).await.contains(&"perhaps".to_owned()), "the customer wrote meanwhile");
        server.finish().await;
    }

    /// A plugin lists what is approved and sends one; what does not fit becomes the message's error.
    async fn a_plugin_sends_a_template(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        approved(&server, order_ready()).await;
        server.client.post("/api/v1/templates", json!({ "name": "draft", "language": "en", "category": "utility", "components": [{ "type": "body", "text": "x" }] })).await.ok();
        server.says(ANN, "templates").await;
        assert_eq!(server.heard(ANN).await, ["templates order_ready en_US 1+2"]);
        server.says(ANN, "template order_ready en_US Ann,today").await;
        let out = server.client.outgoing(&server.account).await;
        assert_eq!(out[1]["content"]["template"]["text"], "Dear Ann, ready on today\nThe shop", "{out:?}");
        server.says(ANN, "template order_ready en_US Ann").await;
        let messages = server.client.get(&format!("/api/v1/contacts/{ANN}/messages")).await.ok();
        assert_eq!(messages["messages"][0]["error"]["code"], "template_parameter_count", "{messages}");
        let logs = logs(&server.client).await;
        assert!(logs.contains("account template.status"), "{logs}");
        server.finish().await;
    }

    /// A plugin sees what messages of the chat's account may use: those of its business account before
    /// the team's own, and none of another.
    async fn a_plugin_sees_the_templates_of_its_accounts_business(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let mut business = Vec::new();
        for name in ["ours", "theirs"] {
            let made = server.client.post("/api/v1/business-accounts", json!({ "name": name })).await.ok();
            business.push(made["id"].as_str().expect("an id").to_owned());
        }
        let template = |name: &str, text: &str, business: Option<&String>| json!({
            "name": name, "language": "en", "category": "utility", "components": [{ "type": "body", "text": text }], "businessAccount": business,
        });
        for it in [
            template("both", "of the team", None), template("both", "of ours", Some(&business[0])), template("own", "alone", None),
            template("group", "in ours", Some(&business[0])), template("both", "of theirs", Some(&business[1])), template("hidden", "in theirs", Some(&business[1])),
        ] {
            approved(&server, it).await;
        }
        server.says(ANN, "templates").await;
        assert_eq!(server.heard(ANN).await, ["templates both en ,own en "], "of no business account");
        server.client.patch(&format!("/api/v1/accounts/{}", server.account), json!({ "businessAccount": business[0] })).await.ok();
        for (ask, answer) in [
            ("templates", "templates both en ,own en ,group en "),
            ("template-body both en", "of ours"), ("template-body own en", "alone"), ("template-body group en", "in ours"),
            ("template-body hidden en", "not-found: there is no template \"hidden\" in \"en\""),
        ] {
            server.says(ANN, ask).await;
            assert_eq!(server.heard(ANN).await.pop().as_deref(), Some(answer), "{ask}");
        }
        server.says(ANN, "template both en").await;
        let out = server.client.outgoing(&server.account).await;
        assert_eq!(out.last().expect("sent")["content"]["template"]["text"], "of ours", "what it saw is what is sent");
        server.finish().await;
    }

    /// Neither what the manifest does not ask for, nor what the installer did not grant.
    async fn a_plugin_without_the_permission_sees_no_templates(on: On) {
        let server = Server::start(on).await;
        approved(&server, order_ready()).await;
        let asks = ["templates", "template-body order_ready en_US"];
        server.install_bytes(with_manifest("probe", "templates = true\n", "")).await;
        for ask in asks {
            server.says(ANN, ask).await;
            let line = "denied: add `templates = true` under [permissions] in plugin.toml, and install it again";
            assert_eq!(server.heard(ANN).await.pop().as_deref(), Some(line), "{ask}");
        }
        server.install("probe").await;
        let mut grants = server.client.get("/api/v1/plugins/probe/grants").await.ok()["granted"].clone();
        grants["templates"] = false.into();
        server.client.put("/api/v1/plugins/probe/grants", grants).await.ok();
        for ask in asks {
            server.says(ANN, ask).await;
            let refusal = "denied: plugin.toml asks for `templates = true`, but whoever installed the plugin did not grant it";
            assert_eq!(server.heard(ANN).await.pop().as_deref(), Some(refusal), "{ask}");
        }
        server.finish().await;
    }
}

fn order_ready() -> Value {
    json!({
        "name": "order_ready", "language": "en_US", "category": "utility",
        "components": [
            { "type": "BODY", "text": "Dear {{1}}, ready on {{2}}", "example": { "body_text": [["Ann", "Monday"]] } },
            { "type": "FOOTER", "text": "The shop" },
        ],
    })
}

fn message(values: Value) -> Value {
    json!({
        "to": ANN, "type": "template",
        "template": { "name": "order_ready", "language": { "code": "en_US" }, "components": [{ "type": "body", "parameters": values }] },
    })
}

fn path(made: &Value) -> String {
    format!("/api/v1/templates/{}", made["id"].as_str().expect("an id"))
}

/// Written, submitted and approved.
async fn approved(server: &Server, mut template: Value) -> Value {
    template["submit"] = true.into();
    let made = server.client.post("/api/v1/templates", template).await.ok();
    server.drain().await;
    server.advance(2_000).await;
    let now = server.client.get(&path(&made)).await.ok();
    assert_eq!(now["status"], "approved", "{now}");
    made
}

async fn decide(server: &Server, made: &Value, status: &str) {
    let path = format!("/sandbox/templates/{}", made["id"].as_str().expect("an id"));
    server.client.put(&path, json!({ "status": status, "reason": "as told" })).await.ok();
    server.drain().await;
}

/// The account must keep the window, as one on cloud must.
async fn keep_window(server: &Server) {
    let mut tx = server.house().store.begin().await.expect("a transaction");
    tx.execute("UPDATE account SET settings = '{\"window\":true}'").await.expect("written");
    server.house().commit(tx).await.expect("committed");
}

async fn logs(client: &Client) -> String {
    client.get("/api/v1/plugins/probe/logs").await.ok().to_string()
}
