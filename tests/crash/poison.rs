//! An event that the process dies of, again and again, ends in the dead letters, not in a loop.

use serde_json::json;

use super::host::Host;
use crate::support::{On, eventually};

/// The host is killed each time while it handles this one event.
async fn a_deadly_event_is_given_up(on: On) {
    let mut host = Host::first_start(on, &[("SWITCHBOARD_DELIVERY__ATTEMPTS", "3")]).await;
    let (client, account) = (host.client.clone(), host.account.clone());
    let path = format!("/sandbox/accounts/{account}/incoming");
    client.incoming(&account, "+15550101", "sleep").await;
    let behind = json!({ "from": "+15550101", "type": "text", "text": "echo behind" });
    client.post(&path, behind).await.ok();
    for _ in 0..3 {
        // Time to be claimed; the call itself sleeps for longer.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        host.kill();
        host.start();
        host.until_ready().await;
    }
    eventually("the chat to go on", async || {
        let heard = client.outgoing(&account).await;
        heard.iter().any(|record| record["content"]["text"] == "behind").then_some(())
    })
    .await;
    let dead = client.get("/api/v1/dead-letters").await.ok();
    let letter = &dead["deadLetters"][0];
    assert_eq!(letter["fault"], "host", "{dead}");
    assert!(letter["reason"].as_str().is_some_and(|reason| reason.contains("stopped")), "{dead}");
    host.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_deadly_event_is_given_up() {
    a_deadly_event_is_given_up(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_deadly_event_is_given_up() {
    a_deadly_event_is_given_up(On::Postgres).await;
}
