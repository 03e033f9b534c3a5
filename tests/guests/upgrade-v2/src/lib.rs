//! Answers every text with "v2".

use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(message = on_message);

fn on_message(event: Message) -> Result<()> {
    reply(&event, "v2")?;
    Ok(())
}
