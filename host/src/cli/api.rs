//! The running service's API, for commands that work on it.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// Where the service is, and as whom to call it.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Connection {
    /// Where the service is
    #[arg(long, global = true, env = "SWITCHBOARD_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key of the team
    #[arg(
        long,
        global = true,
        env = "SWITCHBOARD_API_KEY",
        default_value = "",
        hide_env_values = true
    )]
    key: String,
}

/// The same for commands that print.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Remote {
    #[command(flatten)]
    pub connection: Connection,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// Set the fields of a body that are given.
pub fn put<const N: usize>(body: &mut Value, fields: [(&str, Option<String>); N]) {
    for (field, value) in fields {
        if let Some(value) = value {
            body[field] = value.into();
        }
    }
}

/// A part of a path, whatever it holds.
pub fn part(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// A client of the API.
pub struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    pub fn new(connection: &Connection) -> anyhow::Result<Self> {
        Self::at(&connection.url, &connection.key)
    }

    /// A client of the service at this address, with this key.
    pub fn at(url: &str, key: &str) -> anyhow::Result<Self> {
        // Compiling a large plugin takes its time.
        let http = reqwest::Client::builder().timeout(Duration::from_secs(120)).build()?;
        let base = format!("{}/api/v1", url.trim_end_matches('/'));
        Ok(Self { http, base, key: key.to_owned() })
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::DELETE, path, None).await
    }

    /// A list, page by page, with these filters, at most so many.
    pub async fn list(
        &self,
        path: &str,
        name: &str,
        filters: &[(&str, &str)],
        most: usize,
    ) -> anyhow::Result<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut query = filters.to_vec();
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let mut page = self.answer(self.request(Method::GET, path).query(&query)).await?;
            if let Value::Array(items) = page[name].take() {
                all.extend(items);
            }
            let next = page["pagination"]["next"].as_str().map(str::to_owned);
            match next {
                Some(next) if all.len() < most => cursor = next,
                _ => break,
            }
        }
        all.truncate(most);
        Ok(all)
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let request = self.request(method, path);
        self.answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.base))
    }

    /// An answer that is read as it comes.
    pub async fn stream(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let request = self.request(Method::GET, path).bearer_auth(&self.key);
        let answer = request.send().await.with_context(|| {
            format!("cannot reach {}: is the service running there?", self.base)
        })?;
        if !answer.status().is_success() {
            let status = answer.status();
            let body: Value = serde_json::from_str(&answer.text().await?).unwrap_or_default();
            bail!("{}", body["error"]["message"].as_str().unwrap_or(status.as_str()));
        }
        Ok(answer)
    }

    /// The JSON of a success (null where it has none); a refusal in its own words.
    pub async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.bearer_auth(&self.key).send().await;
        let answer = answer.with_context(|| {
            format!("cannot reach {}: is the service running there?", self.base)
        })?;
        let status = answer.status();
        let body: Value = serde_json::from_str(&answer.text().await?).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let error = &body["error"];
        match (error["code"].as_str(), error["message"].as_str()) {
            (Some("unauthorized"), _) => {
                bail!("the key is not valid: give one by --key or SWITCHBOARD_API_KEY")
            }
            (Some(code), Some(message)) => bail!("{message} ({code})"),
            _ => bail!("the service answered {status}"),
        }
    }
}
