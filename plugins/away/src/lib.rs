//! Outside business hours, tells a customer once when somebody will be back.

mod hours;

use hours::Settings;
use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(message = on_message);

/// Kept for each contact while they need not be told again.
const TOLD: &str = "told";

fn on_message(event: Message) -> Result<()> {
    // A thumbs-up does not wait for an answer.
    if event.kind == "reaction" {
        return Ok(());
    }
    let settings: Settings = config()?;
    let calendar = settings.calendar()?;
    let now = hours::moment(delivery::now())?;
    if calendar.is_open(now) || state::contact().get::<u64>(TOLD)?.is_some() {
        return Ok(());
    }
    let opens = calendar.opens(now).unwrap_or_else(|| "soon".to_owned());
    reply(&event, settings.message.replace("{opens}", &opens))?;
    state::contact().set_for(TOLD, &delivery::now(), settings.every())?;
    Ok(())
}
