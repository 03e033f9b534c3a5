//! Chats. `chat` is an event, or a chat's id from one.

use crate::Error;
use crate::bindings::base::switchboard::plugin::chats as host;
pub use crate::bindings::base::switchboard::plugin::chats::{Entry, Line};
use crate::messaging::Recipient;

/// Look a chat up: `chats::get(&event)?.assigned`.
pub fn get(chat: &(impl Recipient + ?Sized)) -> Result<Entry, Error> {
    host::get(chat.recipient())
}

/// The newest messages first, at most 100, older than the message `before` where it is not empty:
/// `chats::history(&event, "", 20)?`.
pub fn history(
    chat: &(impl Recipient + ?Sized),
    before: &str,
    limit: u32,
) -> Result<Vec<Line>, Error> {
    host::history(chat.recipient(), before, limit)
}

/// From now on a human answers: `chats::hand_over(&event, "asked for a human")?`.
pub fn hand_over(chat: &(impl Recipient + ?Sized), reason: &str) -> Result<(), Error> {
    host::hand_over(chat.recipient(), reason)
}

/// Plugins answer again: `chats::hand_back(&event)?`.
pub fn hand_back(chat: &(impl Recipient + ?Sized)) -> Result<(), Error> {
    host::hand_back(chat.recipient())
}

/// Name the human who answers: `chats::assign(&event, "ann@example.com")?`.
pub fn assign(chat: &(impl Recipient + ?Sized), who: &str) -> Result<(), Error> {
    host::assign(chat.recipient(), who)
}
