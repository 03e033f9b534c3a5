//! What becomes of a send that its channel refused: by the rules of the settings, else as it says.

use super::settle::Left;
use crate::channel::SendError;
use crate::config::{Outbox, RetryAction, RetryRule};
use crate::model::Millis;

/// The first rule for a channel's code.
pub fn rule<'a>(settings: &'a Outbox, code: &str) -> Option<&'a RetryRule> {
    settings.rules.iter().find(|rule| match rule.code.strip_suffix('*') {
        Some(start) => code.starts_with(start),
        None => rule.code == code,
    })
}

/// How often a send with this code is tried, and how long the first wait is.
pub fn patience(settings: &Outbox, code: &str) -> (i64, Millis) {
    let rule = rule(settings, code);
    let attempts = rule.and_then(|rule| rule.attempts).unwrap_or(settings.attempts);
    let first = rule.and_then(|rule| rule.wait).unwrap_or(settings.retry_first);
    (attempts, first)
}

/// What a refusal comes to.
pub fn judge(settings: &Outbox, error: SendError, deduplicates: bool) -> Left {
    match error {
        SendError::Retry { code, message, after } => match action(settings, &code) {
            Some(RetryAction::Fail) => Left::Failed { code, message },
            _ => Left::Retry { code, message, after },
        },
        SendError::Fail { code, message } => match action(settings, &code) {
            Some(RetryAction::Retry) => Left::Retry { code, message, after: None },
            _ => Left::Failed { code, message },
        },
        // The same id again is the same message: no doubt can arise.
        SendError::Doubt { message } if deduplicates => {
            Left::Retry { code: "no_answer".to_owned(), message, after: None }
        }
        SendError::Doubt { .. } => Left::Doubt,
    }
}

fn action(settings: &Outbox, code: &str) -> Option<RetryAction> {
    rule(settings, code).map(|rule| rule.action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn settings() -> Outbox {
        let rule = |code: &str, action, wait, attempts| RetryRule {
            code: code.to_owned(),
            action,
            wait,
            attempts,
        };
        let rules = vec![
            rule("131056", RetryAction::Retry, Some(60_000), Some(2)),
            rule("13*", RetryAction::Fail, None, None),
        ];
        Outbox { rules, ..Config::default().outbox }
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let settings = settings();
        let fail = |code: &str| SendError::Fail { code: code.to_owned(), message: String::new() };
        let retry = |code: &str| SendError::Retry {
            code: code.to_owned(),
            message: String::new(),
            after: None,
        };
        assert!(matches!(judge(&settings, fail("131056"), true), Left::Retry { .. }));
        assert!(matches!(judge(&settings, retry("130429"), true), Left::Failed { .. }));
        assert!(matches!(judge(&settings, retry("500"), true), Left::Retry { .. }));
        assert!(matches!(judge(&settings, fail("400"), true), Left::Failed { .. }));
        assert_eq!(patience(&settings, "131056"), (2, 60_000));
        assert_eq!(patience(&settings, "500"), (settings.attempts, settings.retry_first));
    }
}
