//! Departments and business accounts: what accounts and their chats are grouped by.

use serde_json::{Value, json};

use crate::support::Server;

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
}
