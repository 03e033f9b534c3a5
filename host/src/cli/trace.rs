//! `switchboard trace`: all that came of one message or event, as a story.

use std::collections::HashMap;

use serde_json::Value;

use super::api::{Api, Remote, part};
use super::table;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
    /// The id of a message, an event or a trace
    id: String,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let api = Api::new(&args.remote.connection)?;
    let trace = api.get(&format!("traces/{}", part(&args.id))).await?;
    if args.remote.json {
        println!("{trace}");
    } else {
        print!("{}", told(&trace));
    }
    Ok(())
}

/// A line a step: when, how far below what led to it, what, and what came of it.
fn told(trace: &Value) -> String {
    let steps = trace["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = format!("trace {}\n", table::cell(&trace["trace"]));
    let mut depths: HashMap<&str, usize> = HashMap::new();
    for step in steps {
        let depth = step["of"].as_str().and_then(|of| depths.get(of)).map_or(0, |depth| depth + 1);
        depths.insert(step["id"].as_str().unwrap_or_default(), depth);
        let at = table::cell(&step["at"]).replace('T', " ").trim_end_matches('Z').to_owned();
        text.push_str(format!("{at}  {}{}", "  ".repeat(depth), line(step)).trim_end());
        text.push('\n');
    }
    if trace["cut"] == true {
        text.push_str("(there is more than is shown)\n");
    }
    text
}

fn line(step: &Value) -> String {
    let kind = step["kind"].as_str().unwrap_or_default();
    let word = match kind {
        "deadLetter" => "dead letter",
        "call" => "plugin",
        other => other,
    };
    let mut parts = vec![word.to_owned()];
    if kind == "call" || kind == "deadLetter" {
        let name = table::cell(&step["pluginName"]);
        parts.push(if name.is_empty() { table::cell(&step["plugin"]) } else { name });
    }
    let attempt = step["attempt"].as_i64().unwrap_or(0);
    if attempt > 1 || (attempt == 1 && matches!(kind, "call" | "notice")) {
        parts.push(format!("#{attempt}"));
    }
    if let Some(micros) = step["micros"].as_i64() {
        parts.push(format!("{}.{:01} ms", micros / 1000, micros % 1000 / 100));
    }
    parts.extend([&step["outcome"], &step["name"]].map(table::cell));
    if let Some(effects) = step["detail"]["effects"].as_object().filter(|all| !all.is_empty()) {
        let each = effects.iter().map(|(kind, count)| format!("{kind} {count}"));
        parts.push(format!("[{}]", each.collect::<Vec<_>>().join(", ")));
    }
    if matches!(kind, "message" | "event" | "waiting") {
        parts.push(format!("({})", table::cell(&step["id"])));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_stand_below_what_led_to_them() {
        let at = "2026-01-05T12:00:00.000Z";
        let trace = json!({ "trace": "ab", "cut": false, "steps": [
            { "at": at, "kind": "message", "id": "msg_1", "of": "", "name": "text from a customer", "outcome": "delivered" },
            { "at": at, "kind": "event", "id": "evt_1", "of": "msg_1", "name": "message.received", "outcome": "" },
            { "at": at, "kind": "call", "id": "call_1", "of": "evt_1", "name": "", "outcome": "ok", "plugin": "ins_1", "pluginName": "echo",
              "attempt": 1, "micros": 1540, "detail": { "effects": { "send": 1 } } },
        ]});
        let lines: Vec<String> = told(&trace).lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "trace ab",
                "2026-01-05 12:00:00.000  message delivered text from a customer (msg_1)",
                "2026-01-05 12:00:00.000    event message.received (evt_1)",
                "2026-01-05 12:00:00.000      plugin echo #1 1.5 ms ok [send 1]",
            ]
        );
    }
}
