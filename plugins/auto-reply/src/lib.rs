//! Answers questions by their keywords, with quick replies to tap.

mod rules;

use rules::Settings;
use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(message = on_message);

fn on_message(event: Message) -> Result<()> {
    let settings: Settings = config()?;
    // A button counts by its title, and by its id where the title says nothing to the rules.
    let rule = settings.rule_for(&event.text).or_else(|| settings.rule_for(&event.choice()?));
    match rule {
        Some(rule) if rule.buttons.is_empty() => drop(reply(&event, &rule.answer)?),
        Some(rule) => {
            let titles = rule.buttons.iter().map(|title| (words::fold(title), title));
            buttons(&rule.answer, titles).send(&event)?;
        }
        None if settings.otherwise.is_empty() => {}
        None => drop(reply(&event, &settings.otherwise)?),
    }
    Ok(())
}
