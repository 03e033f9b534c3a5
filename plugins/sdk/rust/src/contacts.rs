//! People. `who` is an event, or a contact's id from one.

use crate::bindings::base::switchboard::plugin::contacts as host;
pub use crate::bindings::base::switchboard::plugin::contacts::Entry;
use crate::{Error, Event, Message, Timer};

/// Who is meant: the contact of an event, or a contact's id.
pub trait Person {
    fn person(&self) -> &str;
}

impl Person for str {
    fn person(&self) -> &str {
        self
    }
}

impl Person for String {
    fn person(&self) -> &str {
        self
    }
}

impl Person for Message {
    fn person(&self) -> &str {
        &self.contact
    }
}

impl Person for Event {
    fn person(&self) -> &str {
        &self.contact
    }
}

impl Person for Timer {
    fn person(&self) -> &str {
        &self.contact
    }
}

/// Look a person up: `contacts::get(&event)?.name`.
pub fn get(who: &(impl Person + ?Sized)) -> Result<Entry, Error> {
    host::get(who.person())
}

/// Put a tag with a value, which may be empty: `contacts::tag(&event, "vip", "")?`.
pub fn tag(who: &(impl Person + ?Sized), tag: &str, value: &str) -> Result<(), Error> {
    host::tag(who.person(), tag, value)
}

/// Take a tag away: `contacts::untag(&event, "vip")?`.
pub fn untag(who: &(impl Person + ?Sized), tag: &str) -> Result<(), Error> {
    host::untag(who.person(), tag)
}

/// Name a person: `contacts::set_name(&event, "Ann")?`.
pub fn set_name(who: &(impl Person + ?Sized), name: &str) -> Result<(), Error> {
    host::set_name(who.person(), name)
}

/// Note that a person agreed to hear from us: `contacts::opt_in(&event, "wrote START")?`.
pub fn opt_in(who: &(impl Person + ?Sized), reason: &str) -> Result<(), Error> {
    host::opt_in(who.person(), reason)
}

/// Refuse every send to a person from now on, but for the messages of this same call:
/// `contacts::opt_out(&event, "wrote STOP")?`.
pub fn opt_out(who: &(impl Person + ?Sized), reason: &str) -> Result<(), Error> {
    host::opt_out(who.person(), reason)
}
