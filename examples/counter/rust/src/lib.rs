//! Counts, reminds, copies files, asks another service, and fails when it is told to.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::SystemTime;

use switchboard_sdk::prelude::*;
use switchboard_sdk::serde::Deserialize;

switchboard_sdk::plugin!(message = on_message, timer = on_timer, webhook = on_webhook);

#[derive(Deserialize)]
#[serde(crate = "switchboard_sdk::serde")]
struct Settings {
    greeting: String,
    minutes: u64,
}

fn on_message(event: Message) -> Result<()> {
    if let Some(file) = event.file() {
        return copy(&event, &file);
    }
    let settings: Settings = config()?;
    let (word, rest) = event.text.split_once(' ').unwrap_or((&event.text, ""));
    let answer = match word {
        "count" => {
            let count = state::chat().increment("count", 1)?;
            info!("counted {count}");
            count.to_string()
        }
        "remind" => {
            let wait = Duration::from_secs(settings.minutes * 60);
            timers::chat().after("reminder", wait, rest.trim_start_matches("me "))?;
            format!("In {} minutes", settings.minutes)
        }
        "hello" => format!("{}!", settings.greeting),
        "time" => now()?.to_string(),
        "chance" => RandomState::new().hash_one(0).to_string(),
        "order" => {
            let answer = http::get(rest).send()?;
            format!("{} {}", answer.status, answer.text())
        }
        // What plugin.toml does not ask for is refused; the error names the line to add.
        "tag" => match contacts::tag(&event, "regular", "") {
            Ok(()) => "tagged".to_owned(),
            Err(refusal) => format!("{}: {}", refusal.code, refusal.message),
        },
        "fail" => Err("no such order")?,
        "crash" => panic!("an order without a total"),
        _ => format!("You said: {}", event.text),
    };
    reply(&event, answer)?;
    Ok(())
}

fn on_timer(timer: Timer) -> Result<()> {
    reply(&timer, format!("Reminder: {}", timer.payload))?;
    Ok(())
}

/// A webhook is answered with what it brought, back to front.
fn on_webhook(request: Webhook) -> Result<WebhookReply> {
    let mime_type = request.header("content-type").unwrap_or_default();
    let body: Vec<u8> = request.body.iter().rev().copied().collect();
    let length = body.len().to_string();
    Ok(WebhookReply::bytes(201, mime_type, body).header("x-length", length))
}

fn copy(event: &Message, file: &str) -> Result<()> {
    let about = media::describe(file)?;
    let kept = media::keep(&about.mime_type, "copy.png", &media::whole(file, 1 << 20)?)?;
    messaging::image(kept, format!("{}, {} bytes", about.mime_type, about.size)).send(event)?;
    Ok(())
}

/// The clock of the standard library, in Unix milliseconds.
fn now() -> Result<u128> {
    // A plugin has no house whose clock it could ask.
    #[expect(clippy::disallowed_methods, reason = "the plugin's own clock is the host's")]
    let now = SystemTime::now();
    Ok(now.duration_since(SystemTime::UNIX_EPOCH)?.as_millis())
}
