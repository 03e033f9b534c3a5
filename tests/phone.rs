//! The phone page in a real browser: type as a customer, see the answer and its ticks.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use switchboard::clock::Clock;
use tempfile::TempDir;

use crate::support::{On, Server};

/// What a person waits for at most.
const WAIT: Duration = Duration::from_secs(10);

/// A customer types; the answer comes by itself, and its ticks go from sent to read.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_types_and_sees_the_answer_with_its_ticks() {
    let server = Server::start_at(On::Sqlite, Clock::system(), |_| {}).await;
    server.install("probe").await;
    let browser = Browser::start().await;
    let page = &browser.page;
    page.goto(&format!("{}/sandbox", server.client.url)).await.expect("the page opens");
    type_in(page, "echo hello there\u{e007}").await;
    wait(page, "[data-direction='in'][data-message-id]").await;
    let answer = wait(page, "[data-direction='out'][data-message-id]").await;
    assert!(answer.text().await.expect("its text").contains("hello there"));
    wait(page, "[data-direction='out'][data-status='read']").await;
    let composer = page.find(Locator::Css("#composer")).await.expect("the composer");
    assert_eq!(composer.prop("value").await.expect("its value").as_deref(), Some(""), "ready for the next");

    // What is written elsewhere appears as well, and markup is text.
    type_in(page, "echo <b>not bold</b><img src=x onerror=document.title='broken'>\u{e007}").await;
    wait_for_text(page, "<b>not bold</b>").await;
    assert_ne!(page.title().await.expect("a title"), "broken");
    browser.stop().await;
    server.stop().await;
}

/// A message that the channel refused shows the channel's words.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_says_why() {
    let server = Server::start_at(On::Sqlite, Clock::system(), |_| {}).await;
    server.install("probe").await;
    server.plan(&["fail"]).await;
    let browser = Browser::start().await;
    browser.page.goto(&format!("{}/sandbox", server.client.url)).await.expect("the page opens");
    type_in(&browser.page, "echo never\u{e007}").await;
    let failed = wait(&browser.page, "[data-direction='out'][data-status='error']").await;
    let text = failed.text().await.expect("its text");
    assert!(text.contains("Unsupported message type"), "{text}");
    browser.stop().await;
    server.stop().await;
}

/// An account that is not connected shows its QR code; scanning it opens the chat.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_by_its_code() {
    let server = Server::start_at(On::Sqlite, Clock::system(), |_| {}).await;
    let path = |what: &str| format!("/sandbox/accounts/{}/{what}", server.account);
    server.client.post(&path("close"), Value::Null).await.ok();
    let browser = Browser::start().await;
    let page = &browser.page;
    page.goto(&format!("{}/sandbox", server.client.url)).await.expect("the page opens");
    visible(page, "#open").await.click().await.expect("clicked");
    visible(page, "#qr").await;
    visible(page, "#scan").await.click().await.expect("clicked");
    visible(page, "#composer").await;
    browser.stop().await;
    server.stop().await;
}

async fn type_in(page: &Client, keys: &str) {
    visible(page, "#composer").await.send_keys(keys).await.expect("typed");
}

async fn wait(page: &Client, css: &str) -> fantoccini::elements::Element {
    page.wait().at_most(WAIT).for_element(Locator::Css(css)).await.unwrap_or_else(|problem| panic!("{css}: {problem}"))
}

async fn visible(page: &Client, css: &str) -> fantoccini::elements::Element {
    let begun = std::time::Instant::now();
    loop {
        let element = wait(page, css).await;
        if element.is_displayed().await.unwrap_or(false) {
            return element;
        }
        assert!(begun.elapsed() < WAIT, "{css} does not show");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn wait_for_text(page: &Client, text: &str) {
    let begun = std::time::Instant::now();
    loop {
        let shown = page.find(Locator::Css("#messages")).await.expect("the list").text().await.expect("its text");
        if shown.contains(text) {
            return;
        }
        assert!(begun.elapsed() < WAIT, "{text:?} does not show: {shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Chromium, driven; both end with this value.
struct Browser {
    page: Client,
    driver: Child,
    profile: TempDir,
}

impl Browser {
    async fn start() -> Self {
        let mut driver = Command::new("chromedriver");
        driver.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = driver.spawn().expect("chromedriver is installed by `cargo xtask test`");
        let lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.rsplit_once("started successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver says its port");
        let profile = tempfile::tempdir().expect("a folder");
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--window-size=420,860", format!("--user-data-dir={}", profile.path().display()),
        ] });
        let capabilities = serde_json::Map::from_iter([("goog:chromeOptions".to_owned(), options)]);
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium starts");
        Self { page, driver, profile }
    }

    async fn stop(mut self) {
        self.page.clone().close().await.expect("Chromium stops");
        self.driver.kill().expect("killed");
        self.driver.wait().expect("gone");
        drop(self.profile);
    }
}
