//! Bad input on every operation that the API describes: always a 4xx with a code that is listed, and
//! nothing has changed.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::support::description::{Description, Operation, kind};
use crate::support::{Receiver, Seeds, Server, eventually};

const CODES: &str = include_str!("../docs/errors.md");

both! {
    async fn every_operation_refuses_what_does_not_fit(on: On) {
        let server = Server::with(on, |config| config.server.max_body = 65_536).await;
        let receiver = Receiver::start().await;
        let description = Description::of(&server.client).await;
        let seeds = Seeds::sow(&server, &receiver, &description).await;
        let (other, _) = server.another_team().await;
        server.drain().await;
        let room = Room { server: &server, on, description: &description, foreign: other.key };
        // The accounts of the tests, which nobody bought, are entered by a stage of the host.
        eventually("every account's entry in the ledger", async || {
            let rows = room.rows().await;
            (rows["ledger"] >= rows["account"]).then_some(())
        })
        .await;
        let mut problems = Vec::new();
        let mut tried = 0;
        let mut before = room.rows().await;
        for operation in description.operations() {
            for case in room.cases(&operation, &seeds) {
                tried += 1;
                problems.extend(room.attempt(&operation, case).await);
            }
            let after = room.rows().await;
            if after != before {
                let changed: Vec<&String> = after.keys().filter(|table| after[*table] != before[*table]).collect();
                problems.push(format!("{}: something changed: {changed:?}", operation.name()));
            }
            before = after;
        }
        assert!(problems.is_empty(), "{} of {tried}:\n{}", problems.len(), problems.join("\n"));
        assert!(tried > 500, "only {tried} were tried");
        server.stop().await;
    }

    /// What never reaches a route has the same shape.
    async fn what_no_route_takes_is_refused_in_the_same_shape(on: On) {
        let server = Server::start(on).await;
        for (method, path, status) in [
            (Method::GET, "/api/v1/nothing", 404),
            (Method::GET, "/nothing/at/all", 404),
            (Method::POST, "/healthz", 405),
            (Method::TRACE, "/api/v1/accounts", 405),
            (Method::GET, "/api/v1/accounts/%00", 400),
        ] {
            let request = server.client.request(method.clone(), path).bearer_auth(&server.client.key);
            let answer = server.client.send(request).await;
            assert_eq!(answer.status, StatusCode::from_u16(status).expect("a status"), "{method} {path}: {}", answer.body);
            assert_eq!(answer.body["error"]["status"], status, "{method} {path}: {}", answer.body);
        }
        server.finish().await;
    }

    /// Not a broken connection, although the server reads none of it.
    async fn who_sends_much_in_vain_reads_why(on: On) {
        let server = Server::start(on).await;
        let stranger = server.client.with_key("sb_nobody");
        for _ in 0..10 {
            let much = vec![b'a'; 6 * 1024 * 1024];
            let json = [("content-type", "application/json")];
            let answer = stranger.post_bytes("/api/v1/messages", much.clone(), &json).await;
            assert_eq!(answer.refused(401), "unauthorized");
            let answer = server.client.post_bytes("/api/v1/messages", much, &json).await;
            assert_eq!(answer.refused(413), "too_large");
        }
        server.finish().await;
    }

    /// A phone number with a letter, too few digits, no country; by the name of its field.
    async fn a_bad_phone_number_is_named(on: On) {
        let server = Server::start(on).await;
        for wrong in ["+1555abc", "+12345", "15550100123", "+0155501001", "+1234567890123456", ""] {
            let body = json!({ "type": "sandbox", "nickname": "x", "phone": wrong });
            assert_eq!(server.client.post("/api/v1/accounts", body).await.refused(400), "invalid_phone_number", "{wrong}");
            let body = json!({ "to": wrong, "type": "text", "text": "hi" });
            server.client.post("/api/v1/messages", body).await.refused(400);
        }
        server.finish().await;
    }
}

/// One request that must be refused.
struct Case {
    what: String,
    method: Method,
    path: String,
    key: Option<String>,
    body: Vec<u8>,
    content_type: &'static str,
    expected: &'static [u16],
    /// What the message must name.
    names: Option<String>,
}

struct Room<'a> {
    server: &'a Server,
    on: crate::support::On,
    description: &'a Description,
    /// The key of another team.
    foreign: String,
}

impl Room<'_> {
    /// Send it; says what is wrong with the answer.
    async fn attempt(&self, operation: &Operation, case: Case) -> Option<String> {
        let mut request =
            self.server.client.request(case.method, &with_needed(operation, &case.path));
        if let Some(key) = &case.key {
            request = request.bearer_auth(key);
        }
        if !case.body.is_empty() {
            request = request.header("content-type", case.content_type).body(case.body);
        }
        let answer = self.server.client.send(request).await;
        let (status, error) = (answer.status.as_u16(), &answer.body["error"]);
        let code = error["code"].as_str().unwrap_or_default();
        let message = error["message"].as_str().unwrap_or_default();
        let mut wrong = Vec::new();
        if !case.expected.contains(&status) {
            wrong.push(format!("{status} and not {:?}", case.expected));
        }
        if !CODES.contains(&format!("| `{code}` | {status} |")) {
            wrong.push(format!("the code {code:?} with {status} is not listed"));
        }
        if error["status"] != status || message.is_empty() {
            wrong.push("not the shape of a refusal".to_owned());
        }
        if case.names.as_ref().is_some_and(|name| !message.contains(name.as_str())) {
            wrong.push(format!("it does not name {:?}", case.names.unwrap_or_default()));
        }
        let found = !wrong.is_empty();
        found.then(|| {
            format!("{}, {}: {}: {}", operation.name(), case.what, wrong.join("; "), answer.body)
        })
    }

    fn cases(&self, operation: &Operation, seeds: &Seeds) -> Vec<Case> {
        let path = seeds.fill(&operation.path);
        let own = |what: &str, body: Vec<u8>, expected: &'static [u16]| Case {
            what: what.to_owned(),
            method: operation.method.parse().expect("a method"),
            path: path.clone(),
            key: Some(self.server.client.key.clone()),
            body,
            content_type: "application/json",
            expected,
            names: None,
        };
        let least =
            self.description.json_body(operation).map(|schema| self.description.least(schema));
        let fitting = || least.as_ref().map_or(Vec::new(), bytes);
        let mut cases = Vec::new();
        if !operation.is_public() {
            cases.push(Case { key: None, ..own("no key", fitting(), &[401]) });
            for key in ["garbage", "sb_garbage", "eyJhbGciOiJub25lIn0.e30."] {
                cases.push(Case {
                    key: Some(key.to_owned()),
                    ..own("a wrong key", fitting(), &[401])
                });
            }
            if path != operation.path {
                let foreign = Some(self.foreign.clone());
                let told = operation.told["requestBody"].is_object();
                let expected: &[u16] = match (told, &least) {
                    (true, Some(_)) => &[400, 404],
                    (true, None) => &[400, 404, 415],
                    (false, _) => &[404],
                };
                cases.push(Case { key: foreign, ..own("another team's", fitting(), expected) });
            }
        }
        let item = &self.description.0["paths"][&operation.path];
        let others = ["delete", "patch", "put", "post", "get"];
        if let Some(method) = others.iter().find(|method| item.get(method).is_none()) {
            let method = method.to_uppercase().parse().expect("a method");
            cases.push(Case { method, ..own("a wrong method", fitting(), &[405]) });
        }
        if path != operation.path {
            let lines = operation.told["requestBody"].is_object() && least.is_none();
            let unfound: &[u16] = if lines { &[400, 404, 415] } else { &[400, 404] };
            for (what, part) in [
                ("NUL in the path", "%00"),
                ("bad UTF-8 in the path", "%FF"),
                ("a long id", &"x".repeat(3_000)),
            ] {
                let last = operation.path.rfind('{').expect("a parameter");
                let rest = operation.path[last..].split_once('}').map_or("", |(_, rest)| rest);
                let path = format!("{}{part}{rest}", seeds.fill(&operation.path[..last]));
                cases.push(Case { path, ..own(what, fitting(), unfound) });
            }
        }
        cases.extend(query_cases(operation, &own, &path));
        if let (Some(schema), Some(least)) = (self.description.json_body(operation), &least) {
            cases.extend(self.body_cases(schema, least, &own));
        }
        cases
    }

    fn body_cases(
        &self,
        schema: &Value,
        least: &Value,
        own: &impl Fn(&str, Vec<u8>, &'static [u16]) -> Case,
    ) -> Vec<Case> {
        let huge: &[u16] =
            if own("", Vec::new(), &[]).path == "/api/v1/bulk" { &[400, 413] } else { &[413] };
        let mut cases = vec![
            own("no JSON", b"{\"a\":".to_vec(), &[400]),
            own("bad UTF-8", b"{\"a\":\"\xff\"}".to_vec(), &[400]),
            own("NUL", br#"{"text":"a\u0000b"}"#.to_vec(), &[400]),
            // A bulk send may be larger; then its fields do not fit.
            own("huge", format!("{{\"a\":\"{}\"}}", "x".repeat(70_000)).into_bytes(), huge),
            own("deep", [b"{\"a\":".to_vec(), b"[".repeat(20_000)].concat(), &[400]),
            Case {
                content_type: "text/plain",
                ..own("another type of body", b"{}".to_vec(), &[415])
            },
        ];
        for wrong in [json!([1, 2]), json!("text"), json!(7), json!(null), json!(true)] {
            cases.push(own(&format!("{wrong} as the body"), bytes(&wrong), &[400]));
        }
        let Some(properties) = schema["properties"].as_object() else { return cases };
        let mut more = least.clone();
        more["bogusField"] = json!(1);
        let names = Some("bogusField".to_owned());
        cases.push(Case { names, ..own("a field too many", bytes(&more), &[400]) });
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut less = least.clone();
            less.as_object_mut().expect("an object").remove(name);
            let names = Some(name.to_owned());
            cases.push(Case { names, ..own(&format!("no {name}"), bytes(&less), &[400]) });
        }
        for (name, property) in properties {
            let wrong = match kind(self.description.resolve(property)) {
                "string" => json!({ "not": "a text" }),
                "integer" | "number" | "boolean" | "array" | "object" => json!("text"),
                _ => continue,
            };
            let mut other = least.clone();
            other[name] = wrong;
            cases.push(own(&format!("{name} of a wrong type"), bytes(&other), &[400]));
        }
        cases
    }

    /// How many rows each table has.
    async fn rows(&self) -> BTreeMap<String, i64> {
        let mut conn = self.server.house().store.read().await.expect("a connection");
        let tables = match self.on {
            crate::support::On::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            crate::support::On::Postgres => {
                "SELECT CAST(tablename AS TEXT) AS name FROM pg_tables WHERE schemaname = 'public'"
            }
        };
        let tables = conn.fetch_all(tables).await.expect("tables");
        let mut rows = BTreeMap::new();
        for table in tables.iter().map(|row| row.get::<String, _>("name")) {
            let count = format!("SELECT COUNT(*) AS rows_in_it FROM \"{table}\"");
            let count = conn.fetch_one(AssertSqlSafe(count)).await.expect("a count");
            rows.insert(table, count.get::<i64, _>("rows_in_it"));
        }
        rows
    }
}

/// An address with what its query must name, unless it has one.
fn with_needed(operation: &Operation, path: &str) -> String {
    let needed = operation.parameters("query").into_iter().filter(|it| it["required"] == true);
    let needed = needed.filter_map(|it| Some(format!("{}=x", it["name"].as_str()?)));
    let needed: Vec<String> = needed.collect();
    if needed.is_empty() || path.contains('?') {
        return path.to_owned();
    }
    format!("{path}?{}", needed.join("&"))
}

fn query_cases(
    operation: &Operation,
    own: &impl Fn(&str, Vec<u8>, &'static [u16]) -> Case,
    path: &str,
) -> Vec<Case> {
    let mut cases = Vec::new();
    let parameters = operation.parameters("query");
    if !parameters.is_empty() && operation.method == "GET" {
        let names = Some("bogus".to_owned());
        let path = format!("{path}?bogus=1");
        cases.push(Case { path, names, ..own("an unknown parameter", Vec::new(), &[400]) });
    }
    for parameter in parameters {
        let name = parameter["name"].as_str().expect("a name");
        let wrong: &[&str] = match kind(&parameter["schema"]) {
            "integer" => &["abc", "99999999999999999999", "1.5", ""],
            "boolean" => &["maybe"],
            _ => &["%00", "a%00b", "%FF"],
        };
        for value in wrong {
            let what = format!("{name}={value}");
            let path = format!("{path}?{name}={value}");
            cases.push(Case { path, ..own(&what, Vec::new(), &[400]) });
        }
    }
    cases
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
