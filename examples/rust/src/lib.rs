//! The smallest bot: it says what it hears.

use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(message = on_message);

fn on_message(event: Message) -> Result<()> {
    reply(&event, format!("You said: {}", event.text))?;
    Ok(())
}
