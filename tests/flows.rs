//! Flows: conversations written as data, which a plugin runs that is shipped.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::Executor;
use switchboard::plugin::manifest::Source;

use crate::desk::Desk;
use crate::support::{Receiver, Server, plugin};

const ANN: &str = "+15550101";
const BOB: &str = "+15550102";
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/flows")
}

fn example(name: &str) -> String {
    std::fs::read_to_string(examples().join(format!("{name}.yaml"))).expect("an example")
}

/// The plugin that a text is.
async fn wrapped(server: &Server, text: &str) -> Vec<u8> {
    let source = Source { name: "flow.yaml".to_owned(), text: text.to_owned() };
    server.house().runtime.wrap(&plugin("flow"), &source).await.expect("it holds")
}

async fn install(server: &Server, text: &str) -> String {
    server.install_bytes(wrapped(server, text).await).await
}

/// What the sandbox's customer was sent, whatever its kind.
async fn heard(server: &Server, phone: &str) -> Vec<String> {
    let all = server.client.outgoing(&server.account).await;
    let theirs = all.iter().filter(|record| record["to"] == phone).map(|record| &record["content"]);
    theirs
        .map(|content| match content["type"].as_str() {
            Some("text") => content["text"].as_str().unwrap_or_default().to_owned(),
            Some("template") => {
                format!("<{}>", content["template"]["name"].as_str().unwrap_or_default())
            }
            _ => content["interactive"]["body"]["text"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}

/// The run that waits in a customer's chat, as the API shows it.
async fn run(server: &Server, install: &str, phone: &str) -> Option<Value> {
    let contact = server.client.get(&format!("/api/v1/contacts/{phone}")).await.ok();
    let chats = server.client.get("/api/v1/chats").await.ok();
    let chats = chats["chats"].as_array().expect("a list");
    let chat = chats.iter().find(|chat| chat["contact"] == contact["id"]).expect("a chat");
    let chat = chat["id"].as_str().expect("an id");
    let path = format!("/api/v1/plugins/{install}/state?scope=chat&id={chat}&prefix=run");
    let kept = server.client.get(&path).await.ok();
    let value = kept["state"][0]["value"].as_str()?;
    Some(serde_json::from_str(value).expect("readable JSON"))
}

async fn logs(server: &Server, install: &str) -> String {
    let logs = server.client.get(&format!("/api/v1/plugins/{install}/logs?limit=1000")).await.ok();
    logs.to_string()
}

both! {
    /// Where it waits is in rows: for an answer, and for a time.
    async fn a_conversation_goes_on_after_a_restart(on: On) {
        let server = Server::start(on).await;
        let install = install(&server, &example("appointment")).await;
        server.says(ANN, "appointment").await;
        server.says(ANN, "haircut").await;
        let waiting = run(&server, &install, ANN).await.expect("a run");
        assert_eq!((&waiting["step"], &waiting["waits"]), (&json!("moment"), &json!("for_answer")), "{waiting}");
        assert_eq!(waiting["vars"]["service"], "cut");
        let server = server.restart_after(HOUR).await;
        server.says(ANN, "tomorrow 15:30").await;
        server.says(ANN, "yes").await;
        let waiting = run(&server, &install, ANN).await.expect("a run");
        assert_eq!((&waiting["step"], &waiting["until"]), (&json!("hour_before"), &json!("2026-01-06T14:30:00+01:00")));
        let before = heard(&server, ANN).await.len();
        let server = server.restart_after(DAY + 3 * HOUR).await;
        server.drain().await;
        let heard = heard(&server, ANN).await;
        assert_eq!(heard[before..], ["See you at 15:30!"], "late, and once");
        assert_eq!(run(&server, &install, ANN).await, None);
        server.finish().await;
    }

    /// A run goes on in the version that is there: at its step, or not at all.
    async fn a_flow_may_be_changed_while_people_are_in_it(on: On) {
        let server = Server::start(on).await;
        let flow = |version: &str, step: &str| {
            format!("flow: mail\nversion: {version}\ntriggers: [{{ keyword: go }}]\nsteps:\n  - {{ id: {step}, ask: {{ text: 'Mail?', save: mail }} }}\n  - reply: '{version} {{{{ vars.mail }}}}'\n")
        };
        let id = install(&server, &flow("1.0.0", "mail")).await;
        server.says(ANN, "go").await;
        server.says(BOB, "go").await;
        assert_eq!(install(&server, &flow("2.0.0", "mail")).await, id);
        server.says(ANN, "a@b.c").await;
        assert_eq!(heard(&server, ANN).await, ["Mail?", "2.0.0 a@b.c"]);
        install(&server, &flow("3.0.0", "address")).await;
        server.says(BOB, "b@b.c").await;
        assert_eq!(heard(&server, BOB).await, ["Mail?"]);
        assert!(logs(&server, &id).await.contains("version 3.0.0 has no step"), "{}", logs(&server, &id).await);
        server.says(BOB, "go").await;
        assert_eq!(heard(&server, BOB).await, ["Mail?", "Mail?"]);
        server.says(BOB, "b@b.c").await;
        server.finish().await;
    }

    async fn who_does_not_answer_in_time_is_not_waited_for(on: On) {
        let server = Server::start(on).await;
        let install = install(&server, &example("lead-capture")).await;
        server.says(ANN, "price").await;
        server.advance(HOUR - 1).await;
        assert!(run(&server, &install, ANN).await.is_some());
        server.advance(1).await;
        assert_eq!(run(&server, &install, ANN).await, None);
        assert_eq!(heard(&server, ANN).await.last().map(String::as_str), Some("I will stop asking for now. Write *price* to go on."));
        assert!(logs(&server, &install).await.contains("timed out"));
        server.finish().await;
    }

    /// A request leaves with its secret in place, and what comes back is a variable.
    async fn a_flow_calls_an_address(on: On) {
        let server = Server::start(on).await;
        let shop = Receiver::start().await;
        let text = format!(
            "flow: shop\nsecrets: {{ key: {{ hosts: ['http://{host}'] }} }}\ntriggers: [{{ keyword: go }}]\nsteps:\n  - http: {{ url: '{url}order', headers: {{ authorization: 'Bearer {{{{ secrets.key }}}}' }}, body: {{ who: '{{{{ message.text }}}}' }}, save: got, on_error: [{{ reply: 'no: {{{{ vars.error.status }}}}' }}] }}\n  - reply: '{{{{ vars.got.body }}}}'\n",
            host = shop.host, url = shop.url,
        );
        let install = install(&server, &text).await;
        server.client.put(&format!("/api/v1/plugins/{install}/secrets/key"), json!({ "value": "s3cret" })).await.ok();
        server.says(ANN, "go").await;
        assert_eq!(heard(&server, ANN).await, ["heard"]);
        let request = &shop.requests()[0];
        assert_eq!((request.header("authorization"), request.json()), ("Bearer s3cret", json!({ "who": "go" })));
        assert!(!request.header("idempotency-key").is_empty());
        shop.answer([500]);
        server.says(ANN, "go").await;
        assert_eq!(heard(&server, ANN).await[1..], ["no: 500", "heard"]);
        server.finish().await;
    }

    /// Nothing of the call is done, nothing is tried again, and the reason names the permission.
    async fn what_was_not_granted_ends_the_call_with_its_name(on: On) {
        let server = Server::start(on).await;
        let install = install(&server, "flow: tagger\ntriggers: [{ keyword: go }]\nsteps: [{ reply: Hi }, { id: vip, tag: vip }]\n").await;
        server.client.put(&format!("/api/v1/plugins/{install}/grants"), json!({ "messaging": true })).await.ok();
        server.says(ANN, "go").await;
        assert_eq!(heard(&server, ANN).await, Vec::<String>::new());
        let letters = server.client.get(&format!("/api/v1/dead-letters?plugin={install}")).await.ok();
        let reason = letters["deadLetters"][0]["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("step vip: denied") && reason.contains("contacts"), "{letters}");
        assert_eq!(letters["deadLetters"][0]["attempts"], 1, "{letters}");
        server.finish().await;
    }

    /// What one flow asks is for it alone, and each keeps its own run.
    async fn two_flows_share_an_account(on: On) {
        let server = Server::start(on).await;
        let flow = |name: &str| {
            format!("flow: {name}\ntriggers: [{{ keyword: {name} }}]\nsteps: [{{ ask: {{ text: '{name}?', save: it }} }}, {{ reply: '{name}: {{{{ vars.it }}}}' }}]\n")
        };
        install(&server, &flow("red")).await;
        install(&server, &flow("blue")).await;
        server.says(ANN, "blue").await;
        server.says(BOB, "red").await;
        server.says(ANN, "red").await;
        assert_eq!(heard(&server, ANN).await, ["blue?", "red?"], "the first in the chain has its trigger");
        server.says(ANN, "blue").await;
        server.says(ANN, "sky").await;
        server.says(BOB, "blue").await;
        assert_eq!(heard(&server, ANN).await[2..], ["red: blue", "blue: sky"]);
        assert_eq!(heard(&server, BOB).await, ["red?", "red: blue"]);
        server.finish().await;
    }

    /// A flow emits an event, and another begins by it in the same chat, hours later.
    async fn an_event_of_one_flow_begins_another(on: On) {
        let server = Server::start(on).await;
        install(&server, "flow: parcel\ntriggers: [{ keyword: here }]\nsteps: [{ emit: { name: order.delivered, data: { number: 7 } } }]\n").await;
        let survey = install(&server, &example("satisfaction")).await;
        server.says(ANN, "here").await;
        let waiting = run(&server, &survey, ANN).await.expect("a run");
        assert_eq!((&waiting["waits"], &waiting["start"]["event"]["data"]["number"]), (&json!("for_time"), &json!(7)), "{waiting}");
        server.says(ANN, "here").await;
        let server = server.restart_after(2 * HOUR).await;
        server.drain().await;
        assert_eq!(heard(&server, ANN).await, ["How was it, from 1 (bad) to 5 (great)?"], "once");
        server.says(ANN, "4").await;
        assert_eq!(heard(&server, ANN).await[1..], ["Thank you!"]);
        server.finish().await;
    }

    /// The window closes a day after the customer wrote last: then a part is a template.
    async fn a_drip_campaign_keeps_the_window(on: On) {
        let server = Server::start(on).await;
        let made = server.client.post("/api/v1/templates", json!({
            "name": "course_part", "language": "en", "category": "marketing", "submit": true,
            "components": [{ "type": "body", "text": "Part {{1}} of your course waits: answer to read it.", "example": { "body_text": [["1"]] } }],
        })).await.ok();
        server.advance(5_000).await;
        assert!(made["id"].is_string(), "{made}");
        let mut tx = server.house().store.begin().await.expect("a transaction");
        tx.execute("UPDATE account SET settings = '{\"window\":true}'").await.expect("written");
        server.house().commit(tx).await.expect("committed");
        install(&server, &example("drip")).await;
        server.says(ANN, "course").await;
        server.says(BOB, "course").await;
        server.advance(20 * HOUR).await;
        assert_eq!(heard(&server, ANN).await[1..], ["Part 1: soil."]);
        server.says(ANN, "thank you").await;
        server.advance(DAY).await;
        server.advance(DAY).await;
        // Both are sent something at the same moment, one after the other.
        server.advance(5_000).await;
        assert_eq!(heard(&server, ANN).await[2..], ["<course_part>", "<course_part>"], "she wrote a day before, to the minute");
        assert_eq!(heard(&server, BOB).await[1..], ["Part 1: soil.", "<course_part>", "<course_part>"]);
        server.finish().await;
    }

    /// A call from outside begins a run with somebody who never wrote; nobody else's chat is reached.
    async fn a_webhook_begins_a_run_in_a_chat(on: On) {
        let server = Server::start(on).await;
        let signed = example("order-status");
        let open = signed.lines().filter(|line| !line.contains("verify:")).collect::<Vec<_>>().join("\n");
        assert!(open.len() < signed.len());
        let install = install(&server, &open).await;
        let call = async |phone: &str| {
            let order = json!({ "phone": phone, "number": "A-7", "state": "sent" });
            server.client.post(&format!("/x/{install}/order"), order).await.ok();
            server.drain().await;
        };
        call("+15550177").await;
        assert_eq!(heard(&server, "+15550177").await, ["Your order A-7 is on its way."]);
        let (other, account) = server.another_team().await;
        other.incoming(&account, "+15550666", "hello").await;
        server.drain().await;
        let chats = other.get("/api/v1/chats").await.ok();
        call(chats["chats"][0]["id"].as_str().expect("an id")).await;
        assert_eq!(other.outgoing(&account).await.len(), 0);
        // It was tried, refused as `not-found` each time, and given up.
        for _ in 0..5 {
            server.advance(120_000).await;
        }
        let letters = server.client.get(&format!("/api/v1/dead-letters?plugin={install}")).await.ok();
        assert!(letters.to_string().contains("not-found"), "{letters}");
        server.finish().await;
    }
}

/// Every line that is wrong is told by its number, and what is right becomes one file.
#[tokio::test]
async fn a_text_becomes_a_plugin_or_is_told_why_not() {
    let server = Server::start(crate::support::On::Sqlite).await;
    let source = |text: &str| Source { name: "a.yaml".to_owned(), text: text.to_owned() };
    let wrap = async |text: &str| server.house().runtime.wrap(&plugin("flow"), &source(text)).await;
    let problem = wrap("flow: a\ntriggers: [{ keyword: x }]\nsteps:\n  - rply: Hi\n")
        .await
        .expect_err("no step");
    assert!(problem.to_string().contains("line 4: steps[0].rply"), "{problem}");
    let good = "flow: a\nversion: 1.2.3\ntriggers: [{ keyword: x }]\nsteps: [{ reply: Hi }]\n";
    let file = wrap(good).await.expect("it holds");
    assert_eq!(switchboard::plugin::manifest::source(&file).expect("read"), Some(source(good)));
    let echo =
        server.house().runtime.wrap(&plugin("echo"), &source(good)).await.expect_err("no engine");
    assert!(echo.to_string().contains("engine"), "{echo}");
    server.stop().await;
}

/// Each flow of the examples, by its own file.
#[test]
fn the_transcripts_of_all_flows_hold() {
    let desk = Desk::new();
    let entries = std::fs::read_dir(examples())
        .expect("the examples")
        .map(|entry| entry.expect("an entry").path());
    let flows: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    assert_eq!(flows.len(), 5, "{flows:?}");
    for flow in flows {
        let told = desk.prints(&["test", flow.to_str().expect("a path")]);
        assert!(told.contains(" 0 failed") && !told.contains("\n0 passed"), "{told}");
    }
}

/// A flow's file is a plugin, wherever one is named.
#[test]
fn a_flow_is_checked_and_built_as_any_plugin() {
    let desk = Desk::new();
    let text = "flow: hello\nversion: 1.2.0\ntriggers:\n  - keyword: hi\nsteps:\n  - ask: { text: Name?, save: name }\n  - reply: 'Hello, {{ vars.name }}'\n";
    std::fs::write(desk.path("hello.yaml"), text).expect("written");
    let shown = desk.prints(&["check", "hello.yaml"]);
    for words in ["hello 1.2.0", "send messages", "keep data", "it can be installed"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let built = desk.prints(&["build", "hello.yaml", "--json"]);
    let built: Value = serde_json::from_str(&built).expect("JSON");
    assert_eq!((&built["id"], &built["language"]), (&"hello".into(), &"flow".into()));
    assert!(desk.path("hello.wasm").is_file());
    let mut dev = desk.dev("hello.yaml");
    dev.shows("hello 1.2.0 runs");
    dev.types("hi");
    dev.shows("bot: Name?");
    desk.change("hello.yaml", "'Hello,", "'Welcome,");
    dev.shows("swapped in");
    dev.types("Ann");
    dev.shows("bot: Welcome, Ann");
    desk.change("hello.yaml", "  - reply", "  - rply");
    dev.shows("line 7: steps[1].rply: unknown field");
    dev.interrupt();
    assert!(desk.fails(&["check", "hello.yaml"]).1.contains("hello.yaml: line 7"));
}
