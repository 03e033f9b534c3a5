//! Calls a human when the customer asks for one, and brings the plugins back after a silence.

mod silence;

use silence::{Next, Settings};
use switchboard_sdk::messaging::note;
use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(message = on_message, timer = on_timer, event = on_event);

/// The timer that looks whether the chat has fallen silent.
const TIMER: &str = "silence";

fn on_message(event: Message) -> Result<()> {
    let settings: Settings = config()?;
    if !words::has_any(&event.text, &settings.words) {
        return Ok(());
    }
    note(&event, &format!("The customer asks for a human: {:?}", event.text))?;
    if !settings.answer.is_empty() {
        reply(&event, &settings.answer)?;
    }
    chats::hand_over(&event, "the customer asked for a human")?;
    if let Some(silence) = settings.silence() {
        timers::chat().after(TIMER, silence, "")?;
    }
    delivery::stop();
    Ok(())
}

/// Hand back if nobody has written for long enough, else look again when that would be so.
fn on_timer(timer: Timer) -> Result<()> {
    let settings: Settings = config()?;
    if timer.name != TIMER || !has_human(&chats::get(&timer)?) {
        return Ok(());
    }
    let newest = chats::history(&timer, "", 1)?.first().map_or(0, |line| line.time);
    match settings.next(newest, delivery::now()) {
        Next::Wait(until) => timers::chat().at(TIMER, until, "")?,
        Next::HandBack => {
            chats::hand_back(&timer)?;
            if !settings.back.is_empty() {
                reply(&timer, &settings.back)?;
            }
        }
        Next::Never => {}
    }
    Ok(())
}

/// The team has spoken: `chat.resolved` hands the chat back, and a chat that is back needs no timer.
fn on_event(event: Event) -> Result<()> {
    if event.chat.is_empty() {
        return Ok(());
    }
    let human = has_human(&chats::get(&event)?);
    if event.kind == "chat.resolved" && human {
        chats::hand_back(&event)?;
    }
    if event.kind == "chat.resolved" || !human {
        timers::chat().cancel(TIMER)?;
    }
    Ok(())
}

fn has_human(chat: &chats::Entry) -> bool {
    !matches!(chat.assigned.as_str(), "" | "bot")
}
