//! What a transcript may want of the bot: the lines that begin with `bot`, and those that look.

use regex::Regex;
use serde_json::Value;

use super::around::address;
use super::grammar::{Read, captioned, joined, known, media_kind, pair, word};
use super::moment;
use super::transcript::{Check, Expected, Reader, What, Words};

const STEPS: &str = "a step says `customer: …`, `bot: …`, `after 10 minutes`, `webhook POST /path`, or one of those that docs/plugins/transcripts.md lists";

/// All that begins with `bot` and is no plain speech.
pub fn bot(reader: &Reader, rest: &str, below: &[String]) -> Read<What> {
    let (to, rest) = match rest.strip_prefix("to ") {
        Some(rest) => {
            let end = rest.find([' ', ':']).unwrap_or(rest.len());
            let (who, rest) = rest.split_at(end);
            known(reader, who)?;
            (Some(who.to_owned()), rest.trim_start())
        }
        None => (None, rest),
    };
    if let Some(text) = rest.strip_prefix(':') {
        return says(to, String::new(), text.trim_start(), below, false);
    }
    if rest == "says nothing" {
        return Ok(What::Check(Check::Silence));
    }
    let (verb, rest) = match rest.split_once(':') {
        Some((verb @ ("matches" | "notes"), text)) => (verb, text.trim_start()),
        _ => word(rest),
    };
    match verb {
        "matches" => says(to, String::new(), rest, below, true),
        "notes" => says(to, "notes".to_owned(), rest, below, false),
        "reacts" => Ok(expect(to, format!("reacts {rest}"), None, String::new())),
        "sends" => {
            let (kind, _) = word(rest);
            if !["location", "template", "contacts"].contains(&kind.trim_end_matches(':')) {
                media_kind(kind.trim_end_matches(':'))?;
            }
            captioned_head(to, "sends", rest, below)
        }
        "is" if rest.starts_with("refused ") => captioned_head(to, "is", rest, below),
        _ => Err("the bot says (`bot: hello`), matches (`bot matches: order \\d+`), sends (`bot sends image: caption`), \
                  reacts (`bot reacts 👍`), notes (`bot notes: …`), is refused (`bot is refused opted_out`) or says nothing"
            .to_owned()),
    }
}

fn captioned_head(to: Option<String>, verb: &str, rest: &str, below: &[String]) -> Read<What> {
    let (what, caption) = captioned(rest);
    let caption = joined(caption, below);
    let words = Some(caption).filter(|caption| !caption.is_empty()).map(Words::Exact);
    Ok(expect(to, format!("{verb} {what}"), words, String::new()))
}

/// Words, and at their end what is offered: `[Yes] [No]`.
pub fn says(
    to: Option<String>,
    head: String,
    text: &str,
    below: &[String],
    pattern: bool,
) -> Read<What> {
    let offers = Regex::new(r"^(\[[^\]]+\]\s*)+$").map_err(|error| error.to_string())?;
    let choices = below.iter().rev().take_while(|line| offers.is_match(line)).count();
    let (words, choices) = below.split_at(below.len() - choices);
    let text = joined(text, words);
    let words = if pattern { fitting(&text)? } else { Words::Exact(text) };
    Ok(expect(to, head, Some(words), choices.join("\n")))
}

fn expect(to: Option<String>, head: String, words: Option<Words>, choices: String) -> What {
    What::Check(Check::Says(Expected { to, head: head.trim_end().to_owned(), words, choices }))
}

/// A pattern for a whole text.
fn fitting(pattern: &str) -> Read<Words> {
    let whole = Regex::new(&format!("^(?s:{pattern})$"));
    whole.map(Words::Pattern).map_err(|error| format!("the pattern does not hold: {error}"))
}

/// What must be so now.
pub fn check(reader: &Reader, first: &str, rest: &str, below: &[String]) -> Read<Check> {
    Ok(match (first, rest) {
        ("reply", _) => reply(rest, below)?,
        ("state", _) => state(rest, true)?,
        ("tag", _) => {
            let (tag, value) =
                pair(rest).map_or((rest.to_owned(), None), |(tag, value)| (tag, Some(value)));
            Check::Tag { tag, value, there: true }
        }
        ("handed", "over") => Check::HandedOver(true),
        ("not", "handed over") => Check::HandedOver(false),
        ("opted", "in") => Check::OptedIn(true),
        ("opted", "out") => Check::OptedIn(false),
        ("emits", _) => {
            let (name, data) = word(rest);
            let data = joined(data, below);
            let data: Option<Value> = Some(data.as_str())
                .filter(|data| !data.is_empty())
                .map(serde_json::from_str)
                .transpose()
                .map_err(|error| format!("what it emits is not JSON: {error}"))?;
            Check::Emits { name: name.to_owned(), data }
        }
        ("timer", _) => timer(reader, rest)?,
        ("no", _) => match word(rest) {
            ("timer" | "timers", name) => Check::NoTimer(name.to_owned()),
            ("tag", tag) => Check::Tag { tag: tag.to_owned(), value: None, there: false },
            ("state", rest) => state(rest, false)?,
            _ => {
                return Err(
                    "write `no timer NAME`, `no timers`, `no tag NAME` or `no state SCOPE KEY`"
                        .to_owned(),
                );
            }
        },
        ("called", _) => {
            let (method, rest) = word(rest);
            let (url, body) = word(rest);
            let body = Some(joined(body, below)).filter(|body| !body.is_empty());
            Check::Called { method: method.to_owned(), url: address(url)?, body }
        }
        ("logs", _) => Check::Logs(Words::Exact(joined(rest, below))),
        ("fails", _) => Check::Fails(rest.strip_prefix("with").unwrap_or(rest).trim().to_owned()),
        _ => return Err(format!("nothing is known of {:?}: {STEPS}", first)),
    })
}

fn reply(rest: &str, below: &[String]) -> Read<Check> {
    let (status, body) = rest.split_once(':').unwrap_or((rest, ""));
    let (status, verb) = word(status.trim());
    let status = status
        .parse()
        .map_err(|_| "write `reply 200: BODY`, `reply 200 matches: PATTERN` or `reply 202`")?;
    let body = joined(body.trim_start(), below);
    let body = match (verb, body.as_str()) {
        ("", "") => None,
        ("", body) => Some(Words::Exact(body.to_owned())),
        ("matches", body) => Some(fitting(body)?),
        _ => return Err("write `reply 200: BODY` or `reply 200 matches: PATTERN`".to_owned()),
    };
    Ok(Check::Reply { status, body })
}

fn state(rest: &str, there: bool) -> Read<Check> {
    let usage = "write `state SCOPE KEY = VALUE` or `no state SCOPE KEY`; the scope is plugin, account, chat or contact";
    let (scope, rest) = word(rest);
    if !["plugin", "account", "chat", "contact"].contains(&scope) || rest.is_empty() {
        return Err(usage.to_owned());
    }
    let (key, value) = match (there, pair(rest)) {
        (true, Some((key, value))) => (key, Some(value)),
        (false, None) => (rest.to_owned(), None),
        _ => return Err(usage.to_owned()),
    };
    Ok(Check::State { scope: scope.to_owned(), key, value })
}

/// `timer NAME`, `timer NAME in 10 minutes`, `timer NAME at 17:00`.
fn timer(reader: &Reader, rest: &str) -> Read<Check> {
    let (name, rest) = word(rest);
    let due = match word(rest) {
        ("", _) => None,
        ("in", time) => Some(moment::after(time)?),
        ("at", time) => Some(moment::at(time, reader.zone)?),
        _ => return Err(
            "write `timer NAME`, `timer NAME in 10 minutes` or `timer NAME at 2026-01-05 17:00`"
                .to_owned(),
        ),
    };
    Ok(Check::Timer { name: name.to_owned(), due })
}
