//! What a line of a transcript may say.

use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use super::around::{config, shot, stub, webhook, withhold};
use super::moment;
use super::transcript::{Act, CUSTOMER, Lines, Person, Reader, TeamAct, What};
use super::wanted::{bot, check, says};
use crate::model::{AccountState, Content, Location, Media, Status, is_phone};

pub type Read<T> = Result<T, String>;

const MEDIA: [&str; 5] = ["image", "audio", "video", "document", "sticker"];
static SPEECH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^([A-Za-z][\w-]*):[ \t]*(.*)$").expect("a pattern"));

/// Understand one step; `None` where it only says how to read later ones.
///
/// # Errors
/// What is wrong with it, and what it could be.
pub fn step(reader: &mut Reader, lines: &Lines<'_>) -> Read<Option<What>> {
    if let Some(found) = SPEECH.captures(lines.head) {
        let (who, text) = (&found[1], joined(&found[2], &lines.below));
        return Ok(Some(match who {
            "bot" => says(None, String::new(), &found[2], &lines.below, false)?,
            "team" => What::Team(TeamAct::Writes(text)),
            who => {
                known(reader, who)?;
                What::Writes { who: who.to_owned(), act: Act::Writes(Content::text(text)) }
            }
        }));
    }
    let (first, rest) = word(lines.head);
    let what = match first {
        "zone" => {
            let zone = rest
                .parse()
                .map_err(|_| format!("{rest:?} is no time zone: write `zone Europe/Berlin`"))?;
            reader.zone = moment::Zone(zone);
            return Ok(None);
        }
        "config" => config(rest, &lines.below)?,
        "secret" => {
            let (name, value) = pair(rest).ok_or("write `secret NAME = VALUE`")?;
            What::Secret { name, value }
        }
        "with" if !rest.is_empty() => What::With(PathBuf::from(rest)),
        "withhold" => withhold(rest)?,
        "fire" => What::Fire(shot(rest, &lines.below)?),
        "http" => What::Stub(stub(rest, &lines.below)?),
        "at" => What::Wait(moment::at(rest, reader.zone)?),
        "after" => What::Wait(moment::after(rest)?),
        "webhook" => What::Webhook(webhook(rest, &lines.below)?),
        "account" => account(rest)?,
        "team" => What::Team(match rest {
            "takes over" => TeamAct::TakesOver,
            "hands back" => TeamAct::HandsBack,
            _ => {
                return Err("write `team: TEXT`, `team takes over` or `team hands back`".to_owned());
            }
        }),
        "bot" => bot(reader, rest, &lines.below)?,
        "delivered" | "read" | "failed" => receipt(reader, first, rest)?,
        CUSTOMER if is_name(rest) => {
            name(reader, rest)?;
            What::Named
        }
        who if reader.people.contains_key(who) => act(who, rest, &lines.below)?,
        _ => What::Check(check(reader, first, rest, &lines.below)?),
    };
    Ok(Some(what))
}

pub fn known(reader: &Reader, who: &str) -> Read<()> {
    if reader.people.contains_key(who) {
        return Ok(());
    }
    Err(format!("nobody is called {who:?}: name them first, as in `customer {who} +15550123`"))
}

/// `Ann`, `Ann +15550123`, `Ann +15550123 Ann Lee`, and none of a customer's acts.
fn is_name(rest: &str) -> bool {
    let (first, _) = word(rest);
    !first.is_empty()
        && !["sends", "chooses", "reacts", "replies", "opts"].contains(&first.trim_end_matches(':'))
}

fn name(reader: &mut Reader, rest: &str) -> Read<()> {
    let (name, rest) = word(rest);
    let (phone, shown) = word(rest);
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !plain || ["bot", "team"].contains(&name) {
        return Err(format!(
            "{name:?} is no name here: take letters and digits, as in `customer Ann +15550123`"
        ));
    }
    let phone = if phone.is_empty() {
        format!("+155501{:05}", reader.people.len() + 1)
    } else {
        phone.to_owned()
    };
    if !is_phone(&phone) {
        return Err(format!("{phone:?} is no phone number such as +15550123"));
    }
    reader.people.insert(name.to_owned(), Person { phone, shown: shown.to_owned() });
    Ok(())
}

fn account(rest: &str) -> Read<What> {
    let (verb, reason) = rest.split_once(':').unwrap_or((rest, ""));
    let state = match verb.trim() {
        "closes" => AccountState::Close,
        "opens" => AccountState::Open,
        _ => return Err("write `account closes: REASON` or `account opens`".to_owned()),
    };
    Ok(What::Account { state, reason: reason.trim().to_owned() })
}

/// `delivered to customer`, `read by customer`, `failed for customer: 131026 Message undeliverable`.
fn receipt(reader: &Reader, first: &str, rest: &str) -> Read<What> {
    let (link, rest) = word(rest);
    let (who, error) = rest.split_once(':').unwrap_or((rest, ""));
    let status = match (first, link) {
        ("delivered", "to") => Status::Delivered,
        ("read", "by") => Status::Read,
        ("failed", "for") => Status::Error,
        _ => return Err(
            "write `delivered to customer`, `read by customer` or `failed for customer: 131026`"
                .to_owned(),
        ),
    };
    known(reader, who.trim())?;
    let (code, words) = word(error.trim());
    Ok(What::Receipt {
        who: who.trim().to_owned(),
        status,
        code: code.to_owned(),
        words: words.to_owned(),
    })
}

/// What a customer does other than write words.
fn act(who: &str, rest: &str, below: &[String]) -> Read<What> {
    let (verb, rest) = match rest.split_once(':') {
        Some(("replies", text)) => ("replies", text.trim_start()),
        _ => word(rest),
    };
    let act = match verb {
        "replies" => Act::Replies(joined(rest, below)),
        "chooses" if !rest.is_empty() => Act::Chooses(rest.to_owned()),
        "reacts" => Act::Reacts(rest.to_owned()),
        "sends" => Act::Writes(content(rest, below)?),
        "opts" if matches!(rest, "in" | "out") => {
            return Ok(What::Consent { who: who.to_owned(), opt_in: rest == "in" });
        }
        _ => {
            return Err(format!(
                "a customer writes (`{who}: hello`), sends (`{who} sends image https://…`), chooses (`{who} chooses Yes`), \
                 reacts (`{who} reacts 👍`), replies (`{who} replies: yes`) or opts in or out (`{who} opts out`)"
            ));
        }
    };
    Ok(What::Writes { who: who.to_owned(), act })
}

/// `image https://…: a caption`, `location 52.5,13.4: Home`, or JSON as the API takes it.
fn content(rest: &str, below: &[String]) -> Read<Content> {
    if rest.starts_with('{') {
        let content: Content =
            serde_json::from_str(&joined(rest, below)).map_err(|error| error.to_string())?;
        content.check().map_err(|error| error.to_string())?;
        return Ok(content);
    }
    let (what, caption) = captioned(rest);
    let (kind, source) = word(what);
    let caption = joined(caption, below);
    if kind == "location" {
        let place = source.split_once(',').and_then(|(latitude, longitude)| {
            Some((latitude.trim().parse().ok()?, longitude.trim().parse().ok()?))
        });
        let (latitude, longitude) = place.ok_or("write `sends location 52.52,13.40: Home`")?;
        let name = Some(caption).filter(|name| !name.is_empty());
        return Ok(Content::Location {
            location: Location { latitude, longitude, name, address: None },
        });
    }
    media_kind(kind)?;
    let source = if source.is_empty() { sample(kind) } else { source };
    let media = Media {
        caption: Some(caption).filter(|caption| !caption.is_empty()),
        ..Media::from_source(source)
    };
    let content = serde_json::json!({ "type": kind, kind: media });
    let content: Content = serde_json::from_value(content).map_err(|error| error.to_string())?;
    content.check().map_err(|error| error.to_string())?;
    Ok(content)
}

pub fn media_kind(kind: &str) -> Read<()> {
    if MEDIA.contains(&kind) {
        return Ok(());
    }
    Err(format!(
        "{kind:?} is nothing to send: one of {}, location, or a message as JSON",
        MEDIA.join(", ")
    ))
}

/// A file that nobody cares about.
pub fn sample(kind: &str) -> &'static str {
    match kind {
        "image" => "https://files.example.com/image.png",
        "audio" => "https://files.example.com/audio.ogg",
        "video" => "https://files.example.com/video.mp4",
        "sticker" => "https://files.example.com/sticker.webp",
        _ => "https://files.example.com/document.pdf",
    }
}

/// An address and what stands behind `: `.
pub fn captioned(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((source, caption)) => (source.trim(), caption),
        None => (text.trim_end_matches(':').trim(), ""),
    }
}

/// The first word, and what follows.
pub fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace)
        .map_or((text, ""), |(first, rest)| (first, rest.trim_start()))
}

pub fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    Some((key.trim().to_owned(), value.trim().to_owned())).filter(|(key, _)| !key.is_empty())
}

/// The rest of the first line and those below, as one text.
pub fn joined(first: &str, below: &[String]) -> String {
    let first = Some(first).filter(|first| !first.is_empty());
    first.into_iter().chain(below.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
}
