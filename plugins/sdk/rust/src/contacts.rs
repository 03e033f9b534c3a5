//! People. `contact` is an id from an event.

use crate::Error;
use crate::bindings::base::switchboard::plugin::contacts as host;
pub use crate::bindings::base::switchboard::plugin::contacts::Entry;

/// Look a person up: `contacts::get(&event.contact)?.name`.
pub fn get(contact: &str) -> Result<Entry, Error> {
    host::get(contact)
}

/// Put a tag with a value, which may be empty: `contacts::tag(&event.contact, "vip", "")?`.
pub fn tag(contact: &str, tag: &str, value: &str) -> Result<(), Error> {
    host::tag(contact, tag, value)
}

/// Take a tag away: `contacts::untag(&event.contact, "vip")?`.
pub fn untag(contact: &str, tag: &str) -> Result<(), Error> {
    host::untag(contact, tag)
}

/// Name a person: `contacts::set_name(&event.contact, "Ann")?`.
pub fn set_name(contact: &str, name: &str) -> Result<(), Error> {
    host::set_name(contact, name)
}

/// Note that a person agreed to hear from us: `contacts::opt_in(&event.contact, "wrote START")?`.
pub fn opt_in(contact: &str, reason: &str) -> Result<(), Error> {
    host::opt_in(contact, reason)
}

/// Refuse every send to a person from now on, but for the messages of this same call:
/// `contacts::opt_out(&event.contact, "wrote STOP")?`.
pub fn opt_out(contact: &str, reason: &str) -> Result<(), Error> {
    host::opt_out(contact, reason)
}
