//! Every route of the API needs what its description says: a caller, and one scope.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use switchboard::model::ApiScope;
use switchboard::store::credential::{self, Credential, Kind};

use crate::identity::reqwest_client;
use crate::support::Server;

/// A route, and the scope that it is said to need.
struct Route {
    method: Method,
    path: String,
    scope: Option<ApiScope>,
}

/// Every route below `/api/v1`, as the description has it.
fn routes(description: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in description["paths"].as_object().expect("paths") {
        if !path.starts_with("/api/v1/") {
            continue;
        }
        for (method, operation) in item.as_object().expect("methods") {
            let Ok(method) = method.to_uppercase().parse() else { continue };
            let ways = operation["security"].as_array().unwrap_or_else(|| panic!("{path} is open"));
            let scopes = ways.iter().find_map(|way| way.get("token")).expect("a token will do");
            let scope = scopes[0].as_str().map(|scope| scope.parse().expect("a scope"));
            routes.push(Route { method, path: path.clone(), scope });
        }
    }
    routes
}

/// A key with these scopes.
async fn key(server: &Server, scopes: BTreeSet<ApiScope>) -> String {
    let key = server.clock.id("sk");
    let hash = switchboard::flow::identity::hash(&key);
    let id = server.clock.id("key");
    let row = Credential { scopes, ..Credential::new(id, &server.team, "", server.clock.now()) };
    let mut tx = server.house().store.begin().await.expect("a transaction");
    credential::insert(&mut tx, Kind::Key, &row, &hash).await.expect("a key");
    server.house().commit(tx).await.expect("committed");
    key
}

/// The status and code of an answer. A stream is not waited for.
async fn ask(server: &Server, route: &Route, key: &str) -> (u16, String) {
    let path = route.path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
    let url = format!("{}{}", server.client.url, path.collect::<Vec<_>>().join("/"));
    let mut request = reqwest_client().request(route.method.clone(), url);
    if !key.is_empty() {
        request = request.bearer_auth(key);
    }
    if route.method != Method::GET {
        request = request.json(&serde_json::json!({}));
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    if status < 400 {
        return (status, String::new());
    }
    let body: Value = answer.json().await.expect("a refusal is JSON");
    (status, body["error"]["code"].as_str().expect("a code").to_owned())
}

both! {
    async fn every_route_needs_a_caller_with_its_scope(on: On) {
        let server = Server::start(on).await;
        let description = server.client.get("/api/v1/openapi.json").await.ok();
        let routes = routes(&description);
        assert!(routes.len() > 50, "only {} routes", routes.len());
        let without = key(&server, BTreeSet::new()).await;
        for route in &routes {
            let named = format!("{} {}", route.method, route.path);
            assert_eq!(ask(&server, route, "").await, (401, "unauthorized".to_owned()), "{named}");
            let (status, code) = ask(&server, route, &without).await;
            let Some(scope) = route.scope else {
                // About the caller itself.
                assert!(route.path.starts_with("/api/v1/me"), "{named} needs no scope");
                assert!(status != 401 && status != 403, "{named}: {status} {code}");
                continue;
            };
            assert_eq!((status, code.as_str()), (403, "missing_scope"), "{named}");
            let others = ApiScope::all().into_iter().filter(|other| *other != scope).collect();
            let refused = ask(&server, route, &key(&server, others).await).await;
            assert_eq!(refused, (403, "missing_scope".to_owned()), "{named}");
        }
        server.stop().await;
    }

    /// The scope alone is enough to come through the door.
    async fn a_routes_scope_opens_it(on: On) {
        let server = Server::start(on).await;
        let description = server.client.get("/api/v1/openapi.json").await.ok();
        for route in routes(&description).iter().filter(|route| route.method == Method::GET) {
            let alone = key(&server, route.scope.into_iter().collect()).await;
            let (status, code) = ask(&server, route, &alone).await;
            assert!(status < 500 && status != 401 && status != 403, "{}: {status} {code}", route.path);
        }
        server.stop().await;
    }
}
