//! Timers. One is known by scope and name: setting it again replaces it.

use std::time::Duration;

use crate::Error;
use crate::bindings::base::switchboard::plugin::timers as host;
pub use crate::bindings::base::switchboard::plugin::timers::Entry;
use crate::messaging::{Recipient, millis};

/// The timers of one scope.
#[derive(Clone, Copy, Debug)]
pub struct Timers(&'static str);

/// Timers of the chat of this event: `timers::chat().after("nudge", Duration::from_secs(60), "")?`.
pub fn chat() -> Timers {
    Timers("chat")
}

/// Fire once in another chat (its id, or a phone number), as a timer of that chat, at a time in Unix
/// milliseconds: `timers::set_in("+15550001", "welcome", delivery::now(), "")?`.
pub fn set_in(
    to: &(impl Recipient + ?Sized),
    name: &str,
    due_at: u64,
    payload: &str,
) -> Result<(), Error> {
    host::set_in(to.recipient(), name, due_at, payload)
}

/// Timers of the plugin as a whole: `timers::plugin().cron("report", "0 9 * * *", "UTC", "")?`.
pub fn plugin() -> Timers {
    Timers("plugin")
}

impl Timers {
    /// Fire at a time in Unix milliseconds: `timers::chat().at("remind", due, "call Ann")?`.
    pub fn at(self, name: &str, due_at: u64, payload: &str) -> Result<(), Error> {
        host::set(self.0, name, due_at, payload)
    }

    /// Fire so much later: `timers::chat().after("nudge", Duration::from_secs(60), "")?`.
    pub fn after(self, name: &str, after: Duration, payload: &str) -> Result<(), Error> {
        host::set_after(self.0, name, millis(after), payload)
    }

    /// Fire again and again: a cron expression of five to seven fields in an IANA time zone (empty:
    /// UTC). `timers::plugin().cron("report", "0 9 * * 1-5", "Europe/Berlin", "")?`.
    pub fn cron(self, name: &str, cron: &str, time_zone: &str, payload: &str) -> Result<(), Error> {
        host::set_cron(self.0, name, cron, time_zone, payload)
    }

    /// Cancel one; no error where there is none: `timers::chat().cancel("nudge")?`.
    pub fn cancel(self, name: &str) -> Result<(), Error> {
        host::cancel(self.0, name)
    }

    /// Those that are set: `timers::chat().list()?`.
    pub fn list(self) -> Result<Vec<Entry>, Error> {
        host::list(self.0)
    }
}
