//! Answers every text with "second: " and the text.

use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(message = on_message);

fn on_message(event: Message) -> Result<()> {
    reply(&event, format!("second: {}", event.text))?;
    Ok(())
}
