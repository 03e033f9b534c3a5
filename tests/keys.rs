//! Keys and apps: what they open, how often they may ask, what they may give away, and when they end.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use switchboard::flow::identity::hash;
use switchboard::model::Role;

use crate::identity::{MINUTE, TOKEN, log_in, person, reqwest_client, text};
use crate::support::{Client, Server, eventually};

both! {
    async fn an_app_calls_by_its_secret_or_a_token(on: On) {
        let server = Server::start(on).await;
        let body = json!({ "name": "Desk", "scopes": ["accounts:read"] });
        let app = server.client.post("/api/v1/apps", body).await.ok();
        let (id, secret) = (text(&app["id"]), text(&app["secret"]));
        let listed = server.client.get("/api/v1/apps").await.ok();
        assert_eq!(listed["apps"][0]["id"], app["id"]);
        assert!(!listed.to_string().contains(secret), "the secret is shown once");
        server.client.get_as_app("/api/v1/accounts", id, secret).await.ok();
        let chats = server.client.get_as_app("/api/v1/chats", id, secret).await;
        assert_eq!(chats.refused(403), "missing_scope");
        for (id, secret) in [(id, "wrong"), ("app_other", secret), ("", "")] {
            let refused = server.client.get_as_app("/api/v1/accounts", id, secret).await;
            assert_eq!(refused.refused(401), "unauthorized");
        }
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        let tokens = server.client.form(TOKEN, &form).await.ok();
        assert_eq!(tokens["scope"], "accounts:read");
        assert!(tokens.get("refresh_token").is_none());
        let me = server.client.with_key(text(&tokens["access_token"]));
        assert_eq!(me.get("/api/v1/me").await.ok()["type"], "app");
        server.client.delete(&format!("/api/v1/apps/{id}")).await.ok();
        assert_eq!(me.get("/api/v1/me").await.refused(401), "unauthorized");
        let gone = server.client.get_as_app("/api/v1/accounts", id, secret).await;
        assert_eq!(gone.refused(401), "unauthorized");
        server.finish().await;
    }

    /// A key, an app and a person each have their own minute, and are told where they stand.
    async fn everyone_has_a_minute_of_their_own(on: On) {
        let server = Server::with(on, |config| config.limits.requests_per_minute = 6).await;
        person(&server.client, "ann@example.com", "owner").await;
        let app = server.client.post("/api/v1/apps", json!({ "name": "Desk" })).await.ok();
        let tokens = log_in(&server.client, "ann@example.com").await;
        let again = log_in(&server.client, "ann@example.com").await;
        let http = reqwest_client();
        let url = format!("{}/api/v1/me", server.client.url);
        let get = async |who: &str| {
            let request = http.get(&url);
            let request = match who {
                "app" => request.basic_auth(text(&app["id"]), Some(text(&app["secret"]))),
                token => request.bearer_auth(token),
            };
            request.send().await.expect("an answer")
        };
        let (one, two) = (text(&tokens["access_token"]), text(&again["access_token"]));
        for who in [[one, two], ["app", "app"]] {
            for left in (0..6).rev() {
                let answer = get(who[left % 2]).await;
                assert_eq!(answer.status(), 200);
                assert_eq!(answer.headers()["x-ratelimit-limit"], "6");
                assert_eq!(answer.headers()["x-ratelimit-remaining"], left.to_string().as_str());
                let resets = (server.clock.now() / 1000 + 60).to_string();
                assert_eq!(answer.headers()["x-ratelimit-reset"], resets.as_str());
            }
            let full = get(who[0]).await;
            assert_eq!((full.status().as_u16(), &full.headers()["retry-after"]), (429, &"60".parse().expect("a value")));
            assert_eq!(full.headers()["x-ratelimit-remaining"], "0");
        }
        server.client.get("/api/v1/me").await.ok();
        server.advance(MINUTE).await;
        assert_eq!(get("app").await.status(), 200);
        server.finish().await;
    }

    async fn a_key_gives_away_no_more_than_it_has(on: On) {
        let server = Server::start(on).await;
        let make = async |client: &Client, body: Value| client.post("/api/v1/keys", body).await;
        let narrow = make(&server.client, json!({ "name": "n", "scopes": ["team:write", "chats:read"] })).await.ok();
        let narrow = server.client.with_key(text(&narrow["key"]));
        let more = make(&narrow, json!({ "scopes": ["chats:read", "chats:write"] })).await;
        assert_eq!(more.refused(403), "missing_scope");
        assert_eq!(narrow.post("/api/v1/apps", json!({ "name": "a", "scopes": ["chats:write"] })).await.refused(403), "missing_scope");
        let user = json!({ "email": "bob@example.com", "role": "viewer" });
        assert_eq!(narrow.post("/api/v1/users", user).await.refused(403), "missing_scope");
        // Absent means: all that the maker has.
        let same = make(&narrow, json!({})).await.ok();
        assert_eq!(same["scopes"], json!(["chats:read", "team:write"]));
        for body in [
            json!({ "scopes": ["everything"] }),
            json!({ "scopes": "chats:read" }),
            json!({ "expiresAt": "2020-01-01T00:00:00Z" }),
            json!({ "expiresAt": "tomorrow" }),
            json!({ "name": "x".repeat(101) }),
            json!({ "nam": "x" }),
            json!({ "name": "a\u{0}" }),
        ] {
            assert_eq!(make(&server.client, body.clone()).await.refused(400), "invalid_request", "{body}");
        }
        server.finish().await;
    }

    async fn a_key_ends_when_it_is_to_and_its_use_is_seen(on: On) {
        let server = Server::start(on).await;
        let body = json!({ "name": "short", "expiresAt": "2026-01-05T12:10:00Z" });
        let made = server.client.post("/api/v1/keys", body).await.ok();
        let key = server.client.with_key(text(&made["key"]));
        assert_eq!(made["lastUsedAt"], Value::Null);
        assert_eq!(key.get("/api/v1/me").await.ok()["type"], "key");
        let path = format!("/api/v1/keys/{}", text(&made["id"]));
        eventually("its use to be noted", async || {
            let seen = server.client.get(&path).await.ok()["lastUsedAt"].clone();
            (seen == "2026-01-05T12:00:00.000Z").then_some(())
        })
        .await;
        assert_eq!(key.delete(&path).await.refused(409), "key_in_use");
        server.advance(10 * MINUTE).await;
        assert_eq!(key.get("/api/v1/me").await.refused(401), "unauthorized");
        server.client.delete(&path).await.ok();
        assert_eq!(server.client.delete(&path).await.refused(404), "not_found");
        server.finish().await;
    }

    /// One that was there before keys had scopes.
    async fn an_old_key_keeps_all_scopes(on: On) {
        let server = Server::start(on).await;
        let mut tx = server.house().store.begin().await.expect("a transaction");
        let row = format!(
            "INSERT INTO api_key (id, team_id, name, hash, created_at) VALUES ('key_old', '{}', '', '{}', 1)",
            server.team,
            hash("sb_old")
        );
        tx.execute(AssertSqlSafe(row)).await.expect("a row");
        server.house().commit(tx).await.expect("committed");
        let me = server.client.with_key("sb_old").get("/api/v1/me").await.ok();
        assert_eq!(me["scopes"], json!(Role::Owner.scopes()));
        server.finish().await;
    }

    /// A key and an app of one department: made so, shown so, and no way to more.
    async fn a_key_or_app_is_narrowed_to_a_department(on: On) {
        let server = Server::start(on).await;
        let (other, _) = server.another_team().await;
        let made = server.client.post("/api/v1/departments", json!({ "name": "Sales" })).await.ok();
        let body = json!({ "name": "sales", "department": made["id"] });
        let key = server.client.post("/api/v1/keys", body.clone()).await.ok();
        assert_eq!(key["department"], made["id"]);
        assert!(!key["scopes"].to_string().contains("team:write"), "{key}");
        let narrow = server.client.with_key(text(&key["key"]));
        assert_eq!(narrow.get("/api/v1/me").await.ok()["department"], made["id"]);
        assert_eq!(narrow.post("/api/v1/keys", json!({})).await.refused(403), "missing_scope");
        assert_eq!(narrow.get("/api/v1/keys").await.refused(403), "department_only");

        let app = server.client.post("/api/v1/apps", body.clone()).await.ok();
        assert_eq!(app["department"], made["id"]);
        let (id, secret) = (text(&app["id"]), text(&app["secret"]));
        let refused = server.client.get_as_app("/api/v1/users", id, secret).await;
        assert_eq!(refused.refused(403), "department_only");
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        let tokens = server.client.form(TOKEN, &form).await.ok();
        let token = server.client.with_key(text(&tokens["access_token"]));
        assert_eq!(token.get("/api/v1/accounts").await.ok()["accounts"], json!([]));
        assert_eq!(token.get("/api/v1/plugins").await.refused(403), "department_only");

        for path in ["/api/v1/keys", "/api/v1/apps"] {
            assert_eq!(other.post(path, body.clone()).await.refused(404), "not_found");
            let none = json!({ "name": "x", "department": "dep_none" });
            assert_eq!(server.client.post(path, none).await.refused(404), "not_found");
            let wrong = json!({ "name": "x", "department": 5 });
            assert_eq!(server.client.post(path, wrong).await.refused(400), "invalid_request");
        }
        server.finish().await;
    }
}
