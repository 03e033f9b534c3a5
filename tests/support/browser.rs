//! Chromium, driven through chromedriver by the WebDriver protocol (W3C): the few commands that the
//! tests of pages need. A client library would change the features of half the dependencies, and
//! have the host compiled twice.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What a person waits for at most.
const WAIT: Duration = Duration::from_secs(10);

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page; browser and driver end with this value.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    pub async fn start() -> Self {
        let mut driver = Command::new("chromedriver");
        driver.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = driver.spawn().expect("chromedriver is installed by `cargo xtask test`");
        let lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.rsplit_once("started successfully on port ")
                .map(|(_, port)| port.trim_end_matches('.').to_owned())
        });
        let url = format!("http://127.0.0.1:{}/session", port.expect("chromedriver says its port"));
        let profile = tempfile::tempdir().expect("a folder");
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--window-size=420,860", format!("--user-data-dir={}", profile.path().display()),
        ] });
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let created = command(&http, &url, Some(wanted)).await.expect("Chromium starts");
        let session = format!("{url}/{}", created["sessionId"].as_str().expect("a session"));
        Self { http, session, driver, _profile: profile }
    }

    pub async fn open(&self, url: &str) {
        self.post("url", json!({ "url": url })).await.expect("the page opens");
    }

    pub async fn title(&self) -> String {
        let title =
            command(&self.http, &format!("{}/title", self.session), None).await.expect("a title");
        title.as_str().unwrap_or_default().to_owned()
    }

    /// What a script in the page returns; its arguments are `arguments[0]`, …
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        let body = json!({ "script": script, "args": arguments });
        self.post("execute/sync", body).await.expect("the script runs")
    }

    /// The text of the first visible element for a selector, once there is one.
    pub async fn text(&self, css: &str) -> String {
        let element = self.visible(css).await;
        self.run("return arguments[0].innerText", json!([element]))
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Click as a person does.
    pub async fn click(&self, css: &str) {
        let element = self.visible(css).await;
        self.post(&format!("element/{}/click", id(&element)), json!({})).await.expect("clicked");
    }

    /// Type as a person does; `\u{e007}` is Enter.
    pub async fn type_in(&self, css: &str, keys: &str) {
        let element = self.visible(css).await;
        self.post(&format!("element/{}/value", id(&element)), json!({ "text": keys }))
            .await
            .expect("typed");
    }

    /// Wait until an element shows.
    ///
    /// # Panics
    /// When none does within ten seconds.
    pub async fn visible(&self, css: &str) -> Value {
        let begun = Instant::now();
        loop {
            let script = "const e = document.querySelector(arguments[0]); \
                          return e && e.getClientRects().length ? e : null";
            let element = self.run(script, json!([css])).await;
            if !element.is_null() {
                return element;
            }
            assert!(begun.elapsed() < WAIT, "{css} does not show");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Wait until an element's text holds some words.
    pub async fn shows(&self, css: &str, words: &str) {
        let begun = Instant::now();
        loop {
            let shown = self.text(css).await;
            if shown.contains(words) {
                return;
            }
            assert!(begun.elapsed() < WAIT, "{css} does not show {words:?}, but {shown:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        command(&self.http, &format!("{}/{path}", self.session), Some(body)).await
    }

    pub async fn stop(self) {
        let closed = self.http.delete(&self.session).send().await;
        closed.expect("Chromium stops").error_for_status().expect("Chromium stops");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already; what counts is that none is left.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn id(element: &Value) -> &str {
    element[ELEMENT].as_str().expect("an element")
}

/// One command: a GET, or with a body a POST; its `value`.
async fn command(http: &reqwest::Client, url: &str, body: Option<Value>) -> Result<Value, String> {
    let request = match body {
        Some(body) => http.post(url).json(&body),
        None => http.get(url),
    };
    let answer = request.send().await.map_err(|problem| problem.to_string())?;
    let failed = !answer.status().is_success();
    let mut answer: Value = answer.json().await.map_err(|problem| problem.to_string())?;
    if failed {
        return Err(answer["value"]["message"].to_string());
    }
    Ok(answer["value"].take())
}
