//! Keeps STOP and START: a customer who writes the one hears nothing more, until they write the other.

mod words;

use switchboard_sdk::prelude::{Message, Result, config, contacts, delivery, reply};
use words::{Settings, Wish};

switchboard_sdk::plugin!(message = on_message);

fn on_message(event: Message) -> Result<()> {
    let settings: Settings = config()?;
    let Some(wish) = settings.wish(&event.text) else { return Ok(()) };
    let reason = format!("wrote {:?}", event.text.trim());
    match wish {
        Wish::Stop => {
            // The confirmation belongs to this same call, so the opt-out does not refuse it.
            reply(&event, &settings.stopped)?;
            contacts::opt_out(&event.contact, &reason)?;
        }
        Wish::Start => {
            contacts::opt_in(&event.contact, &reason)?;
            reply(&event, &settings.started)?;
        }
    }
    // No other plugin may answer a STOP.
    delivery::stop();
    Ok(())
}
