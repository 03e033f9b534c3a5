//! Counts, reminds, asks another service, and fails when it is told to.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::SystemTime;

use switchboard_sdk::prelude::*;
use switchboard_sdk::serde::Deserialize;

switchboard_sdk::plugin!(message = on_message, timer = on_timer);

#[derive(Deserialize)]
#[serde(crate = "switchboard_sdk::serde")]
struct Settings {
    greeting: String,
    minutes: u64,
}

fn on_message(event: Message) -> Result<()> {
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
        "tag" => match contacts::tag(&event.contact, "regular", "") {
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

/// The clock of the standard library, in Unix milliseconds.
fn now() -> Result<u128> {
    // A plugin has no house whose clock it could ask.
    #[expect(clippy::disallowed_methods, reason = "the plugin's own clock is the host's")]
    let now = SystemTime::now();
    Ok(now.duration_since(SystemTime::UNIX_EPOCH)?.as_millis())
}
