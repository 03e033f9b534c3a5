//! The people of a team: roles, the last owner, invitations, and the link for the first owner.

use serde_json::{Value, json};
use switchboard::flow::identity::people;

use crate::identity::{PASSWORD, as_person, log_in, person};
use crate::support::{Client, Server};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// What a page's form posts.
async fn submit(client: &Client, token: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let mut form = vec![("token", token)];
    form.extend_from_slice(fields);
    let answer = client.form("/setup", &form).await;
    (answer.status.as_u16(), answer.body.as_str().unwrap_or_default().to_owned())
}

/// A link for the first owner, as the first start prints it.
async fn first_link(server: &Server) -> String {
    let mut tx = server.house().store.begin().await.expect("a transaction");
    let ends = server.clock.now() + DAY;
    let token = people::new_link(&mut tx, "", ends).await.expect("a link");
    server.house().commit(tx).await.expect("committed");
    token
}

const ME: [(&str, &str); 5] = [
    ("team", "Ours & yours"),
    ("name", "Ann"),
    ("email", "ann@example.com"),
    ("password", PASSWORD),
    ("again", PASSWORD),
];

both! {
    async fn each_role_may_do_what_it_stands_for(on: On) {
        let server = Server::start(on).await;
        let mut clients = Vec::new();
        for role in ["owner", "admin", "agent", "viewer"] {
            let email = format!("{role}@example.com");
            person(&server.client, &email, role).await;
            clients.push(as_person(&server.client, &email).await);
        }
        let message = json!({ "to": "+15550101", "type": "text", "text": "hi" });
        for (client, sends, manages) in [(0, true, true), (1, true, true), (2, true, false), (3, false, false)] {
            let client: &Client = &clients[client];
            client.get("/api/v1/chats").await.ok();
            let sent = client.post("/api/v1/messages", message.clone()).await;
            assert_eq!(sent.status == 202, sends, "{}", sent.body);
            let made = client.post("/api/v1/keys", json!({ "scopes": [] })).await;
            assert_eq!(made.status == 201, manages, "{}", made.body);
        }
        server.finish().await;
    }

    /// An admin neither makes nor unmakes an owner, nor makes a key that may do more.
    async fn nobody_rises_above_themselves(on: On) {
        let server = Server::start(on).await;
        let owner = person(&server.client, "owner@example.com", "owner").await;
        let me = person(&server.client, "admin@example.com", "admin").await;
        let admin = as_person(&server.client, "admin@example.com").await;
        let new = json!({ "email": "x@example.com", "role": "owner", "password": PASSWORD });
        assert_eq!(admin.post("/api/v1/users", new).await.refused(403), "missing_scope");
        for (id, role) in [(&me, "owner"), (&owner, "viewer")] {
            let answer = admin.patch(&format!("/api/v1/users/{id}"), json!({ "role": role })).await;
            assert_eq!(answer.refused(403), "missing_scope");
        }
        assert_eq!(admin.delete(&format!("/api/v1/users/{owner}")).await.refused(403), "missing_scope");
        let key = admin.post("/api/v1/keys", json!({ "scopes": ["billing:read"] })).await;
        assert_eq!(key.refused(403), "missing_scope");
        // What an admin may do.
        let agent = person(&admin, "agent@example.com", "agent").await;
        admin.patch(&format!("/api/v1/users/{agent}"), json!({ "role": "admin" })).await.ok();
        admin.delete(&format!("/api/v1/users/{agent}")).await.ok();
        server.finish().await;
    }

    async fn a_team_keeps_its_last_owner(on: On) {
        let server = Server::start(on).await;
        let ann = format!("/api/v1/users/{}", person(&server.client, "ann@example.com", "owner").await);
        let admin = json!({ "role": "admin" });
        assert_eq!(server.client.patch(&ann, admin.clone()).await.refused(409), "last_owner");
        assert_eq!(server.client.delete(&ann).await.refused(409), "last_owner");
        assert_eq!(server.client.get(&ann).await.ok()["role"], "owner");
        server.client.patch(&ann, json!({ "role": "owner" })).await.ok();
        let bob = format!("/api/v1/users/{}", person(&server.client, "bob@example.com", "owner").await);
        // Each would be fine alone: of two at once one is refused.
        let (one, two) = tokio::join!(server.client.patch(&ann, admin), server.client.delete(&bob));
        assert_eq!(u8::from(one.status == 409) + u8::from(two.status == 409), 1, "{one:?} {two:?}");
        server.finish().await;
    }

    async fn another_teams_people_keys_and_apps_are_not_there(on: On) {
        let server = Server::start(on).await;
        let (other, _) = server.another_team().await;
        let user = person(&server.client, "ann@example.com", "owner").await;
        let key = server.client.post("/api/v1/keys", json!({})).await.ok();
        let app = server.client.post("/api/v1/apps", json!({ "name": "Desk" })).await.ok();
        for path in [format!("users/{user}"), format!("keys/{}", text(&key["id"])), format!("apps/{}", text(&app["id"]))] {
            let path = format!("/api/v1/{path}");
            assert_eq!(other.get(&path).await.refused(404), "not_found");
            assert_eq!(other.delete(&path).await.refused(404), "not_found");
            server.client.get(&path).await.ok();
        }
        let path = format!("/api/v1/users/{user}");
        assert_eq!(other.patch(&path, json!({ "role": "viewer" })).await.refused(404), "not_found");
        // Nor is their address to be had: it is theirs.
        let body = json!({ "email": "ANN@example.com", "role": "owner", "password": "another horse" });
        assert_eq!(other.post("/api/v1/users", body).await.refused(409), "email_taken");
        log_in(&server.client, "ann@example.com").await;
        let theirs = other.get("/api/v1/users").await.ok();
        assert_eq!(theirs["users"], json!([]));
        server.finish().await;
    }

    async fn people_are_listed_page_by_page_and_what_does_not_fit_is_refused(on: On) {
        let server = Server::start(on).await;
        let body = |email: &str| json!({ "email": email, "role": "viewer" });
        for name in ["a", "b", "c"] {
            server.client.post("/api/v1/users", body(&format!("{name}@example.com"))).await.ok();
        }
        let first = server.client.get("/api/v1/users?limit=2").await.ok();
        let next = text(&first["pagination"]["next"]).to_owned();
        let rest = server.client.get(&format!("/api/v1/users?limit=2&cursor={next}")).await.ok();
        assert_eq!((first["users"].as_array().map(Vec::len), rest["users"].as_array().map(Vec::len)), (Some(2), Some(1)));
        assert_eq!(rest["pagination"]["next"], Value::Null);
        assert_eq!(rest["users"][0]["invited"], true);
        for wrong in [
            json!({ "email": "nobody", "role": "viewer" }),
            json!({ "email": "a\u{0}@b.c", "role": "viewer" }),
            json!({ "email": "x@y.z", "role": "king" }),
            json!({ "email": "x@y.z" }),
            json!({ "email": "x@y.z", "role": "viewer", "password": "short" }),
            json!({ "email": "x@y.z", "role": "viewer", "password": "x".repeat(300) }),
            json!({ "email": "x@y.z", "role": "viewer", "admin": true }),
            json!({ "email": 7, "role": "viewer" }),
        ] {
            assert_eq!(server.client.post("/api/v1/users", wrong.clone()).await.refused(400), "invalid_request", "{wrong}");
        }
        for wrong in [json!({ "name": "" }), json!({ "name": 1 }), json!({}), json!({ "name": "x", "plan": "y" })] {
            assert_eq!(server.client.patch("/api/v1/team", wrong.clone()).await.refused(400), "invalid_request", "{wrong}");
        }
        assert_eq!(server.client.patch("/api/v1/team", json!({ "name": "Shop" })).await.ok()["name"], "Shop");
        assert_eq!(server.client.get("/api/v1/users").await.ok()["users"].as_array().map(Vec::len), Some(3));
        server.finish().await;
    }

    async fn who_is_invited_chooses_a_password_once(on: On) {
        let server = Server::start(on).await;
        let invite = async |email: &str| {
            let added = server.client.post("/api/v1/users", json!({ "email": email, "role": "agent" })).await.ok();
            text(&added["invitation"]["link"]).to_owned()
        };
        let link = invite("bob@example.com").await;
        let form = [("grant_type", "password"), ("username", "bob@example.com"), ("password", "")];
        assert_eq!(server.client.form("/oauth2/token", &form).await.status, 400);
        let (_, token) = link.split_once("token=").expect("a token");
        let shown = server.client.get(&link).await.ok();
        assert!(text(&shown).contains("Choose your password"), "{shown}");
        let differ = submit(&server.client, token, &[("password", PASSWORD), ("again", "correct horses")]).await;
        assert!(differ.0 == 400 && differ.1.contains("differ"), "{differ:?}");
        let chosen = [("password", PASSWORD), ("again", PASSWORD)];
        assert_eq!(submit(&server.client, token, &chosen).await.0, 200);
        assert_eq!(submit(&server.client, token, &chosen).await.0, 404, "it holds once");
        assert_eq!(server.client.get(&link).await.status, 404);
        as_person(&server.client, "bob@example.com").await.get("/api/v1/me").await.ok();
        let late = invite("eve@example.com").await;
        server.advance(DAY).await;
        assert_eq!(server.client.get(&late).await.status, 404, "and for a day");
        server.finish().await;
    }

    async fn the_first_owner_comes_by_a_link_that_holds_once(on: On) {
        let server = Server::start(on).await;
        let stale = first_link(&server).await;
        let token = first_link(&server).await;
        let page = async |token: &str| server.client.get(&format!("/setup?token={token}")).await;
        assert_eq!(page(&stale).await.status, 404, "a new link takes the place of the one before");
        assert_eq!(page("").await.status, 404);
        assert!(text(&page(&token).await.ok()).contains("first one is you"));
        let mut short = ME;
        (short[0].1, short[3].1, short[4].1) = ("<script>", "short", "short");
        let (status, again) = submit(&server.client, &token, &short).await;
        assert!(status == 400 && again.contains("at least 10") && again.contains("&lt;script&gt;"), "{again}");
        // Of two at once, one becomes the owner.
        let (one, two) = tokio::join!(submit(&server.client, &token, &ME), submit(&server.client, &token, &ME));
        assert_eq!(u8::from(one.0 == 200) + u8::from(two.0 == 200), 1, "{} {}", one.0, two.0);
        let me = as_person(&server.client, "ann@example.com").await.get("/api/v1/me").await.ok();
        assert_eq!((&me["team"]["name"], &me["team"]["role"]), (&json!("Ours & yours"), &json!("owner")));
        // Another link, made before anybody knew, makes no second one.
        let late = first_link(&server).await;
        let mut bob = ME;
        bob[2].1 = "bob@example.com";
        let (status, words) = submit(&server.client, &late, &bob).await;
        assert!(status == 400 && words.contains("has an owner already"), "{status} {words}");
        server.finish().await;
    }

    async fn a_new_password_ends_the_other_sessions(on: On) {
        let server = Server::start(on).await;
        person(&server.client, "ann@example.com", "viewer").await;
        let me = as_person(&server.client, "ann@example.com").await;
        let elsewhere = as_person(&server.client, "ann@example.com").await;
        let change = |current: &str, new: &str| json!({ "current": current, "new": new });
        let path = "/api/v1/me/password";
        assert_eq!(me.post(path, change("wrong", "another horse")).await.refused(400), "wrong_password");
        assert_eq!(me.post(path, change(PASSWORD, "short")).await.refused(400), "invalid_request");
        assert_eq!(server.client.post(path, change(PASSWORD, "another horse")).await.refused(409), "not_a_user");
        elsewhere.get("/api/v1/me").await.ok();
        me.post(path, change(PASSWORD, "another horse")).await.ok();
        me.get("/api/v1/me").await.ok();
        assert_eq!(elsewhere.get("/api/v1/me").await.refused(401), "unauthorized");
        let old = [("grant_type", "password"), ("username", "ann@example.com"), ("password", PASSWORD)];
        assert_eq!(server.client.form("/oauth2/token", &old).await.refused(400), "invalid_grant");
        me.delete("/api/v1/me/sessions").await.ok();
        assert_eq!(me.get("/api/v1/me").await.refused(401), "unauthorized");
        server.finish().await;
    }

    /// What people and keys go through is in the team's stream.
    async fn changes_of_people_and_keys_are_events(on: On) {
        let server = Server::start(on).await;
        let id = person(&server.client, "ann@example.com", "viewer").await;
        server.client.patch(&format!("/api/v1/users/{id}"), json!({ "role": "agent" })).await.ok();
        let key = server.client.post("/api/v1/keys", json!({})).await.ok();
        server.client.delete(&format!("/api/v1/keys/{}", text(&key["id"]))).await.ok();
        server.client.delete(&format!("/api/v1/users/{id}")).await.ok();
        let events = server.client.get("/api/v1/events?after=0").await.ok();
        let kinds: Vec<&str> = events["events"].as_array().expect("a list").iter().map(|e| text(&e["type"])).collect();
        assert_eq!(kinds, ["user.added", "user.changed", "key.created", "key.deleted", "user.removed"]);
        assert!(!events.to_string().contains(text(&key["key"])));
        server.finish().await;
    }
}
