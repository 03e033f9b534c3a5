//! One of everything, so that requests go further than "there is no such thing".

use std::collections::BTreeMap;

use serde_json::json;

use super::description::Description;
use super::{Receiver, Server};

/// Ids that exist, by the name of their collection in a path.
pub struct Seeds(pub BTreeMap<String, String>);

impl Seeds {
    /// Make what the API can make, and find the rest by its lists.
    pub async fn sow(server: &Server, receiver: &Receiver, description: &Description) -> Self {
        let client = &server.client;
        let install = server.install("probe").await;
        server.says("+15550101", "panic").await;
        server.advance(600_000).await;
        let send = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "hi",
                           "scheduleAt": "2027-01-01T00:00:00Z" });
        let message = client.post("/api/v1/messages", send).await.ok();
        let endpoint = json!({ "url": receiver.url });
        let endpoint = client.post("/api/v1/endpoints", endpoint).await.ok();
        let key = client.post("/api/v1/keys", json!({ "name": "seed" })).await.ok();
        let app = client.post("/api/v1/apps", json!({ "name": "seed" })).await.ok();
        let user = json!({ "email": "seed@example.com", "role": "viewer" });
        let user = client.post("/api/v1/users", user).await.ok();
        let known = [
            ("accounts", json!(server.account)),
            ("plugins", json!(install)),
            ("messages", message["id"].clone()),
            ("endpoints", endpoint["id"].clone()),
            ("keys", key["id"].clone()),
            ("apps", app["id"].clone()),
            ("users", user["id"].clone()),
        ];
        let mut seeds: BTreeMap<String, String> = known
            .into_iter()
            .map(|(name, id)| (name.to_owned(), id.as_str().unwrap_or("none").to_owned()))
            .collect();
        for operation in description.operations() {
            let Some((list, _)) = operation.path.split_once("/{") else { continue };
            let name = list.rsplit('/').next().unwrap_or_default().to_owned();
            if seeds.contains_key(&name) {
                continue;
            }
            let found = client.get(list).await.body;
            let lists = found.as_object().into_iter().flat_map(|fields| fields.values());
            let ids = lists.filter_map(|list| list.get(0)?["id"].as_str());
            if let Some(id) = ids.map(str::to_owned).next() {
                seeds.insert(name, id);
            }
        }
        Self(seeds)
    }

    /// A path with ids that exist where there are some.
    pub fn fill(&self, path: &str) -> String {
        let mut before = "";
        let mut filled = Vec::new();
        for part in path.split('/') {
            let found = self.0.get(before).map_or("none", String::as_str);
            let known = if part == "{name}" { "token" } else { found };
            filled.push(if part.starts_with('{') { known } else { part });
            before = part;
        }
        filled.join("/")
    }
}
