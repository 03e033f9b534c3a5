//! This call: what happens after it.

use std::time::Duration;

use crate::bindings::base::switchboard::plugin::delivery as host;
use crate::messaging::millis;

/// 1 at the first attempt: `if delivery::attempt() > 3 { … }`.
pub fn attempt() -> u32 {
    host::attempt()
}

/// The host's time in Unix milliseconds: `let now = delivery::now();`.
pub fn now() -> u64 {
    host::now()
}

/// Try this event again so much later; nothing that this call did is kept:
/// `delivery::retry_after(Duration::from_secs(30));`.
pub fn retry_after(after: Duration) {
    host::retry_after(millis(after));
}

/// Give this event up: it goes to the dead letters with this reason, and nothing is kept:
/// `delivery::reject("no such order");`.
pub fn reject(reason: &str) {
    host::reject(reason);
}

/// Keep this event from the plugins after this one: `delivery::stop();`.
pub fn stop() {
    host::stop();
}
