//! The real program in a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Client, Database, On, eventually, plugin_file};

/// A setting as the environment gives it; a later one of the same name counts.
pub type Setting = (&'static str, &'static str);

/// The settings of all crash tests that differ from the defaults.
const SETTINGS: [Setting; 10] = [
    // A kill is not the event's fault: it must not end in the dead letters.
    ("SWITCHBOARD_DELIVERY__ATTEMPTS", "1000000"),
    ("SWITCHBOARD_OUTBOX__ATTEMPTS", "1000000"),
    ("SWITCHBOARD_DELIVERY__RETRY_FIRST", "50"),
    ("SWITCHBOARD_DELIVERY__RETRY_MAX", "200"),
    ("SWITCHBOARD_OUTBOX__RETRY_FIRST", "50"),
    ("SWITCHBOARD_DELIVERY__LEASE", "3000"),
    // Long enough for many a kill to fall between a call and its answer.
    ("SWITCHBOARD_SANDBOX__LATENCY", "5"),
    ("SWITCHBOARD_LIMITS__REQUESTS_PER_MINUTE", "100000000"),
    ("SWITCHBOARD_LIMITS__MESSAGES_PER_DAY", "0"),
    ("SWITCHBOARD_LOG__FILTER", "warn"),
];

/// Where the channel deduplicates nobody is in doubt. Where it does not, a send is given up for lost
/// long before its receipt could vouch for it, so that there are resends to look at.
pub const CERTAIN: [Setting; 3] = [
    ("SWITCHBOARD_SANDBOX__DEDUPLICATES", "true"),
    ("SWITCHBOARD_SANDBOX__DELIVERED_AFTER", "20"),
    ("SWITCHBOARD_SANDBOX__READ_AFTER", "40"),
];
pub const IN_DOUBT: [Setting; 5] = [
    ("SWITCHBOARD_SANDBOX__DEDUPLICATES", "false"),
    ("SWITCHBOARD_SANDBOX__DELIVERED_AFTER", "6000"),
    ("SWITCHBOARD_SANDBOX__READ_AFTER", "6100"),
    ("SWITCHBOARD_OUTBOX__DOUBT_WINDOW", "300"),
    // A call is under way at most instants, so that most kills leave one in doubt.
    ("SWITCHBOARD_SANDBOX__LATENCY", "15"),
];

pub struct Host {
    pub client: Client,
    pub account: String,
    /// The address of its database, for looking at it from outside.
    pub database: String,
    settings: Vec<(&'static str, String)>,
    port: u16,
    data: TempDir,
    child: Child,
}

impl Host {
    /// On a new folder, with a team, an account and the probe.
    pub async fn first_start(on: On, further: &[Setting]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let database = Database::new(on).await.url;
        let all = SETTINGS.iter().chain(further);
        let mut settings: Vec<_> = all.map(|(name, value)| (*name, (*value).to_owned())).collect();
        settings.push(("SWITCHBOARD_DATABASE__URL", database.clone()));
        // Always the same port, so that the writers find it again.
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("a free port")
            .local_addr()
            .expect("an address")
            .port();
        let mut demo = command(&data, &settings);
        demo.arg("demo").arg("--data").arg(data.path()).args([
            "--port",
            &port.to_string(),
            "--json",
        ]);
        demo.arg("--install").arg(plugin_file("probe"));
        let mut child = demo.stdout(Stdio::piped()).spawn().expect("the host starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("its line");
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|problem| panic!("{line:?}: {problem}"));
        let text = |name: &str| {
            ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {ready}")).to_owned()
        };
        let database = match on {
            On::Sqlite => {
                format!("sqlite://{}?mode=ro", data.path().join("switchboard.db").display())
            }
            On::Postgres => database,
        };
        let client = Client::new(&text("url"), &text("api_key"));
        Self { client, account: text("account"), database, settings, port, data, child }
    }

    /// Start it again.
    pub fn start(&mut self) {
        let mut serve = command(&self.data, &self.settings);
        serve
            .arg("serve")
            .arg("--data")
            .arg(self.data.path())
            .args(["--port", &self.port.to_string()]);
        self.child = serve.stdout(Stdio::null()).spawn().expect("the host starts");
    }

    /// SIGKILL, and wait until it is gone.
    pub fn kill(&mut self) {
        if let Some(status) = self.child.try_wait().expect("its state") {
            panic!("the host ended by itself ({status}):\n{}", self.log());
        }
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// SIGTERM, and wait until it has stopped gracefully.
    pub fn stop(&mut self) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().expect("kill starts");
        assert!(told.success());
        let status = self.child.wait().expect("gone");
        assert!(status.success(), "a graceful stop: {status}\n{}", self.log());
    }

    pub async fn until_ready(&mut self) {
        let url = format!("{}/readyz", self.client.url);
        let ready = eventually("the host to be ready", async || {
            match self.child.try_wait().expect("its state") {
                Some(status) => Some(Err(status)),
                None => reqwest::get(&url)
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
                    .then_some(Ok(())),
            }
        })
        .await;
        if let Err(status) = ready {
            panic!("the host ended by itself ({status}):\n{}", self.log());
        }
    }

    /// What the pretend network wrote down.
    pub fn journal(&self) -> PathBuf {
        self.data.path().join("sandbox.jsonl")
    }

    /// The end of what it said.
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Gone already, where the test passed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &TempDir, settings: &[(&'static str, String)]) -> Command {
    let log =
        File::options().create(true).append(true).open(data.path().join("log")).expect("a log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    // Those of the tests are no settings of the host.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SWITCHBOARD_")) {
        command.env_remove(name);
    }
    command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    command.stdin(Stdio::null()).stderr(log);
    command
}
