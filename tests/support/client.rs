//! The API as a customer's program calls it, and the sandbox as its customers use it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A team's key on one server.
#[derive(Clone)]
pub struct Client {
    pub url: String,
    pub key: String,
    http: reqwest::Client,
}

/// An answer: its status and JSON body (`null` where it has none).
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    /// The body of an answer that must be a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        self.body
    }

    /// The code of an answer that must be this refusal.
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body["error"]["code"].as_str().expect("a refusal has a code").to_owned()
    }
}

impl Client {
    pub fn new(url: &str, key: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { url: url.to_owned(), key: key.to_owned(), http }
    }

    /// The same server with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// A form, as a browser or an OAuth client posts it: without the key.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.url)).form(fields)).await
    }

    /// As an app, by HTTP Basic.
    pub async fn get_as_app(&self, path: &str, id: &str, secret: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.url)).basic_auth(id, Some(secret));
        self.send(request).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request =
            self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    /// Post bytes as they are, with further headers.
    pub async fn post_bytes(&self, path: &str, bytes: Vec<u8>, headers: &[(&str, &str)]) -> Answer {
        let mut request =
            self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.key).body(bytes);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// A request of this client's that the test completes itself; it has no key yet.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the server answers");
        let status = response.status();
        let bytes = response.bytes().await.expect("the whole answer");
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| text())
        };
        Answer { status, body }
    }

    /// A customer writes a text; gives the network's id once it is committed.
    pub async fn incoming(&self, account: &str, from: &str, text: &str) -> String {
        let body = json!({ "from": from, "type": "text", "text": text });
        let answer = self.post(&format!("/sandbox/accounts/{account}/incoming"), body).await.ok();
        answer["id"].as_str().expect("an id").to_owned()
    }

    /// What reached an account's customers, oldest first.
    pub async fn outgoing(&self, account: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map_or(0, |last| last["seq"].as_i64().expect("a place"));
            let path = format!("/sandbox/accounts/{account}/outgoing?after={after}&limit=1000");
            let mut page = self.get(&path).await.ok();
            let page = page["messages"].as_array_mut().expect("a list").split_off(0);
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }
}
