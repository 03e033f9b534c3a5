//! The phone page in a real browser: type as a customer, see the answer and its ticks.

use serde_json::{Value, json};
use switchboard::clock::Clock;

use crate::support::{Browser, On, Server};

/// A customer types; the answer comes by itself, and its ticks go from sent to read.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_types_and_sees_the_answer_with_its_ticks() {
    let server = Server::start_at(On::Sqlite, Clock::system(), |_| {}).await;
    server.install("probe").await;
    let page = Browser::start().await;
    page.open(&format!("{}/sandbox", server.client.url)).await;
    page.type_in("#composer", "echo hello there\u{e007}").await;
    page.visible("[data-direction='in'][data-message-id]").await;
    assert!(page.text("[data-direction='out'][data-message-id]").await.contains("hello there"));
    page.visible("[data-direction='out'][data-status='read']").await;
    let left = page.run("return document.querySelector('#composer').value", json!([])).await;
    assert_eq!(left, "", "ready for the next");

    // What is written elsewhere appears as well, and markup is text.
    let markup = "<b>not bold</b><img src=x onerror=document.title='broken'>";
    page.type_in("#composer", &format!("echo {markup}\u{e007}")).await;
    page.shows("#messages", "<b>not bold</b>").await;
    assert_ne!(page.title().await, "broken");
    page.stop().await;
    server.stop().await;
}

/// A message that the channel refused shows the channel's words.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_says_why() {
    let server = Server::start_at(On::Sqlite, Clock::system(), |_| {}).await;
    server.install("probe").await;
    server.plan(&["fail"]).await;
    let page = Browser::start().await;
    page.open(&format!("{}/sandbox", server.client.url)).await;
    page.type_in("#composer", "echo never\u{e007}").await;
    page.shows("[data-direction='out'][data-status='error']", "Unsupported message type").await;
    page.stop().await;
    server.stop().await;
}

/// An account that is not connected shows its QR code; scanning it opens the chat.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_by_its_code() {
    let server = Server::start_at(On::Sqlite, Clock::system(), |_| {}).await;
    let path = format!("/sandbox/accounts/{}/close", server.account);
    server.client.post(&path, Value::Null).await.ok();
    let page = Browser::start().await;
    page.open(&format!("{}/sandbox", server.client.url)).await;
    page.click("#open").await;
    page.visible("#qr").await;
    page.click("#scan").await;
    page.visible("#composer").await;
    page.stop().await;
    server.stop().await;
}
