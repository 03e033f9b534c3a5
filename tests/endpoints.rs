//! Webhooks out, as customers set them up: secrets, headers, filters, waits, and events once more.

use serde_json::{Value, json};
use switchboard::clock::Clock;

use crate::support::{Client, Receiver, Request, Server, provided};

const DAY: i64 = 24 * 60 * 60 * 1000;

both! {
    /// Checked by the specification's own library, also while two secrets sign.
    async fn an_independent_library_verifies_the_signature(on: On) {
        // By the true time: the library refuses what is old.
        let (server, receiver) = (Server::start_at(on, Clock::system(), |_| {}).await, Receiver::start().await);
        let endpoint = create(&server.client, &receiver, json!({})).await;
        let first = text(&endpoint["secret"]).to_owned();
        let test = format!("/api/v1/endpoints/{}/test", text(&endpoint["id"]));
        server.client.post(&test, json!({})).await.ok();
        server.drain().await;
        let rotate = format!("/api/v1/endpoints/{}/secret/rotate", text(&endpoint["id"]));
        let second = text(&server.client.post(&rotate, json!({})).await.ok()["secret"]).to_owned();
        server.client.post(&test, json!({})).await.ok();
        server.drain().await;
        let requests = receiver.requests();
        assert_eq!(requests.len(), 2);
        assert!(verifies(&first, &requests[0]) && !verifies(&second, &requests[0]));
        assert!(verifies(&first, &requests[1]) && verifies(&second, &requests[1]));
        let mut forged = requests[1].clone();
        forged.body = forged.body.iter().rev().copied().collect();
        assert!(!verifies(&second, &forged), "the library would refuse");
        server.stop().await;
    }

    /// The secret before signs for a day beside the new one, and then no more.
    async fn a_secret_is_rotated_without_a_gap(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let endpoint = create(&server.client, &receiver, json!({ "secret": own })).await;
        assert_eq!(endpoint["secret"], own);
        let path = format!("/api/v1/endpoints/{}", text(&endpoint["id"]));
        server.client.post(&format!("{path}/secret/rotate"), json!({ "secret": "short" })).await.refused(400);
        let rotated = server.client.post(&format!("{path}/secret/rotate"), json!({})).await.ok();
        assert_ne!(rotated["secret"], own);
        let shown = server.client.get(&path).await.ok();
        assert_eq!(shown["oldSecretUntil"], rotated["oldSecretUntil"]);
        server.says("+15550101", "one").await;
        server.advance(DAY).await;
        server.says("+15550101", "two").await;
        let signatures = |at: usize| receiver.requests()[at].header("webhook-signature").split(' ').count();
        assert_eq!((signatures(0), signatures(1)), (2, 1));
        assert_eq!(server.client.get(&path).await.ok()["oldSecretUntil"], Value::Null);
        server.finish().await;
    }

    /// They are sent, and shown by their names only; those of the host's own are refused.
    async fn headers_of_the_customers_own_are_sent(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        let headers = json!({ "Authorization": "Bearer hush", "X-Shop": "42" });
        let endpoint = create(&server.client, &receiver, json!({ "headers": headers })).await;
        assert_eq!(endpoint["headerNames"], json!(["Authorization", "X-Shop"]));
        assert!(!endpoint.to_string().contains("hush"), "{endpoint}");
        server.says("+15550101", "hello").await;
        assert_eq!(receiver.requests()[0].header("authorization"), "Bearer hush");
        for refused in ["Content-Type", "webhook-id", "Host", "X Shop"] {
            let body = json!({ "url": receiver.url, "headers": { refused: "x" } });
            assert_eq!(server.client.post("/api/v1/endpoints", body).await.refused(400), "invalid_request");
        }
        let path = format!("/api/v1/endpoints/{}", text(&endpoint["id"]));
        server.client.patch(&path, json!({ "headers": {} })).await.ok();
        server.says("+15550101", "again").await;
        assert_eq!(receiver.requests()[1].header("authorization"), "");
        server.finish().await;
    }

    /// Named in seconds or by a date, and not below the schedule.
    async fn an_endpoint_says_when_to_come_back(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        create(&server.client, &receiver, json!({ "events": ["message.received"] })).await;
        receiver.answer_with(429, "retry-after", "3600");
        server.says("+15550101", "hello").await;
        server.advance(3_590_000).await;
        assert_eq!(receiver.requests().len(), 1, "asked to wait an hour");
        // It is 13:00 now; the date is an hour and a half later.
        receiver.answer_with(503, "retry-after", "Mon, 05 Jan 2026 14:30:00 GMT");
        server.advance(10_000).await;
        assert_eq!(receiver.requests().len(), 2);
        server.advance(5_300_000).await;
        assert_eq!(receiver.requests().len(), 2, "asked to wait until half past two");
        server.advance(110_000).await;
        assert_eq!(receiver.requests().len(), 3);
        server.finish().await;
    }

    /// What fails holds up its chat until its schedule is over, and never overtakes.
    async fn a_chat_keeps_its_order_while_its_events_fail(on: On) {
        let schedule = vec![1_000, 1_000];
        let (server, receiver) = (Server::with(on, |config| config.notify.schedule = schedule).await, Receiver::start().await);
        create(&server.client, &receiver, json!({ "events": ["message.received"], "ordered": true })).await;
        receiver.answer([500, 500, 500, 502]);
        for text in ["one", "two", "three"] {
            server.says("+15550101", text).await;
        }
        for _ in 0..4 {
            server.advance(1_500).await;
        }
        let texts: Vec<Value> = receiver.requests().iter().map(|it| it.json()["data"]["content"]["text"].clone()).collect();
        assert_eq!(texts, ["one", "one", "one", "two", "two", "three"], "given up after three, then on in order");
        server.finish().await;
    }

    async fn a_redirect_is_not_followed(on: On) {
        let (server, receiver, elsewhere) = (Server::start(on).await, Receiver::start().await, Receiver::start().await);
        let endpoint = create(&server.client, &receiver, json!({})).await;
        receiver.answer_with(307, "location", &elsewhere.url);
        server.says("+15550101", "hello").await;
        assert!(elsewhere.requests().is_empty());
        let path = format!("/api/v1/endpoints/{}/attempts", text(&endpoint["id"]));
        assert_eq!(server.client.get(&path).await.ok()["attempts"][0]["status"], 307);
        server.advance(6_000).await;
        assert_eq!(receiver.requests().len(), 2, "it counts as a failure");
        server.finish().await;
    }

    /// However a private address is written.
    async fn private_addresses_are_refused_in_every_spelling(on: On) {
        let (server, receiver) = (Server::with(on, |config| config.notify.allow.clear()).await, Receiver::start().await);
        let port = receiver.host.rsplit_once(':').expect("a port").1;
        let mut endpoints = Vec::new();
        for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f.1", "[::]", "0.0.0.0"] {
            let body = json!({ "url": format!("http://{host}:{port}/") });
            endpoints.push(server.client.post("/api/v1/endpoints", body).await.ok());
        }
        server.says("+15550101", "hello").await;
        assert!(receiver.requests().is_empty());
        for endpoint in &endpoints {
            let path = format!("/api/v1/endpoints/{}/attempts", text(&endpoint["id"]));
            let attempt = server.client.get(&path).await.ok()["attempts"][0].clone();
            assert_eq!(attempt["status"], 0, "{attempt}");
            assert!(text(&attempt["response"]).contains("private"), "{}: {attempt}", endpoint["url"]);
        }
        server.stop().await;
    }

    /// The team's other endpoints hear of it, the disabled one does not.
    async fn the_others_hear_that_one_is_disabled(on: On) {
        let (server, gone, well) = (Server::start(on).await, Receiver::start().await, Receiver::start().await);
        let first = create(&server.client, &gone, json!({})).await;
        create(&server.client, &well, json!({ "events": ["endpoint.*"] })).await;
        gone.answer([410]);
        server.says("+15550101", "hello").await;
        let told: Vec<Request> = well.requests();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].json()["type"], "endpoint.disabled");
        assert_eq!(told[0].json()["data"]["endpoint"], first["id"]);
        assert_eq!(gone.requests().len(), 1);
        server.finish().await;
    }

    /// So many and no more; another team's are its own.
    async fn a_team_has_so_many_endpoints(on: On) {
        let (server, receiver) = (Server::with(on, |config| config.notify.endpoints = 2).await, Receiver::start().await);
        let (other, _) = server.another_team().await;
        for _ in 0..2 {
            create(&server.client, &receiver, json!({})).await;
        }
        let more = server.client.post("/api/v1/endpoints", json!({ "url": receiver.url })).await;
        assert_eq!(more.refused(409), "too_many_endpoints");
        create(&other, &receiver, json!({})).await;
        server.finish().await;
    }

    /// Each endpoint gets what it asked for, of the accounts that it asked for.
    async fn endpoints_filter_by_event_and_account(on: On) {
        let server = Server::start(on).await;
        let (ours, status, nothing) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
        let (_, foreign) = server.another_team().await;
        let second = json!({ "type": "sandbox", "nickname": "Second", "phone": "+15550300123" });
        let second = server.client.post("/api/v1/accounts", second).await.ok();
        create(&server.client, &ours, json!({ "accounts": [server.account], "events": ["message.received"] })).await;
        create(&server.client, &status, json!({ "events": ["message.sent", "contact.*"] })).await;
        create(&server.client, &nothing, json!({ "accounts": [second["id"]], "events": ["message.*"] })).await;
        server.says("+15550101", "hello").await;
        assert_eq!((ours.requests().len(), nothing.requests().len()), (1, 0));
        assert!(status.requests().iter().all(|it| text(&it.json()["type"]).starts_with("contact.")));
        let body = json!({ "url": ours.url, "accounts": [foreign] });
        assert_eq!(server.client.post("/api/v1/endpoints", body).await.refused(404), "not_found");
        server.finish().await;
    }

    /// By event, by status, and by whether they were delivered.
    async fn attempts_are_filtered(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        let endpoint = create(&server.client, &receiver, json!({ "events": ["message.received"] })).await;
        receiver.answer([500]);
        server.says("+15550101", "one").await;
        server.says("+15550102", "two").await;
        server.advance(6_000).await;
        let path = format!("/api/v1/endpoints/{}/attempts", text(&endpoint["id"]));
        let statuses = async |query: &str| {
            let found = server.client.get(&format!("{path}?{query}")).await.ok();
            let found: Vec<i64> = found["attempts"].as_array().expect("a list").iter().filter_map(|it| it["status"].as_i64()).collect();
            found
        };
        assert_eq!(statuses("").await, [500, 200, 200]);
        assert_eq!(statuses("delivered=false").await, [500]);
        assert_eq!(statuses("delivered=true").await, [200, 200]);
        assert_eq!(statuses("status=500").await, [500]);
        let first = receiver.requests()[0].header("webhook-id").to_owned();
        assert_eq!(statuses(&format!("event={first}")).await, [500, 200]);
        server.client.get(&format!("{path}?state=500")).await.refused(400);
        server.finish().await;
    }

    /// Under its own id, whether the endpoint wants such events or not; another team's is not there.
    async fn one_event_is_sent_again(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        let (other, _) = server.another_team().await;
        let endpoint = create(&server.client, &receiver, json!({ "events": ["message.received"] })).await;
        server.says("+15550101", "hello").await;
        let event = receiver.requests()[0].header("webhook-id").to_owned();
        let path = format!("/api/v1/endpoints/{}/resend", text(&endpoint["id"]));
        let answer = server.client.post(&path, json!({ "event": event })).await;
        assert_eq!(answer.status, 202);
        server.drain().await;
        let requests = receiver.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!((requests[1].header("webhook-id"), &requests[1].body), (event.as_str(), &requests[0].body));
        assert_eq!(server.client.post(&path, json!({ "event": "evt_no" })).await.refused(404), "not_found");
        assert_eq!(other.post(&path, json!({ "event": event })).await.refused(404), "not_found");
        server.client.post(&path, json!({})).await.refused(400);
        server.finish().await;
    }

    /// In their order, of the time asked for, as far as the endpoint's filters let them; it goes on
    /// after a restart.
    async fn a_range_of_events_is_sent_again(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        server.says("+15550101", "too early").await;
        server.advance(60_000).await;
        for n in 0..20 {
            server.says(&format!("+155501{:02}", n % 3), &format!("text {n}")).await;
        }
        server.advance(60_000).await;
        server.says("+15550101", "too late").await;
        let endpoint = create(&server.client, &receiver, json!({ "events": ["message.received"], "ordered": true })).await;
        let path = format!("/api/v1/endpoints/{}", text(&endpoint["id"]));
        let range = json!({ "from": "2026-01-05T12:00:30Z", "to": "2026-01-05T12:01:30Z" });
        // The first answer makes the rest of its chat wait over the restart.
        receiver.answer([500]);
        let begun = server.client.post(&format!("{path}/resend"), range.clone()).await.ok();
        let server = server.restart().await;
        server.drain().await;
        server.advance(10_000).await;
        let seen: Vec<String> =
            receiver.requests().iter().map(|it| text(&it.json()["data"]["content"]["text"]).to_owned()).collect();
        for chat in 0..3 {
            let mut of_chat: Vec<&String> =
                seen.iter().filter(|it| it[5..].parse::<usize>().is_ok_and(|n| n % 3 == chat)).collect();
            of_chat.dedup();
            let expected: Vec<String> = (0..20).filter(|n| n % 3 == chat).map(|n| format!("text {n}")).collect();
            assert_eq!(of_chat, expected.iter().collect::<Vec<_>>(), "{seen:?}");
        }
        let ranges = server.client.get(&format!("{path}/resends")).await.ok();
        assert_eq!(ranges["resends"][0]["id"], begun["id"]);
        assert_eq!((&ranges["resends"][0]["state"], &ranges["resends"][0]["queued"]), (&json!("done"), &json!(20)));
        for wrong in [json!({ "from": "yesterday" }), json!({ "to": range["to"] }), json!({ "from": range["to"], "to": range["from"] })] {
            server.client.post(&format!("{path}/resend"), wrong).await.refused(400);
        }
        server.finish().await;
    }

    /// One range at a time; a disabled endpoint takes none, and what was on its way to it stops.
    async fn a_disabled_endpoint_gets_nothing_again(on: On) {
        let (server, receiver) = (Server::start(on).await, Receiver::start().await);
        let endpoint = create(&server.client, &receiver, json!({})).await;
        let path = format!("/api/v1/endpoints/{}", text(&endpoint["id"]));
        server.client.patch(&path, json!({ "enabled": false })).await.ok();
        let range = json!({ "from": "2026-01-01T00:00:00Z" });
        for call in [format!("{path}/resend"), format!("{path}/test")] {
            let body = if call.ends_with("resend") { range.clone() } else { json!({}) };
            assert_eq!(server.client.post(&call, body).await.refused(409), "endpoint_disabled");
        }
        server.client.patch(&path, json!({ "enabled": true })).await.ok();
        assert_eq!(server.client.post(&format!("{path}/resend"), range).await.status, 202);
        server.client.delete(&path).await.ok();
        assert_eq!(server.client.get(&format!("{path}/resends")).await.refused(404), "not_found");
        server.finish().await;
    }

    /// Attempts by the hour and the day, and what waits since when.
    async fn an_endpoints_attempts_are_counted(on: On) {
        let server = Server::with(on, |config| config.notify.schedule = vec![3_600_000]).await;
        let receiver = Receiver::start().await;
        let endpoint = create(&server.client, &receiver, json!({ "events": ["message.received"] })).await;
        let path = format!("/api/v1/endpoints/{}/stats", text(&endpoint["id"]));
        server.says("+15550101", "one").await;
        receiver.answer([500]);
        server.says("+15550101", "two").await;
        let counts = |span: &Value| [&span["attempts"], &span["delivered"], &span["failed"]].map(|count| count.as_i64().expect("a number"));
        let now = server.client.get(&format!("{path}?by=hour")).await.ok();
        assert_eq!((counts(&now), &now["pending"], &now["oldestPending"]), ([2, 1, 1], &json!(1), &json!("2026-01-05T12:00:00.000Z")), "{now}");
        let spans = now["spans"].as_array().expect("a list");
        assert_eq!((spans.len(), &spans[24]["start"], counts(&spans[24]), counts(&spans[0])), (25, &json!("2026-01-05T12:00:00.000Z"), [2, 1, 1], [0; 3]));
        server.advance(4_000_000).await;
        let later = server.client.get(&format!("{path}?by=hour&from=2026-01-05T12:30:00Z&to=2026-01-05T14:00:00Z")).await.ok();
        assert_eq!((counts(&later), &later["pending"], &later["oldestPending"]), ([1, 1, 0], &json!(0), &Value::Null), "{later}");
        assert_eq!(later["spans"].as_array().map(|spans| spans.iter().map(counts).collect::<Vec<_>>()), Some(vec![[0; 3], [1, 1, 0]]));
        let days = server.client.get(&path).await.ok();
        assert_eq!((counts(&days), days["spans"].as_array().map(Vec::len)), ([3, 2, 1], Some(31)));
        for query in ["by=year", "from=yesterday", "from=2026-01-06T00:00:00Z", "from=2020-01-01T00:00:00Z", "from=1960-01-01T00:00:00Z&to=1960-01-02T00:00:00Z", "until=1"] {
            assert_eq!(server.client.get(&format!("{path}?{query}")).await.refused(400), "invalid_request", "{query}");
        }
        let (stranger, _) = server.another_team().await;
        assert_eq!(stranger.get(&path).await.refused(404), "not_found");
        server.finish().await;
    }

    /// Only one way of writing events is there yet; others are refused by name.
    async fn an_unknown_format_is_refused(on: On) {
        let server = Server::start(on).await;
        let body = json!({ "url": "https://example.com/", "format": "cloud" });
        let answer = server.client.post("/api/v1/endpoints", body).await;
        assert!(answer.body.to_string().contains("native"), "{}", answer.body);
        assert_eq!(answer.refused(400), "invalid_request");
        server.finish().await;
    }
}

async fn create(client: &Client, receiver: &Receiver, mut body: Value) -> Value {
    body["url"] = receiver.url.as_str().into();
    client.post("/api/v1/endpoints", body).await.ok()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Whether PyPI's `standardwebhooks` takes the request as signed with this secret.
fn verifies(secret: &str, request: &Request) -> bool {
    const CHECK: &str = "
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
told = json.load(sys.stdin)
try:
    Webhook(told['secret']).verify(told['body'], told['headers'])
    print('verified')
except WebhookVerificationError as error:
    print('refused', error)
";
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: Value = headers.iter().map(|name| (*name, request.header(name))).collect();
    let body = String::from_utf8_lossy(&request.body);
    let told = json!({ "secret": secret, "headers": headers, "body": body }).to_string();
    let mut python = std::process::Command::new(provided("SWITCHBOARD_TEST_PYTHON"));
    let piped = std::process::Stdio::piped;
    python.args(["-c", CHECK]).stdin(piped()).stdout(piped()).stderr(piped());
    let mut child = python.spawn().expect("Python starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), told.as_bytes())
        .expect("told");
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.starts_with(b"verified")
}
