//! Departments and business accounts: what accounts and their chats are grouped by, and what a key of
//! one department sees.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stream::Stream;
use crate::support::{Answer, Client, Server};

both! {
    async fn groups_are_made_renamed_and_removed_when_empty(on: On) {
        let server = Server::start(on).await;
        let (other, _) = server.another_team().await;
        for (path, list, field) in [
            ("/api/v1/departments", "departments", "department"),
            ("/api/v1/business-accounts", "businessAccounts", "businessAccount"),
        ] {
            let made = server.client.post(path, json!({ "name": "Sales" })).await;
            assert_eq!(made.status, 201);
            let one = format!("{path}/{}", made.body["id"].as_str().expect("an id"));
            assert_eq!(server.client.patch(&one, json!({ "name": "Support" })).await.ok()["name"], "Support");
            assert_eq!(server.client.get(path).await.ok()[list].as_array().expect("a list").len(), 1);
            for bad in [json!({}), json!({ "name": "" }), json!({ "name": 1 }), json!({ "name": "x", "id": "y" }), json!({ "name": "x".repeat(101) })] {
                assert_eq!(server.client.post(path, bad).await.refused(400), "invalid_request");
            }
            // Another team has no part in it.
            assert_eq!(other.get(path).await.ok()[list], json!([]));
            assert_eq!(other.get(&one).await.refused(404), "not_found");
            assert_eq!(other.patch(&one, json!({ "name": "x" })).await.refused(404), "not_found");
            assert_eq!(other.delete(&one).await.refused(404), "not_found");
            let theirs = json!({ "type": "sandbox", field: made.body["id"] });
            assert_eq!(other.post("/api/v1/accounts", theirs).await.refused(404), "not_found");

            let account = format!("/api/v1/accounts/{}", server.account);
            let shown = server.client.patch(&account, json!({ field: made.body["id"] })).await.ok();
            assert_eq!(shown[field], made.body["id"]);
            assert_eq!(server.client.delete(&one).await.refused(409), "in_use");
            assert_eq!(server.client.patch(&account, json!({ field: "" })).await.ok()[field], Value::Null);
            assert_eq!(server.client.delete(&one).await.status, 204);
            assert_eq!(server.client.get(&one).await.refused(404), "not_found");
        }
        server.finish().await;
    }

    /// A chat belongs to its account's department.
    async fn a_department_narrows_lists(on: On) {
        let server = Server::start(on).await;
        let sales = server.client.post("/api/v1/departments", json!({ "name": "Sales" })).await.ok();
        let sales = sales["id"].as_str().expect("an id");
        let new = json!({ "type": "sandbox", "phone": "+15550300", "department": sales });
        let account = server.client.post("/api/v1/accounts", new).await.ok();
        server.says("+15550101", "to the shop").await;
        server.client.incoming(account["id"].as_str().expect("an id"), "+15550102", "to sales").await;
        server.drain().await;
        for list in ["accounts", "chats"] {
            let all = server.client.get(&format!("/api/v1/{list}")).await.ok();
            assert_eq!(all[list].as_array().expect("a list").len(), 2, "{list}");
            let some = server.client.get(&format!("/api/v1/{list}?department={sales}")).await.ok();
            let some = some[list].as_array().expect("a list");
            assert_eq!(some.len(), 1, "{list}");
            let id = if list == "chats" { &some[0]["account"] } else { &some[0]["id"] };
            assert_eq!(*id, account["id"]);
        }
        server.finish().await;
    }

    /// Every operation of the API, asked with a key of one department and with ids of the other: none of
    /// them opens, changes or shows anything of it. Who adds a route finds it here by itself.
    async fn a_departments_key_meets_nothing_of_another(on: On) {
        let server = Server::start(on).await;
        let (ours, theirs) = (Side::build(&server, "zebra").await, Side::build(&server, "quokka").await);
        server.drain().await;
        let before = theirs.state(&server).await;
        let description = server.client.get("/api/v1/openapi.json").await.ok();
        let mut asked = 0;
        for (path, item) in description["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("methods") {
                let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
                if path.starts_with("/api/v1/") {
                    asked += walk(&ours, &theirs, &Operation { method, path, told: operation }).await;
                }
            }
        }
        assert!(asked > 1000, "only {asked} requests");
        server.drain().await;
        assert_eq!(theirs.state(&server).await, before);
        for side in [ours, theirs] {
            server.client.delete(&format!("/api/v1/accounts/{}/queue", side.account)).await.ok();
        }
        server.finish().await;
    }

    /// Within its department such a key does what any key does.
    async fn a_departments_key_works_in_its_own(on: On) {
        let server = Server::start(on).await;
        let (ours, theirs) = (Side::build(&server, "zebra").await, Side::build(&server, "quokka").await);
        server.drain().await;
        let client = &ours.client;
        let count = async |path: &str, list: &str| {
            let page = client.get(path).await.ok();
            page[list].as_array().unwrap_or_else(|| panic!("{path}: {page}")).len()
        };
        assert_eq!(count("/api/v1/accounts", "accounts").await, 1);
        assert_eq!(count("/api/v1/chats", "chats").await, 2);
        assert_eq!(count("/api/v1/bulk", "bulk").await, 1);
        assert_eq!(count("/api/v1/messages", "messages").await, 7);
        assert_eq!(count(&format!("/api/v1/messages?account={}", ours.account), "messages").await, 7);
        assert_eq!(count("/api/v1/messages?scheduled=true", "messages").await, 1);
        assert_eq!(count("/api/v1/messages?status=pending", "messages").await, 1);
        assert_eq!(count("/api/v1/messages/search?q=zeb", "messages").await, 4);
        assert_eq!(count("/api/v1/contacts/+15550101/messages", "messages").await, 6);
        assert_eq!(count("/api/v1/contacts/+15550101/notes", "messages").await, 1);
        assert_eq!(count("/api/v1/billing/usage", "usage").await, 1);
        // What the whole team uploaded is there once a message of ours names it.
        for file in &ours.files {
            client.get(&format!("/api/v1/media/{file}/about")).await.ok();
            let image = json!({ "to": ours.chat, "type": "image", "image": { "id": file } });
            client.post("/api/v1/messages", image).await.ok();
        }
        // The only account of the department need not be named.
        let sent = client.post("/api/v1/messages", json!({ "to": "+15550109", "type": "text", "text": "hi" })).await.ok();
        assert_eq!(sent["account"], *ours.account);
        let path = format!("/api/v1/messages/{}", ours.scheduled);
        let change = json!({ "content": { "type": "text", "text": "later" }, "scheduleAt": "2026-01-06T12:00:00Z" });
        assert_eq!(client.patch(&path, change).await.ok()["text"], "later");
        assert_eq!(client.delete(&path).await.ok()["status"], "cancelled");
        server.drain().await;

        // The stream: what is the other's is passed by.
        let events = async |client: &Client, query: &str| client.get(&format!("/api/v1/events?{query}")).await.ok();
        let all = events(client, "limit=1000").await;
        let list = all["events"].as_array().expect("a list");
        assert!(list.len() > 10 && list.iter().all(|event| event["account"] == *ours.account), "{all}");
        let whole = events(&server.client, "limit=1000").await;
        assert_eq!(all["pagination"], whole["pagination"], "it is as far as the whole team's");
        let mut stream = Stream::open(client, "type=message.received", None).await;
        server.client.incoming(&theirs.account, "+15550101", "for them").await;
        server.client.incoming(&ours.account, "+15550101", "for us").await;
        server.drain().await;
        assert_eq!(stream.next().await.text(), "for us");
        let after = whole["pagination"]["next"].as_str().expect("a cursor");
        let mut stream = Stream::open(client, &format!("type=message.received&after={after}"), None).await;
        assert_eq!(stream.next().await.data["account"], *ours.account);
        // An account that changes its department takes what it has along.
        let path = format!("/api/v1/accounts/{}", theirs.account);
        assert_eq!(client.get(&path).await.refused(404), "not_found");
        server.client.patch(&path, json!({ "department": ours.department })).await.ok();
        client.get(&path).await.ok();
        assert_eq!(count("/api/v1/messages/search?q=quokka", "messages").await, 4);
        assert_eq!(count("/api/v1/contacts/+15550101/messages", "messages").await, 16);
        server.client.delete(&format!("{path}/queue")).await.ok();
        server.finish().await;
    }
}

/// A department with an account, and all that an account may have; each of its texts has the word.
struct Side {
    client: Client,
    word: &'static str,
    department: String,
    phone: String,
    account: String,
    chat: String,
    contact: String,
    scheduled: String,
    bulk: String,
    files: Vec<String>,
    /// Its ids and words, of which the other department must see none.
    secrets: Vec<String>,
}

impl Side {
    async fn build(server: &Server, word: &'static str) -> Self {
        let team = &server.client;
        let made = async |path: &str, body: Value| team.post(path, body).await.ok();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let department = text(&made("/api/v1/departments", json!({ "name": word })).await["id"]);
        let phone = format!("+155503{:02}", word.len());
        let new = json!({ "type": "sandbox", "phone": phone, "nickname": word, "department": department });
        let account = text(&made("/api/v1/accounts", new).await["id"]);
        let key = made("/api/v1/keys", json!({ "name": "narrow", "department": department })).await;
        let client = team.with_key(&text(&key["key"]));
        // The one customer is known to both departments.
        team.incoming(&account, "+15550101", &format!("{word} please")).await;
        server.drain().await;
        let send = async |kind: &str, more: Value| {
            let mut body = json!({ "account": account, "to": "+15550101", "type": kind });
            body.as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            text(&made("/api/v1/messages", body).await["id"])
        };
        send("text", json!({ "text": format!("your {word}") })).await;
        send("note", json!({ "text": format!("likes {word}") })).await;
        let later =
            json!({ "text": format!("{word} tomorrow"), "scheduleAt": "2026-01-06T12:00:00Z" });
        let scheduled = send("text", later).await;
        let headers = [("content-type", "image/png")];
        let png = || b"\x89PNG\r\n\x1a\n and so on".to_vec();
        let own = client.post_bytes("/api/v1/media", png(), &headers).await.ok();
        let named = team.post_bytes("/api/v1/media", png(), &headers).await.ok();
        send("image", json!({ "image": { "id": named["id"] } })).await;
        send("image", json!({ "image": { "id": own["id"] } })).await;
        let bulk = json!({
            "account": account, "content": { "type": "text", "text": "many greetings" },
            "recipients": [{ "to": format!("+155504{:02}", word.len()) }],
        });
        let bulk = text(&made("/api/v1/bulk", bulk).await["id"]);
        server.advance(2_000).await;
        let chats = team.get(&format!("/api/v1/chats?account={account}")).await.ok();
        let chats = chats["chats"].as_array().expect("chats").clone();
        let chat = chats.iter().find(|chat| chat["lastInboundAt"] != Value::Null).expect("a chat");
        let messages = team.get(&format!("/api/v1/messages?account={account}")).await.ok();
        let messages = messages["messages"].as_array().expect("messages").clone();
        let files = vec![text(&own["id"]), text(&named["id"])];
        let mut secrets = vec![word.to_owned(), department.clone(), account.clone(), bulk.clone()];
        secrets.extend(chats.iter().chain(&messages).map(|one| text(&one["id"])));
        secrets.extend(files.clone());
        let (chat, contact) = (text(&chat["id"]), text(&chat["contact"]));
        Self {
            client,
            word,
            department,
            phone,
            account,
            chat,
            contact,
            scheduled,
            bulk,
            files,
            secrets,
        }
    }

    /// What of it a change would show in.
    async fn state(&self, server: &Server) -> Vec<Value> {
        let mut state = Vec::new();
        for path in [
            format!("accounts/{}", self.account),
            format!("accounts/{}/queue", self.account),
            format!("chats?account={}", self.account),
            format!("messages?account={}", self.account),
            format!("bulk/{}", self.bulk),
            format!("media/{}/about", self.files[0]),
        ] {
            state.push(server.client.get(&format!("/api/v1/{path}")).await.ok());
        }
        state
    }
}

/// An operation, as the API's description has it.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    told: &'a Value,
}

impl Operation<'_> {
    /// Bodies that fit it, and name what is the other department's wherever something is named.
    fn bodies(&self, ours: &Side, theirs: &Side) -> Vec<Value> {
        let text = |account: &str, to: &str| json!({ "account": account, "to": to, "type": "text", "text": "x" });
        let image = json!({ "type": "image", "image": { "id": theirs.files[1] } });
        let many = |account: &str, to: &str, content: Value| json!({ "account": account, "content": content, "recipients": [{ "to": to }] });
        let plain = json!({ "type": "text", "text": "x" });
        let with_image = json!({ "account": ours.account, "to": "+15550105", "type": "image", "image": { "id": theirs.files[0] } });
        match (self.method.as_str(), self.path.trim_start_matches("/api/v1")) {
            ("POST", "/messages") => vec![
                text(&theirs.account, "+15550105"),
                text(&ours.account, &theirs.chat),
                text(&theirs.account, &theirs.chat),
                with_image,
                json!({ "account": ours.account, "to": ours.chat, "type": "text", "text": "x", "replyTo": theirs.scheduled }),
            ],
            ("POST", "/bulk") => vec![
                many(&theirs.account, "+15550105", plain.clone()),
                many(&ours.account, &theirs.chat, plain),
                many(&ours.account, "+15550105", image),
            ],
            ("POST", "/accounts") => {
                vec![json!({ "type": "sandbox", "department": theirs.department })]
            }
            ("PATCH", "/messages/{id}") => {
                vec![json!({ "content": { "type": "text", "text": "x" } })]
            }
            ("PUT", "/chats/{id}/assignment") => vec![json!({ "to": "Ann" })],
            _ => vec![json!({})],
        }
    }

    /// It neither opens anything that is named nor takes a name: what is made is its maker's own.
    fn makes_its_own(&self) -> bool {
        self.method == Method::POST && matches!(self.path, "/api/v1/contacts" | "/api/v1/media")
            || self.path.starts_with("/api/v1/me/")
    }

    async fn ask(&self, client: &Client, path: &str, body: &Value) -> Answer {
        let request = client.request(self.method.clone(), path).bearer_auth(&client.key);
        let request = if self.method == Method::GET { request } else { request.json(body) };
        client.send(request).await
    }
}

/// Ask an operation in every way that may reach the other side; gives how often.
async fn walk(ours: &Side, theirs: &Side, operation: &Operation<'_>) -> usize {
    let mut asked = 0;
    let named = operation.path.contains('{');
    let fill = |id: &str| {
        let parts =
            operation.path.split('/').map(|part| if part.starts_with('{') { id } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    let mut paths: Vec<String> = Vec::new();
    if named {
        paths.extend(theirs.secrets.iter().map(|id| {
            fill(&url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>())
        }));
    } else {
        paths.push(operation.path.to_owned());
        let names = operation.told["parameters"].as_array().into_iter().flatten();
        for name in
            names.filter(|told| told["in"] == "query").filter_map(|told| told["name"].as_str())
        {
            let needed =
                if operation.path.ends_with("/search") && name != "q" { "q=e&" } else { "" };
            let others = theirs.secrets.iter().chain([&theirs.contact]);
            paths.extend(others.map(|id| format!("{}?{needed}{name}={id}", operation.path)));
        }
    }
    for path in &paths {
        for body in operation.bodies(ours, theirs) {
            let answer = operation.ask(&ours.client, path, &body).await;
            let here =
                format!("{} {path} {body}: {} {}", operation.method, answer.status, answer.body);
            // A refusal may say what was asked for, and what is made may be called so.
            let repeats = !answer.status.is_success() || operation.makes_its_own();
            let said = if repeats { format!("{path} {body}") } else { String::new() };
            shows_nothing(theirs, &answer, &said, &here);
            let status = answer.status.as_u16();
            if named {
                assert!(
                    matches!(status, 403 | 404),
                    "neither 403 nor 404 (does the body fit?): {here}"
                );
            } else if operation.method != Method::GET && !operation.makes_its_own() {
                assert!(status >= 400, "{here}");
                let thought_of = operation.bodies(ours, theirs) != [json!({})];
                assert!(
                    status == 403 || thought_of,
                    "give a body that names what is the other's: {here}"
                );
            }
            asked += 1;
        }
    }
    // What the team shares, and what is its own: shown, but without the other's part in it.
    if named && operation.method == Method::GET {
        for id in ours.secrets.iter().chain([&theirs.contact]) {
            let path = fill(id);
            let answer = operation.ask(&ours.client, &path, &Value::Null).await;
            let said = if answer.status.is_success() { "" } else { path.as_str() };
            shows_nothing(theirs, &answer, said, &format!("GET {path}: {}", answer.body));
            asked += 1;
        }
    }
    asked
}

/// An answer has nothing of a side but what it may repeat.
fn shows_nothing(theirs: &Side, answer: &Answer, said: &str, here: &str) {
    let body = answer.body.to_string();
    let all = theirs.secrets.iter().chain([&theirs.phone]);
    let mut hidden = all.filter(|secret| !said.contains(*secret));
    assert!(
        !hidden.any(|secret| body.contains(secret)),
        "{} is told of {}: {here}",
        theirs.word,
        theirs.department
    );
}
