//! `switchboard fire`: hand an event to a plugin by hand, and see what comes of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::api::{Api, Remote, part};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    shot: Shot,
}

/// What is fired at whom.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Shot {
    /// A plugin's name, or its install's id
    plugin: String,
    /// Wait for what comes of it, at most so many seconds
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "60",
        global = true
    )]
    wait: Option<u64>,
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// One of its schedules
    Schedule { name: String },
    /// A timer of the plugin, or of a chat; none that is set changes by it
    Timer {
        name: String,
        #[arg(default_value = "")]
        payload: String,
        /// A chat's id
        #[arg(long, default_value = "")]
        chat: String,
    },
    /// A call of one of its routes; no signature is asked for
    Webhook {
        /// As in its manifest, such as /order
        path: String,
        #[arg(default_value = "")]
        body: String,
        #[arg(long, default_value = "POST")]
        method: String,
        /// A header, as in `--header 'X-Topic: orders/create'`
        #[arg(long, value_name = "NAME: VALUE")]
        header: Vec<String>,
    },
    /// An event such as plugins emit
    Event {
        name: String,
        /// A JSON object
        #[arg(default_value = "{}")]
        data: String,
        /// A chat's id
        #[arg(long, default_value = "")]
        chat: String,
    },
}

pub async fn run(args: Args) -> Result<()> {
    let api = Api::new(&args.remote.connection)?;
    fire(&api, args.shot, args.remote.json).await
}

/// Fire, and print the event's id or, after waiting, what came of it.
pub async fn fire(api: &Api, shot: Shot, json: bool) -> Result<()> {
    let plugin = part(&shot.plugin);
    let fired = api.post(&format!("plugins/{plugin}/fire"), body(shot.what)?).await?;
    let event = fired["event"].as_str().context("the service names no event")?;
    let Some(seconds) = shot.wait else {
        println!("{}", if json { fired.to_string() } else { event.to_owned() });
        return Ok(());
    };
    let outcome = wait(api, &format!("plugins/{plugin}/events/{event}"), seconds).await?;
    if json {
        println!("{outcome}");
    } else {
        print!("{}", told(&outcome));
    }
    match outcome["state"].as_str() {
        Some("done") => Ok(()),
        Some("failed") => bail!("the plugin gave the event up"),
        _ => bail!("it is not done after {seconds} s: it goes on; see `switchboard plugin logs`"),
    }
}

fn body(what: What) -> Result<Value> {
    Ok(match what {
        What::Schedule { name } => json!({ "schedule": name }),
        What::Timer { name, payload, chat } => {
            json!({ "timer": { "name": name, "payload": payload, "chat": chat } })
        }
        What::Webhook { path, body, method, header } => {
            let mut headers = Map::new();
            for header in header {
                let (name, value) = header.split_once(':').with_context(|| {
                    format!("{header:?} is no header such as 'X-Topic: orders'")
                })?;
                headers.insert(name.trim().to_owned(), value.trim().into());
            }
            json!({ "webhook": { "method": method, "path": path, "headers": headers, "body": body } })
        }
        What::Event { name, data, chat } => {
            let data: Value = serde_json::from_str(&data).context("the event's data is no JSON")?;
            ensure!(data.is_object(), "the event's data is a JSON object");
            json!({ "event": { "name": name, "data": data, "chat": chat } })
        }
    })
}

async fn wait(api: &Api, path: &str, seconds: u64) -> Result<Value> {
    let begun = Instant::now();
    loop {
        let outcome = api.get(path).await?;
        if outcome["state"] != "waiting" || begun.elapsed() >= Duration::from_secs(seconds) {
            return Ok(outcome);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// For people: what it logged, what failed, what it answered.
fn told(outcome: &Value) -> String {
    let list = |name: &str| outcome[name].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut lines = Vec::new();
    for line in list("logs") {
        lines.push(format!("{}\t{}", text(&line["level"]), text(&line["message"])));
    }
    for failure in list("failures") {
        lines.push(format!(
            "attempt {}\t{}: {}",
            failure["attempt"],
            text(&failure["fault"]),
            text(&failure["reason"])
        ));
    }
    if let Some(letter) = outcome["deadLetter"].as_str() {
        lines.push(format!("given up\t{letter}"));
    }
    if !outcome["reply"].is_null() {
        let reply = &outcome["reply"];
        lines.push(format!("reply {}\t{}", reply["status"], text(&reply["body"])));
    }
    lines.push(format!("{}\t{}", text(&outcome["state"]), text(&outcome["event"])));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_with_its_headers() {
        let what = What::Webhook {
            path: "/order".into(),
            body: "{}".into(),
            method: "POST".into(),
            header: vec!["X-Topic: orders/create".into()],
        };
        assert_eq!(
            body(what).expect("holds")["webhook"]["headers"],
            json!({ "X-Topic": "orders/create" })
        );
        let what = What::Event { name: "a.b".into(), data: "[]".into(), chat: String::new() };
        assert!(body(what).is_err());
    }

    #[test]
    fn what_came_of_it_is_a_few_lines() {
        let outcome = json!({
            "event": "evt_1", "state": "failed", "logs": [{ "level": "info", "message": "hello" }],
            "failures": [{ "attempt": 1, "fault": "exception", "reason": "no order" }],
            "deadLetter": "dead_1", "reply": null
        });
        let lines =
            "info\thello\nattempt 1\texception: no order\ngiven up\tdead_1\nfailed\tevt_1\n";
        assert_eq!(told(&outcome), lines);
    }
}
