//! The manifest of the plugin that a flow is: what it receives and asks for follows from its steps.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::format::{OneOrMore, Trigger};
use crate::program::{Action, Program};

/// As the text of a `plugin.toml`.
pub fn written(program: &Program) -> String {
    let flow = &program.flow;
    let mut manifest = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = match &value {
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::String(text) => text.is_empty(),
            Value::Null => true,
            _ => false,
        };
        if !empty {
            manifest.insert(key.to_owned(), value);
        }
    };
    put("id", json!(flow.flow));
    put("version", json!(flow.version));
    put("description", json!(flow.description));
    put("events", Value::Array(events(program)));
    put("permissions", permissions(program));
    put("config", settings(program));
    let secrets = flow.secrets.iter().map(|(name, secret)| {
        (name.clone(), json!({ "description": secret.description, "hosts": secret.hosts }))
    });
    put("secrets", Value::Object(secrets.collect()));
    put("schedules", Value::Array(schedules(program)));
    put("routes", Value::Array(routes(program)));
    let line = |(key, value): (&String, &Value)| format!("{key} = {}\n", toml(value));
    manifest.iter().map(line).collect()
}

/// The name of a trigger's schedule.
pub fn schedule_name(index: usize) -> String {
    format!("trigger-{index}")
}

/// Whether a trigger's run is begun by a timer in its chat.
pub fn is_far(trigger: &Trigger) -> bool {
    trigger.message.is_none() && trigger.keyword.is_none() && trigger.status.is_none()
}

fn events(program: &Program) -> Vec<Value> {
    let mut events = Vec::new();
    let all = |words: &OneOrMore| json!(words.all());
    if program.asks() || (program.waits() && program.flow.cancel.is_some()) {
        // An answer may be anything.
        events.push(json!({ "on": "message" }));
    } else {
        events.extend(program.triggers.iter().filter_map(message_event));
    }
    for trigger in &program.triggers {
        for (on, words) in
            [("status", &trigger.status), ("account", &trigger.account), ("event", &trigger.event)]
        {
            events.extend(words.as_ref().map(|words| json!({ "on": on, "types": all(words) })));
        }
    }
    let timers = program.triggers.iter().any(is_far) || uses_timers(program);
    if timers {
        events.push(json!({ "on": "timer" }));
    }
    if program.triggers.iter().any(|trigger| trigger.webhook.is_some()) {
        events.push(json!({ "on": "webhook" }));
    }
    events
}

fn message_event(trigger: &Trigger) -> Option<Value> {
    if trigger.keyword.is_some() {
        return Some(json!({ "on": "message", "types": ["text", "interactive"] }));
    }
    let filter = trigger.message.as_ref()?;
    let mut event = json!({ "on": "message" });
    if !filter.types.is_empty() {
        event["types"] = json!(filter.types);
    }
    if filter.first {
        event["first"] = json!(true);
    }
    if let Some(prefix) = &filter.prefix {
        event["text_prefix"] = json!(prefix);
    }
    if let Some(regex) = &filter.regex {
        event["text_regex"] = json!(regex);
    }
    Some(event)
}

fn uses_timers(program: &Program) -> bool {
    program.nodes.iter().any(|node| match &node.action {
        Action::Wait(_) => true,
        Action::Ask(question, _) => question.handling.timeout.is_some(),
        _ => false,
    })
}

fn permissions(program: &Program) -> Value {
    let any = |holds: fn(&Action) -> bool| program.nodes.iter().any(|node| holds(&node.action));
    let closed = |action: &Action| match action {
        Action::Reply(reply) => reply.closed.is_some(),
        Action::Ask(question, _) => question.closed.is_some(),
        _ => false,
    };
    let by_template = |action: &Action| {
        use crate::format::Closed::Template;
        match action {
            Action::Template(_) => true,
            Action::Reply(reply) => matches!(reply.closed, Some(Template(_))),
            Action::Ask(question, _) => matches!(question.closed, Some(Template(_))),
            _ => false,
        }
    };
    let mut asks = Map::new();
    let mut ask = |name: &str, needed: bool, value: Value| {
        if needed {
            asks.insert(name.to_owned(), value);
        }
    };
    let sends = any(|action| {
        matches!(action, Action::Reply(_) | Action::Ask(..) | Action::Note(_) | Action::Template(_))
    });
    let cancels = program.flow.cancel.as_ref().is_some_and(|cancel| !cancel.reply.is_empty());
    ask("messaging", sends || cancels, json!(true));
    ask("timers", uses_timers(program) || program.triggers.iter().any(is_far), json!(true));
    ask("state", program.waits() || keeps_vars(program), json!(true));
    ask("templates", program.nodes.iter().any(|node| by_template(&node.action)), json!(true));
    ask("events", any(|action| matches!(action, Action::Emit(_))), json!(true));
    let changes = any(|action| {
        matches!(
            action,
            Action::Tag(_)
                | Action::Untag(_)
                | Action::Name(_)
                | Action::OptIn(_)
                | Action::OptOut(_)
        )
    });
    // News of a contact names no chat: its number does.
    let looks_up = program
        .triggers
        .iter()
        .any(|it| (it.account.is_some() || it.event.is_some()) && it.chat.is_none());
    ask("contacts", program.reads_contact || looks_up, json!("read"));
    ask("contacts", changes, json!("write"));
    let windows = program.nodes.iter().any(|node| closed(&node.action));
    ask("chats", program.reads_chat || windows, json!("read"));
    ask("chats", any(|action| matches!(action, Action::HandOver(_))), json!("write"));
    let hosts = hosts(program);
    ask("hosts", !hosts.is_empty(), json!(hosts));
    Value::Object(asks)
}

fn keeps_vars(program: &Program) -> bool {
    let sets = |action: &Action| matches!(action, Action::Set(fields) if fields.keys().any(|key| key.contains(".vars.")));
    program.reads_chat
        || program.reads_contact
        || program.nodes.iter().any(|node| sets(&node.action))
}

/// Those that are named, and those of addresses whose host is written out.
fn hosts(program: &Program) -> BTreeSet<String> {
    let mut hosts: BTreeSet<String> = program.flow.hosts.iter().cloned().collect();
    for node in &program.nodes {
        let Action::Http(http, _) = &node.action else { continue };
        let (secure, rest) = match http.url.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => continue,
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if !host.is_empty() && !host.contains('{') {
            hosts.insert(if secure { host.to_owned() } else { format!("http://{host}") });
        }
    }
    hosts
}

fn settings(program: &Program) -> Value {
    if program.flow.settings.is_empty() {
        return Value::Null;
    }
    json!({ "type": "object", "additionalProperties": false, "properties": program.flow.settings })
}

fn schedules(program: &Program) -> Vec<Value> {
    let schedule = |(index, trigger): (usize, &Trigger)| {
        let schedule = trigger.schedule.as_ref()?;
        let zone = schedule.time_zone.as_ref().unwrap_or(&program.flow.time_zone);
        Some(
            json!({ "name": schedule_name(index), "cron": schedule.cron, "time_zone": zone, "missed": schedule.missed }),
        )
    };
    program.triggers.iter().enumerate().filter_map(schedule).collect()
}

fn routes(program: &Program) -> Vec<Value> {
    let route = |trigger: &Trigger| {
        let webhook = trigger.webhook.as_ref()?;
        let mut route = json!({ "path": webhook.path });
        if let Some(verify) = &webhook.verify {
            route["verify"] = json!(verify);
        }
        Some(route)
    };
    program.triggers.iter().filter_map(route).collect()
}

/// A value as TOML writes it on one line. TOML has no null.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, field)| !field.is_null());
            let fields: Vec<String> =
                fields.map(|(key, field)| format!("{} = {}", quoted(key), toml(field))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().filter(|item| !item.is_null()).map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// JSON's texts are TOML's, but for one control character.
fn quoted(text: &str) -> String {
    json!(text).to_string().replace('\u{7f}', "\\u007f")
}
