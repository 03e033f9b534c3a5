//! The command line, through the program itself.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use switchboard::clock::Clock;
use tempfile::TempDir;

use crate::identity::{PASSWORD, log_in};
use crate::support::{Client, Database, On, Receiver};

/// A data folder, a database, and the program.
struct Place {
    data: TempDir,
    database: String,
}

/// The service in a process of its own; it is told to stop, or killed where a test fails.
struct Service {
    child: Child,
    ready: Value,
}

impl Place {
    async fn new(on: On) -> Self {
        Self { data: tempfile::tempdir().expect("a folder"), database: Database::new(on).await.url }
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SWITCHBOARD_")) {
            command.env_remove(name);
        }
        command.env("SWITCHBOARD_DATA", self.data.path());
        command.env("SWITCHBOARD_DATABASE__URL", &self.database);
        command.env("SWITCHBOARD_NOTIFY__ALLOW", "[127.0.0.0/8]");
        command.env("SWITCHBOARD_LOG__FILTER", "warn");
        command.args(args);
        command
    }

    /// Run a command with something on its standard input.
    fn run(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.program(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("written");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    /// What a command that succeeds prints.
    #[track_caller]
    fn prints(&self, args: &[&str], input: &str) -> String {
        let output = self.run(args, input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).expect("a text")
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let text = self.prints(&[args, &["--json"]].concat(), PASSWORD);
        serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{text:?}: {problem}"))
    }

    /// What a command that fails says: one line.
    #[track_caller]
    fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args, PASSWORD);
        let error = String::from_utf8(output.stderr).expect("a text");
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.starts_with("error: ") && error.trim().lines().count() == 1, "{error}");
        error
    }

    fn serve(&self, command: &str) -> Service {
        let mut program = self.program(&[command, "--port", "0", "--json"]);
        let mut child =
            program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("its line");
        let ready =
            serde_json::from_str(&line).unwrap_or_else(|problem| panic!("{line:?}: {problem}"));
        Service { child, ready }
    }
}

fn words(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

impl Service {
    fn url(&self) -> &str {
        self.ready["url"].as_str().expect("an address")
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill").args(["-TERM", &pid]).status().expect("kill starts").success()
        );
        assert!(self.child.wait().expect("gone").success(), "a graceful stop");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Gone already, where the test passed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

both! {
    async fn teams_people_and_keys_are_looked_after_without_a_service(on: On) {
        let place = Place::new(on).await;
        assert!(place.fails(&["key", "add"]).contains("team add"));
        let ann = place.json(&["user", "add", "ann@example.com", "--owner", "--name", "Ann", "--password-stdin"]);
        assert_eq!(ann["role"], "owner");
        let second = place.json(&["team", "add", "Second"]);
        let second = second["id"].as_str().expect("an id");
        place.json(&["team", "rename", second, "Another"]);
        let third = place.json(&["team", "add", "Third"])["id"].clone();
        let third = third.as_str().expect("an id");
        assert!(place.fails(&["team", "remove", third]).contains("--yes"));
        place.json(&["team", "remove", third, "--yes"]);
        assert!(place.fails(&["team", "show", third]).contains(third));
        let teams = place.prints(&["team", "list"], "");
        let lines: Vec<&str> = teams.lines().collect();
        assert!(lines[0].starts_with("ID ") && lines[0].ends_with("NAME"), "{teams}");
        assert!(lines[1].ends_with("First team") && lines[2].ends_with("Another"), "{teams}");
        // Who is known already keeps their password.
        let again = place.json(&["user", "add", "ann@example.com", "--role", "viewer", "--team", second]);
        assert_eq!(again["id"], ann["id"]);
        assert!(place.fails(&["user", "add", "ann@example.com", "--team", second]).contains("already"));
        assert!(place.fails(&["user", "remove", "ann@example.com"]).contains("owner"));
        assert!(place.fails(&["user", "role", "ann@example.com", "agent"]).contains("owner"));
        assert!(place.fails(&["user", "add", "bob@example.com"]).contains("--password-stdin"));
        assert!(place.fails(&["user", "add", "bob", "--password-stdin"]).contains("address"));
        place.json(&["user", "add", "bob@example.com", "--password-stdin"]);
        place.json(&["user", "role", "bob@example.com", "admin"]);
        assert_eq!(place.json(&["user", "show", "bob@example.com"])["role"], "admin");
        let people = place.json(&["user", "list"]);
        assert_eq!(people.as_array().map(Vec::len), Some(2));
        place.json(&["user", "remove", "bob@example.com"]);
        assert!(place.fails(&["user", "show", "bob@example.com"]).contains("bob@example.com"));
        let key = place.json(&["key", "add", "--name", "desk", "--scope", "chats:read", "--scope", "team:read"]);
        assert!(key["api_key"].as_str().expect("a key").starts_with("sb_"));
        assert!(place.prints(&["key", "list"], "").contains("chats:read team:read"));
        let id = key["id"].as_str().expect("an id");
        assert!(place.fails(&["key", "remove", id, "--team", second]).contains(id));
        assert!(place.fails(&["key", "add", "--department", "dep_0"]).contains("dep_0"));
        assert_eq!(place.json(&["key", "show", id])["name"], "desk");
        place.json(&["key", "remove", id]);
        assert_eq!(place.json(&["key", "list"]), json!([]));
        // The team hears of it all, in its order.
        let key = place.json(&["key", "add"]);
        let service = place.serve("serve");
        let client = Client::new(service.url(), key["api_key"].as_str().expect("a key"));
        let events = client.get("/api/v1/events").await.ok();
        let names: Vec<&str> =
            events["events"].as_array().expect("a list").iter().filter_map(|event| event["type"].as_str()).collect();
        assert_eq!(
            names,
            ["user.added", "user.added", "user.changed", "user.removed", "key.created", "key.deleted", "key.created"]
        );
        service.stop();
    }

    async fn the_first_start_prints_a_link_until_there_is_an_owner(on: On) {
        let place = Place::new(on).await;
        let service = place.serve("serve");
        let link = service.ready["setup"].as_str().expect("a link").to_owned();
        let (base, token) = link.split_once("/setup?token=").expect("a link with a token");
        assert_eq!(base, service.url());
        let client = Client::new(service.url(), "");
        let form = [("token", token), ("team", "Shop"), ("email", "ann@example.com"), ("password", PASSWORD), ("again", PASSWORD)];
        assert_eq!(client.form("/setup", &form).await.status, 200);
        let tokens = log_in(&client, "ann@example.com").await;
        service.stop();
        // A new signing key leaves the token good.
        place.json(&["key", "rotate-signing"]);
        let service = place.serve("serve");
        assert_eq!(service.ready["setup"], Value::Null);
        let me = Client::new(service.url(), tokens["access_token"].as_str().expect("a token"));
        assert_eq!(me.get("/api/v1/me").await.ok()["team"]["name"], "Shop");
        service.stop();
        place.prints(&["user", "password", "ann@example.com", "--password-stdin"], "another horse\n");
        let service = place.serve("serve");
        let form = [("grant_type", "password"), ("username", "ann@example.com"), ("password", "another horse")];
        Client::new(service.url(), "").form("/oauth2/token", &form).await.ok();
        assert_eq!(Client::new(service.url(), &me.key).get("/api/v1/me").await.refused(401), "unauthorized");
        service.stop();
    }

    async fn accounts_webhooks_and_messages_are_looked_after_on_a_service(on: On) {
        let place = Place::new(on).await;
        let service = place.serve("demo");
        let receiver = Receiver::start().await;
        let key = service.ready["api_key"].as_str().expect("a key").to_owned();
        let with = |args: &[&str]| -> Vec<String> {
            let connection = ["--url", service.url(), "--key", &key];
            args.iter().chain(&connection).map(|arg| (*arg).to_owned()).collect()
        };
        let json = |args: &[&str]| place.json(&words(&with(args)));
        let fails = |args: &[&str]| place.fails(&words(&with(args)));
        let prints = |args: &[&str], input: &str| place.prints(&words(&with(args)), input);
        let account = service.ready["account"].as_str().expect("an account");
        json(&["account", "rename", account, "Front desk"]);
        let second = json(&["account", "add", "--nickname", "Second", "--phone", "+15550100999"]);
        let accounts = json(&["account", "list"]);
        assert_eq!(accounts.as_array().map(Vec::len), Some(2));
        let second = second["id"].as_str().expect("an id");
        assert_eq!(json(&["account", "close", second])["state"], "close");
        json(&["account", "tier", second, "limited_msg_no_chat_history"]);
        assert_eq!(json(&["account", "show", second])["tier"], "limited_msg_no_chat_history");
        assert_eq!(json(&["account", "pause", second])["paused"], true);
        assert_eq!(json(&["account", "resume", second])["paused"], false);
        let table = prints(&["account", "list"], "");
        assert!(table.starts_with("ID ") && table.contains("Front desk"), "{table}");

        let endpoint = json(&["webhook", "add", &receiver.url, "--event", "endpoint.test"]);
        assert!(endpoint["secret"].as_str().expect("a secret").starts_with("whsec_"));
        let endpoint = endpoint["id"].as_str().expect("an id");
        assert_eq!(json(&["webhook", "disable", endpoint])["enabled"], false);
        json(&["webhook", "enable", endpoint]);
        assert_eq!(json(&["webhook", "list"])[0]["id"], endpoint);
        let rotated = json(&["webhook", "rotate", endpoint]);
        assert!(rotated["secret"].as_str().expect("a secret").starts_with("whsec_"));
        let ranged = json(&["webhook", "resend", endpoint, "--from", "2026-01-01T00:00:00Z"]);
        assert!(ranged["id"].is_string(), "{ranged}");
        json(&["webhook", "remove", endpoint]);
        let refusal = fails(&["webhook", "show", endpoint]);
        assert!(refusal.contains("not_found"), "{refusal}");

        let hour = chrono::DateTime::from_timestamp_millis(Clock::system().now() + 3_600_000);
        let at = &hour.expect("a moment").to_rfc3339();
        let sent = json(&["message", "send", "+15550100123", "Hello", "--account", account, "--at", at, "--id", "once"]);
        let again = json(&["message", "send", "+15550100123", "Hello", "--account", account, "--at", at, "--id", "once"]);
        assert_eq!(sent["id"], again["id"]);
        let id = sent["id"].as_str().expect("an id");
        assert_eq!(json(&["message", "get", id])["status"], "pending");
        assert_eq!(json(&["message", "edit", id, "--text", "Good evening"])["text"], "Good evening");
        assert_eq!(json(&["message", "search", "evening"])[0]["id"], id);
        let listed = json(&["message", "list", "--contact", "+15550100123"]);
        assert_eq!(listed[0]["id"], id);
        assert_eq!(json(&["message", "cancel", id])["status"], "cancelled");
        json(&["message", "remove", id]);
        assert!(fails(&["message", "show", id]).contains("not_found"));

        let file = place.data.path().join("price list.pdf");
        std::fs::write(&file, b"%PDF-1.7 prices").expect("written");
        let file = file.to_str().expect("a path");
        let sent = json(&["message", "send", "+15550100123", "Our prices", "--file", file, "--account", account, "--at", at]);
        assert_eq!((&sent["type"], &sent["document"]["filename"]), (&json!("document"), &json!("price list.pdf")));
        assert_eq!(sent["document"]["caption"], "Our prices");
        let refusal = fails(&["message", "send", "+15550100123", "--template", "none", "--value", "Ann", "--account", account]);
        assert!(refusal.contains("template_not_found"), "{refusal}");

        let contacts = prints(&["api", "GET", "contacts?limit=1"], "");
        let contacts: Value = serde_json::from_str(&contacts).expect("JSON");
        assert_eq!(contacts["contacts"][0]["phone"], "+15550100123");
        let made = prints(&["api", "POST", "/contacts", "-"], r#"{"phone":"+15550100777","name":"Bea"}"#);
        assert_eq!(serde_json::from_str::<Value>(&made).expect("JSON")["name"], "Bea");
        assert!(fails(&["api", "DELETE", "contacts/con_0"]).contains("not_found"));

        json(&["account", "archive", second]);
        json(&["account", "remove", second]);
        assert!(fails(&["account", "show", second]).contains("not_found"));
        service.stop();
    }
}
