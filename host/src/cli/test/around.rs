//! What a transcript says of the world around the bot: its settings, what answers it, who calls it.

use regex::Regex;

use super::grammar::{Read, joined, pair, word};
use super::transcript::{Stub, Webhook, What};
use crate::flow::fire::Shot;

const PERMISSIONS: [&str; 10] = [
    "messaging",
    "timers",
    "state",
    "contacts",
    "chats",
    "templates",
    "media",
    "events",
    "hosts",
    "reveal",
];

pub fn config(rest: &str, below: &[String]) -> Read<What> {
    let (key, value) =
        pair(&joined(rest, below)).ok_or("write `config KEY = VALUE`, the value as in TOML")?;
    let read: toml::Table = toml::from_str(&format!("value = {value}"))
        .map_err(|error| format!("{value} is no TOML value: {}", error.message()))?;
    let value = serde_json::to_value(&read["value"]).map_err(|error| error.to_string())?;
    Ok(What::Config { key, value })
}

pub fn withhold(rest: &str) -> Read<What> {
    let names: Vec<String> =
        rest.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let unknown = names.iter().find(|name| !PERMISSIONS.contains(&name.as_str()));
    if names.is_empty() || unknown.is_some() {
        return Err(format!("withhold one or more of {}", PERMISSIONS.join(", ")));
    }
    Ok(What::Withhold(names))
}

/// `GET https://… answers 200 {…}`, `GET https://… fails`.
pub fn stub(rest: &str, below: &[String]) -> Read<Stub> {
    let usage = || {
        "write `http GET https://api.example.com/x answers 200 {\"a\": 1}`, or `… fails`".to_owned()
    };
    let (method, rest) = word(rest);
    let (url, rest) = word(rest);
    let (verb, rest) = word(rest);
    let answer = match verb {
        "fails" if rest.is_empty() => None,
        "answers" => {
            let (status, body) = word(rest);
            let status: u16 = status.parse().map_err(|_| usage())?;
            if !(200..600).contains(&status) {
                return Err(usage());
            }
            Some((status, joined(body, below)))
        }
        _ => return Err(usage()),
    };
    Ok(Stub { method: method.to_owned(), url: address(url)?, answer })
}

/// An address in which a `*` stands for anything.
pub fn address(url: &str) -> Read<Regex> {
    let parts: Vec<String> = url.split('*').map(regex::escape).collect();
    Regex::new(&format!("^{}$", parts.join(".*"))).map_err(|error| error.to_string())
}

/// `POST /order`; below it headers, then the body.
pub fn webhook(rest: &str, below: &[String]) -> Read<Webhook> {
    let (method, rest) = word(rest);
    let (path, body) = word(rest);
    if !path.starts_with('/') || method.is_empty() {
        return Err(
            "write `webhook POST /path BODY`; headers and a longer body on indented lines below"
                .to_owned(),
        );
    }
    let is_header =
        Regex::new(r"^([A-Za-z][A-Za-z0-9-]*):[ \t]+(.*)$").map_err(|error| error.to_string())?;
    let headers: Vec<(String, String)> = below
        .iter()
        .map_while(|line| is_header.captures(line))
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect();
    let body = joined(body, &below[headers.len()..]);
    Ok(Webhook { method: method.to_owned(), path: path.to_owned(), headers, body })
}

/// `schedule daily`, `timer nudge PAYLOAD`, `event order.placed {"id": 7}`.
pub fn shot(rest: &str, below: &[String]) -> Read<Shot> {
    let usage =
        "write `fire schedule NAME`, `fire timer NAME PAYLOAD` or `fire event NAME {\"id\": 7}`";
    let (what, rest) = word(rest);
    let (name, rest) = word(rest);
    let (name, given) = (name.to_owned(), joined(rest, below));
    if name.is_empty() {
        return Err(usage.to_owned());
    }
    match what {
        "schedule" if given.is_empty() => Ok(Shot::Schedule(name)),
        "timer" => Ok(Shot::Timer { name, payload: given, chat_id: String::new() }),
        "event" => {
            let given = if given.is_empty() { "{}" } else { &given };
            let data = serde_json::from_str(given)
                .map_err(|error| format!("the event's data is no JSON object: {error}"))?;
            Ok(Shot::Event { name, data, chat_id: String::new() })
        }
        _ => Err(usage.to_owned()),
    }
}
