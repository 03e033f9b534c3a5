//! Events of your own, for other plugins, streams and customers' endpoints.

use serde::Serialize;

use crate::Error;
use crate::bindings::base::switchboard::plugin::events as host;
use crate::event::encode;

/// Emit an event, named in lower-case words joined by dots, with anything that serialises to a JSON
/// object. Gives its id: `events::emit("order.placed", &order)?`.
pub fn emit(name: &str, data: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    host::emit(name, &encode(data)?)
}
