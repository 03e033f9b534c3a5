//! People and tokens: how they are got, what they open, and when they end.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use switchboard::flow::identity::signing;
use switchboard::model::Role;
use switchboard::store::user;

use crate::support::{Answer, Client, On, Server};

pub const PASSWORD: &str = "correct horse";
pub const TOKEN: &str = "/oauth2/token";
pub const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Add a person with the usual password; gives their id.
pub async fn person(client: &Client, email: &str, role: &str) -> String {
    let body = json!({ "email": email, "name": "Ann", "role": role, "password": PASSWORD });
    let added = client.post("/api/v1/users", body).await.ok();
    added["id"].as_str().expect("an id").to_owned()
}

/// Log in, and give all tokens.
pub async fn log_in(client: &Client, email: &str) -> Value {
    let form = [("grant_type", "password"), ("username", email), ("password", PASSWORD)];
    client.form(TOKEN, &form).await.ok()
}

/// A client with a person's token.
pub async fn as_person(client: &Client, email: &str) -> Client {
    client.with_key(text(&log_in(client, email).await["access_token"]))
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

async fn refresh(client: &Client, token: &Value) -> Answer {
    client.form(TOKEN, &[("grant_type", "refresh_token"), ("refresh_token", text(token))]).await
}

both! {
    /// By a form, and by JSON as older clients send it.
    async fn a_password_gives_tokens_that_open_the_api(on: On) {
        let server = Server::start(on).await;
        let id = person(&server.client, "Ann@Example.com", "owner").await;
        let body = json!({ "grant_type": "password", "username": "ann@example.com", "password": PASSWORD });
        let by_json = server.client.post(TOKEN, body).await.ok();
        for tokens in [log_in(&server.client, "ANN@example.com ").await, by_json] {
            assert_eq!(tokens["tokenType"], "Bearer");
            assert_eq!(tokens["token_type"], "Bearer");
            assert_eq!(tokens["expires_in"], 3600);
            assert_eq!(tokens["access_token_expiration"], server.clock.now() + HOUR);
            assert_eq!(tokens["refresh_token_expiration"], server.clock.now() + 14 * 24 * HOUR);
            let me = server.client.with_key(text(&tokens["access_token"]));
            let shown = me.get("/api/v1/me").await.ok();
            assert_eq!((&shown["type"], &shown["id"]), (&json!("user"), &json!(id)));
            assert_eq!(shown["team"], json!({ "id": server.team, "name": "first", "role": "owner" }));
            me.get("/api/v1/accounts").await.ok();
        }
        server.finish().await;
    }

    /// By a library that is not ours, from the published key alone.
    async fn a_token_holds_under_the_published_keys(on: On) {
        let server = Server::start(on).await;
        let id = person(&server.client, "ann@example.com", "viewer").await;
        let tokens = log_in(&server.client, "ann@example.com").await;
        let token = text(&tokens["access_token"]);
        let set = server.client.with_key("").get("/.well-known/jwks.json").await.ok();
        let set: JwkSet = serde_json::from_value(set).expect("a set of keys");
        let kid = jsonwebtoken::decode_header(token).expect("a header").kid.expect("a kid");
        let key = DecodingKey::from_jwk(set.find(&kid).expect("the key")).expect("a key");
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&["switchboard"]);
        // The tests' clock stands in the past.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).expect("holds").claims;
        assert_eq!((&claims["sub"], &claims["team"]), (&json!(id), &json!(server.team)));
        assert_eq!(claims["exp"], server.clock.now() / 1000 + 3600);
        assert_eq!(claims["iat"], server.clock.now() / 1000);
        let viewer: BTreeSet<_> = Role::Viewer.scopes();
        assert_eq!(claims["scopes"], json!(viewer));
        assert!(claims["jti"].is_string());
        server.finish().await;
    }

    /// Neither unsigned nor signed by anything but our key.
    async fn a_forged_token_opens_nothing(on: On) {
        let server = Server::start(on).await;
        person(&server.client, "ann@example.com", "viewer").await;
        let tokens = log_in(&server.client, "ann@example.com").await;
        let token = text(&tokens["access_token"]);
        let parts: Vec<&str> = token.split('.').collect();
        let read = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
        };
        let write = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let (mut head, mut claims) = (read(parts[0]), read(parts[1]));
        claims["scopes"] = json!(Role::Owner.scopes());
        let more = write(&claims);
        let forged = format!("{}.{more}.{}", parts[0], parts[2]);
        head["alg"] = "none".into();
        let unsigned = format!("{}.{more}.", write(&head));
        head["alg"] = "HS256".into();
        let by_secret = format!("{}.{more}.{}", write(&head), parts[2]);
        head["kid"] = "sig_none".into();
        let unknown = format!("{}.{}.{}", write(&head), parts[1], parts[2]);
        for wrong in [&forged, &unsigned, &by_secret, &unknown, &format!("{token}x"), "a.b.c", ".."] {
            let answer = server.client.with_key(wrong).get("/api/v1/me").await;
            assert_eq!(answer.refused(401), "unauthorized", "{wrong}");
        }
        server.client.with_key(token).get("/api/v1/me").await.ok();
        server.finish().await;
    }

    async fn a_refresh_token_is_exchanged_and_its_reuse_ends_the_family(on: On) {
        let server = Server::start(on).await;
        person(&server.client, "ann@example.com", "owner").await;
        let first = log_in(&server.client, "ann@example.com").await;
        let other = log_in(&server.client, "ann@example.com").await;
        let second = refresh(&server.client, &first["refresh_token"]).await.ok();
        assert_ne!(first["refresh_token"], second["refresh_token"]);
        let me = server.client.with_key(text(&second["access_token"]));
        me.get("/api/v1/me").await.ok();
        // Somebody has a copy of the first.
        assert_eq!(refresh(&server.client, &first["refresh_token"]).await.refused(400), "invalid_grant");
        assert_eq!(refresh(&server.client, &second["refresh_token"]).await.refused(400), "invalid_grant");
        assert_eq!(me.get("/api/v1/me").await.refused(401), "unauthorized");
        refresh(&server.client, &other["refresh_token"]).await.ok();
        server.finish().await;
    }

    /// However they race, one gets the next token.
    async fn of_many_that_exchange_one_token_one_gets_the_next(on: On) {
        let server = Server::start(on).await;
        person(&server.client, "ann@example.com", "owner").await;
        let token = log_in(&server.client, "ann@example.com").await["refresh_token"].clone();
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, token) = (server.client.clone(), token.clone());
            racers.spawn(async move { refresh(&client, &token).await.status.is_success() });
        }
        let won = racers.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!(won, 1);
        server.finish().await;
    }

    async fn tokens_end_in_time_and_outlive_a_restart(on: On) {
        let server = Server::start(on).await;
        person(&server.client, "ann@example.com", "owner").await;
        let tokens = log_in(&server.client, "ann@example.com").await;
        let server = server.restart().await;
        let me = server.client.with_key(text(&tokens["access_token"]));
        me.get("/api/v1/me").await.ok();
        server.advance(HOUR).await;
        assert_eq!(me.get("/api/v1/me").await.refused(401), "unauthorized");
        let next = refresh(&server.client, &tokens["refresh_token"]).await.ok();
        server.advance(14 * 24 * HOUR).await;
        assert_eq!(refresh(&server.client, &next["refresh_token"]).await.refused(400), "invalid_grant");
        server.finish().await;
    }

    async fn a_token_is_as_narrow_and_as_short_as_asked(on: On) {
        let server = Server::start(on).await;
        person(&server.client, "ann@example.com", "agent").await;
        let ask = async |more: &[(&str, &str)]| {
            let mut form = vec![("grant_type", "password"), ("username", "ann@example.com"), ("password", PASSWORD)];
            form.extend_from_slice(more);
            server.client.form(TOKEN, &form).await
        };
        // What the role lacks is not given; a field that means nothing is passed over, as the RFC wants it.
        let asked = [("scope", "chats:read  billing:read"), ("expiration", "5"), ("client_id", ""), ("audience", "x")];
        let narrow = ask(&asked).await.ok();
        assert_eq!(narrow["scope"], "chats:read");
        assert_eq!(narrow["expires_in"], 300);
        let me = server.client.with_key(text(&narrow["access_token"]));
        me.get("/api/v1/chats").await.ok();
        assert_eq!(me.get("/api/v1/contacts").await.refused(403), "missing_scope");
        // And stays so when it is refreshed.
        let next = refresh(&server.client, &narrow["refresh_token"]).await.ok();
        assert_eq!(next["scope"], "chats:read");
        for (more, code) in [
            (("scope", "everything"), "invalid_scope"),
            (("scope", "billing:read"), "invalid_scope"),
            (("expiration", "0"), "invalid_request"),
            (("expiration", "1441"), "invalid_request"),
            (("expiration", "soon"), "invalid_request"),
            (("team_id", "team_other"), "invalid_grant"),
        ] {
            assert_eq!(ask(&[more]).await.refused(400), code, "{more:?}");
        }
        server.finish().await;
    }

    async fn a_grant_that_does_not_fit_is_told_so(on: On) {
        let server = Server::start(on).await;
        let client = &server.client;
        for (body, code) in [
            (json!({}), "invalid_request"),
            (json!({ "grant_type": "magic" }), "unsupported_grant_type"),
            (json!({ "grant_type": "password", "username": "ann@example.com" }), "invalid_request"),
            (json!({ "grant_type": "password", "username": "a\u{0}b", "password": PASSWORD }), "invalid_grant"),
            (json!({ "grant_type": "password", "username": "x".repeat(300), "password": "y" }), "invalid_request"),
            (json!({ "grant_type": "password", "usrname": "x" }), "invalid_request"),
            (json!({ "grant_type": 7 }), "invalid_request"),
            (json!({ "grant_type": "refresh_token", "refresh_token": "sbr_none" }), "invalid_grant"),
            (json!({ "grant_type": "refresh_token" }), "invalid_request"),
            (json!([]), "invalid_request"),
        ] {
            assert_eq!(client.post(TOKEN, body.clone()).await.refused(400), code, "{body}");
        }
        let wrong = json!({ "grant_type": "client_credentials", "client_id": "app_x", "client_secret": "y" });
        assert_eq!(client.post(TOKEN, wrong).await.refused(401), "invalid_client");
        let xml = client.post_bytes(TOKEN, b"<x/>".to_vec(), &[("content-type", "text/xml")]).await;
        assert_eq!(xml.refused(415), "unsupported_media_type");
        let raw = [("content-type", "application/json")];
        assert_eq!(client.post_bytes(TOKEN, vec![0xff, 0xfe], &raw).await.refused(400), "invalid_request");
        let huge = vec![b'a'; 2 * 1024 * 1024];
        assert_eq!(client.post_bytes(TOKEN, huge, &raw).await.refused(413), "too_large");
        server.finish().await;
    }

    async fn a_person_of_two_teams_names_the_one_to_act_for(on: On) {
        let server = Server::start(on).await;
        let (other, _) = server.another_team().await;
        let id = person(&server.client, "ann@example.com", "owner").await;
        let second = other.get("/api/v1/team").await.ok()["id"].clone();
        let mut tx = server.house().store.begin().await.expect("a transaction");
        let now = server.clock.now() + 1;
        assert!(user::join(&mut tx, text(&second), &id, Role::Viewer, now).await.expect("joined"));
        server.house().commit(tx).await.expect("committed");
        let tokens = log_in(&server.client, "ann@example.com").await;
        assert_eq!(tokens["team_id"], server.team, "the first one, where none is named");
        let body = json!({
            "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "team_id": second, "expiration": 60,
        });
        let there = server.client.post(TOKEN, body).await.ok();
        assert_eq!(there["team_id"], second);
        let me = server.client.with_key(text(&there["access_token"])).get("/api/v1/me").await.ok();
        assert_eq!((&me["team"]["id"], &me["team"]["role"]), (&second, &json!("viewer")));
        assert_eq!(me["teams"].as_array().map(Vec::len), Some(2));
        let there = server.client.with_key(text(&there["access_token"]));
        assert_eq!(there.get(&format!("/api/v1/accounts/{}", server.account)).await.refused(404), "not_found");
        assert_eq!(there.post("/api/v1/keys", json!({})).await.refused(403), "missing_scope");
        server.finish().await;
    }

    /// At once, on every node.
    async fn who_was_removed_or_changed_is_so_at_once(on: On) {
        let server = Server::start(on).await;
        let id = person(&server.client, "ann@example.com", "admin").await;
        let tokens = log_in(&server.client, "ann@example.com").await;
        let mut places = vec![server.client.with_key(text(&tokens["access_token"]))];
        let node = match on {
            On::Postgres => Some(server.another_node().await),
            On::Sqlite => None,
        };
        places.extend(node.iter().map(|node| node.client.with_key(text(&tokens["access_token"]))));
        for me in &places {
            me.get("/api/v1/keys").await.ok();
            me.post("/api/v1/keys", json!({})).await.ok();
        }
        let path = format!("/api/v1/users/{id}");
        server.client.patch(&path, json!({ "role": "viewer" })).await.ok();
        for me in &places {
            assert_eq!(me.post("/api/v1/keys", json!({})).await.refused(403), "missing_scope");
        }
        server.client.delete(&path).await.ok();
        for me in &places {
            assert_eq!(me.get("/api/v1/me").await.refused(401), "unauthorized");
        }
        assert_eq!(refresh(&server.client, &tokens["refresh_token"]).await.refused(400), "invalid_grant");
        if let Some(node) = node {
            node.stop().await;
        }
        server.finish().await;
    }

    /// For people who exist and people who do not alike.
    async fn guessing_a_password_is_stopped(on: On) {
        let server = Server::with(on, |config| config.identity.password_attempts = 3).await;
        person(&server.client, "ann@example.com", "owner").await;
        for email in ["ann@example.com", "nobody@example.com"] {
            let form = [("grant_type", "password"), ("username", email), ("password", "wrong wrong")];
            for _ in 0..3 {
                assert_eq!(server.client.form(TOKEN, &form).await.refused(400), "invalid_grant");
            }
            let url = format!("{}{TOKEN}", server.client.url);
            let form = [("grant_type", "password"), ("username", email), ("password", PASSWORD)];
            let full = reqwest_client().post(url).form(&form).send().await.expect("an answer");
            assert_eq!(full.status(), 429, "also with the right one");
            assert_eq!(full.headers()["retry-after"], "60");
        }
        server.advance(MINUTE).await;
        log_in(&server.client, "ann@example.com").await;
        server.finish().await;
    }

    async fn a_new_signing_key_leaves_old_tokens_good_unless_they_are_forgotten(on: On) {
        let server = Server::start(on).await;
        person(&server.client, "ann@example.com", "owner").await;
        let old = as_person(&server.client, "ann@example.com").await;
        let house = server.house();
        server.clock.advance(1);
        signing::rotate(&house.store, &house.seal, &house.clock, false).await.expect("rotated");
        let new = as_person(&server.client, "ann@example.com").await;
        let kid = |client: &Client| jsonwebtoken::decode_header(&client.key).expect("a header").kid;
        assert_ne!(kid(&old), kid(&new));
        old.get("/api/v1/me").await.ok();
        new.get("/api/v1/me").await.ok();
        let keys = async || server.client.get("/.well-known/jwks.json").await.ok()["keys"].as_array().map(Vec::len);
        assert_eq!(keys().await, Some(2));
        server.clock.advance(1);
        signing::rotate(&house.store, &house.seal, &house.clock, true).await.expect("rotated");
        assert_eq!(keys().await, Some(1));
        for client in [old, new] {
            assert_eq!(client.get("/api/v1/me").await.refused(401), "unauthorized");
        }
        as_person(&server.client, "ann@example.com").await.get("/api/v1/me").await.ok();
        server.finish().await;
    }
}

pub fn reqwest_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
