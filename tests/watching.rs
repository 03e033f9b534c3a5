//! What is seen of plugins from outside: logs, figures, dead letters.

use serde_json::{Value, json};

use crate::support::Server;

const ANN: &str = "+15550101";
const BOB: &str = "+15550102";

fn messages(answer: &Value) -> Vec<String> {
    let all = answer["logs"].as_array().unwrap_or_else(|| panic!("{answer}"));
    all.iter().map(|line| line["message"].as_str().expect("a text").to_owned()).collect()
}

/// Lines of three customers' chats, a minute after each other.
async fn a_log(server: &Server) -> String {
    let install = server.install("probe").await;
    for (from, said) in [
        (ANN, "line info first"),
        (BOB, "line warn Second"),
        (ANN, "line error third"),
        (ANN, "line debug fourth"),
    ] {
        server.says(from, said).await;
        server.advance(60_000).await;
    }
    install
}

/// What the command line prints about this server.
async fn prints(server: &Server, args: &[&str]) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.args(args).args(["--url", &server.client.url, "--key", &server.client.key]);
    let output = command.output().await.expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8(output.stdout).expect("a text")
}

both! {
    /// All of it from the command line, by the plugin's name.
    async fn the_command_line_shows_and_edits(on: On) {
        let server = Server::with(on, |config| config.delivery.attempts = 1).await;
        server.install("probe").await;
        server.says(ANN, "line warn careful").await;
        server.says(ANN, "trap").await;
        let logs = prints(&server, &["logs", "--level", "warn", "--search", "CARE"]).await;
        assert!(logs.contains("\twarn\tprobe\tcareful"), "{logs}");
        assert_eq!(prints(&server, &["plugin", "logs", "probe", "--tail", "1", "--search", "careful"]).await, logs.replace("probe\t", ""));
        assert!(prints(&server, &["plugin", "stats", "probe"]).await.contains("exception 1"));
        let dead = prints(&server, &["plugin", "dead"]).await;
        let whole = prints(&server, &["plugin", "dead", dead.split('\t').next().expect("an id")]).await;
        assert!(whole.contains("probe::") && whole.contains("trapped as asked") && whole.contains("message.received"), "{whole}");
        prints(&server, &["plugin", "state", "set", "probe", "a key/with all", "a value", "--ttl", "3600"]).await;
        assert_eq!(prints(&server, &["plugin", "state", "get", "probe", "a key/with all"]).await, "a value\n");
        let export = prints(&server, &["plugin", "state", "export", "probe"]).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("state.ndjson");
        std::fs::write(&file, &export).expect("written");
        prints(&server, &["plugin", "state", "delete", "probe", "a key/with all"]).await;
        assert_eq!(prints(&server, &["plugin", "state", "probe", "--json"]).await, "[]\n");
        prints(&server, &["plugin", "state", "import", "probe", file.to_str().expect("a path")]).await;
        assert!(prints(&server, &["plugin", "state", "probe", "--scope", "plugin", "--prefix", "a k"]).await.contains("a key/with all"));
        let message = server.client.get("/api/v1/messages?direction=in").await.ok();
        let story = prints(&server, &["trace", message["messages"][0]["id"].as_str().expect("an id")]).await;
        assert!(story.contains("plugin probe #1") && story.contains("exception"), "{story}");
        server.stop().await;
    }

    async fn a_log_is_searched(on: On) {
        let server = Server::start(on).await;
        let install = a_log(&server).await;
        let get = async |query: &str| {
            let one = server.client.get(&format!("/api/v1/plugins/{install}/logs?{query}")).await.ok();
            let all = server.client.get(&format!("/api/v1/logs?{query}")).await.ok();
            assert_eq!(one, all, "{query}");
            messages(&one)
        };
        assert_eq!(get("").await, ["first", "Second", "third", "fourth"]);
        assert_eq!(get("order=newest").await, ["fourth", "third", "Second", "first"]);
        assert_eq!(get("level=warn").await, ["Second", "third"]);
        assert_eq!(get("text=SEC").await, ["Second"]);
        assert_eq!(get("text=%25").await, Vec::<String>::new());
        assert_eq!(get("tail=2").await, ["third", "fourth"]);
        assert_eq!(get("tail=1&level=error").await, ["third"]);
        assert_eq!(get("since=2026-01-05T12:01:00Z&until=2026-01-05T12:03:00Z").await, ["Second", "third"]);
        let all = server.client.get("/api/v1/logs").await.ok();
        let second = &all["logs"][1];
        assert_eq!((&second["plugin"], &second["level"], &second["attempt"]), (&json!(install), &json!("warn"), &json!(1)));
        let text = |field: &str| second[field].as_str().expect("a text").to_owned();
        assert!(text("version").starts_with("ver"), "{second}");
        assert_eq!(get(&format!("chat={}", text("chat"))).await, ["Second"]);
        assert_eq!(get(&format!("event={}", text("event"))).await, ["Second"]);
        for wrong in ["level=loud", "order=best", "since=soon", "tail=1&order=newest", "limit=x", "colour=red"] {
            assert_eq!(server.client.get(&format!("/api/v1/logs?{wrong}")).await.refused(400), "invalid_request", "{wrong}");
        }
        let (other, _) = server.another_team().await;
        assert_eq!(messages(&other.get("/api/v1/logs").await.ok()), Vec::<String>::new());
        assert_eq!(other.get(&format!("/api/v1/plugins/{install}/logs")).await.refused(404), "not_found");
        server.finish().await;
    }

    /// Either way through a log ends, with each line once; and from its end it can be followed.
    async fn a_log_is_read_page_by_page_and_followed(on: On) {
        let server = Server::start(on).await;
        a_log(&server).await;
        for (order, wanted) in [("oldest", ["first", "Second", "third", "fourth"]), ("newest", ["fourth", "third", "Second", "first"])] {
            let (mut after, mut read) = (String::new(), Vec::new());
            for _ in 0..10 {
                let page = server.client.get(&format!("/api/v1/logs?order={order}&limit=3&after={after}")).await.ok();
                read.extend(messages(&page));
                match page["pagination"]["next"].as_str() {
                    Some(next) if next != after => after = next.to_owned(),
                    _ => break,
                }
            }
            assert_eq!(read, wanted, "{order}");
        }
        let tail = server.client.get("/api/v1/logs?tail=1&text=first").await.ok();
        let next = tail["pagination"]["next"].as_str().expect("where to go on").to_owned();
        server.says(BOB, "line info first of all").await;
        let more = server.client.get(&format!("/api/v1/logs?text=first&after={next}")).await.ok();
        assert_eq!(messages(&more), ["first of all"]);
        // Where it was looked through, although nothing was found.
        let none = server.client.get(&format!("/api/v1/logs?text=nothing&after={next}")).await.ok();
        assert_eq!(none["pagination"]["next"], more["pagination"]["next"]);
        server.finish().await;
    }

    /// Every call counts once, also over a restart; the peak is the highest, an error is one.
    async fn figures_are_kept_with_what_the_calls_did(on: On) {
        let server = Server::start(on).await;
        let install = server.install("probe").await;
        let path = format!("/api/v1/plugins/{install}/stats");
        let empty = server.client.get(&path).await.ok();
        assert_eq!((&empty["total"]["calls"], &empty["total"]["p50Micros"]), (&json!(0), &Value::Null));
        for said in ["echo one", "echo two", "reject", "http http://127.0.0.1:9000/"] {
            server.says(ANN, said).await;
        }
        server.says(BOB, "fail").await;
        for _ in 0..5 {
            server.advance(120_000).await;
        }
        let server = server.restart_after(2 * 3_600_000).await;
        server.says(ANN, "retry 1000").await;
        server.advance(10_000).await;
        let stats = server.client.get(&path).await.ok();
        let total = &stats["total"];
        let of = |outcome: &str| {
            let all = total["outcomes"].as_array().expect("a list");
            all.iter().find(|one| one["outcome"] == outcome).map_or(0, |one| one["calls"].as_i64().expect("a number"))
        };
        assert_eq!((of("rejected"), of("exception"), of("retry")), (1, 5, 1), "{total}");
        assert_eq!((&total["errors"], &total["deadLetters"], &total["httpCalls"], &total["httpFailed"]), (&json!(5), &json!(2), &json!(1), &json!(1)), "{total}");
        assert_eq!(total["calls"].as_i64(), Some(7 + of("ok")), "{total}");
        assert!(total["p95Micros"].as_i64() >= total["p50Micros"].as_i64() && total["memoryPeak"].as_i64() > Some(60_000), "{total}");
        assert!(total["cpuMicros"].as_i64() > Some(0) && total["effects"].as_i64() >= Some(4), "{total}");
        // Two hours ago is no more within the hour, but within the day.
        assert_eq!((&stats["hour"]["errors"], &stats["day"]["errors"]), (&json!(0), &json!(5)), "{stats}");
        let (other, _) = server.another_team().await;
        assert_eq!(other.get(&path).await.refused(404), "not_found");
        server.finish().await;
    }

    /// In /metrics an install has its series as long as it is there.
    async fn an_install_is_metered_until_it_is_removed(on: On) {
        let server = Server::with(on, |config| config.telemetry.installs = 1).await;
        let install = server.install("probe").await;
        server.install("second").await;
        server.says(ANN, "echo hello").await;
        server.advance(10_000).await;
        let metrics = server.client.get("/metrics").await.ok();
        let metrics = metrics.as_str().expect("a text").to_owned();
        let own = format!("install=\"{install}\",plugin=\"probe\"");
        for begins in [
            format!("switchboard_plugin_calls_total{{{own},outcome=\"ok\"}} "),
            format!("switchboard_plugin_call_seconds_bucket{{{own},le=\"+Inf\"}} "),
            format!("switchboard_plugin_effects_total{{{own},kind=\"send\"}} 1"),
            format!("switchboard_plugin_cpu_seconds_total{{{own}}} 0."),
            format!("switchboard_plugin_memory_peak_bytes{{{own}}} "),
        ] {
            assert!(metrics.lines().any(|line| line.starts_with(&begins)), "{begins}\n{metrics}");
        }
        let installs: std::collections::BTreeSet<&str> = metrics.lines().filter(|line| line.starts_with("switchboard_plugin_")).filter_map(|line| line.split("install=\"").nth(1)?.split('"').next()).collect();
        assert!(installs.iter().all(|one| *one == install || *one == "other"), "{installs:?}");
        assert_eq!(server.client.delete(&format!("/api/v1/plugins/{install}")).await.status, 204);
        let metrics = server.client.get("/metrics").await.ok();
        assert!(!metrics.as_str().expect("a text").contains(&install), "{metrics}");
        server.finish().await;
    }

    /// A trap's dead letter says in which function, and shows what was logged.
    async fn a_dead_letter_names_the_functions(on: On) {
        let server = Server::with(on, |config| config.delivery.attempts = 1).await;
        server.install("probe").await;
        server.says(ANN, "stack-memory").await;
        server.says(ANN, "trap").await;
        server.says(BOB, "partial").await;
        let list = server.client.get("/api/v1/dead-letters").await.ok();
        let mut whole = Vec::new();
        for letter in list["deadLetters"].as_array().expect("a list") {
            let path = format!("/api/v1/dead-letters/{}", letter["id"].as_str().expect("an id"));
            whole.push(server.client.get(&path).await.ok());
        }
        assert_eq!(whole.len(), 3, "{list}");
        for letter in &whole {
            let backtrace = letter["backtrace"].as_str().expect("a text");
            assert!(backtrace.contains("probe::"), "no names:\n{backtrace}");
            assert!(letter["reason"].as_str().expect("a text").contains("(in `probe::"), "{letter}");
        }
        assert_eq!(messages(&whole[2])[0], "about to break off");
        assert_eq!(whole[2]["failures"][0]["attempt"], 1);
        server.finish().await;
    }
}
