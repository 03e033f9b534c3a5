//! A key-value store of this install. Reads see the call's own writes; a call that read what another
//! call changed meanwhile runs again, so two calls that both increment give two.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::base::switchboard::plugin::state as host;
use crate::event::{decode, encode};
use crate::messaging::millis;

/// The keys of one scope. Values are JSON; `get_text` and `set_text` keep a text as it is.
#[derive(Clone, Copy, Debug)]
pub struct State(&'static str);

/// Keys of the plugin as a whole: `state::plugin().increment("seen", 1)?`.
pub fn plugin() -> State {
    State("plugin")
}

/// Keys of the account of this event: `state::account().get::<u32>("orders")?`.
pub fn account() -> State {
    State("account")
}

/// Keys of the chat of this event: `state::chat().set("step", &2)?`.
pub fn chat() -> State {
    State("chat")
}

/// Keys of the contact of this event: `state::contact().get::<String>("name")?`.
pub fn contact() -> State {
    State("contact")
}

impl State {
    /// Read a value; `None` where there is none: `state::chat().get::<u32>("step")?`.
    pub fn get<T: DeserializeOwned>(self, key: &str) -> Result<Option<T>, Error> {
        self.get_text(key)?.map(|json| decode(&json)).transpose()
    }

    /// Keep a value: `state::chat().set("order", &order)?`.
    pub fn set(self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        host::set(self.0, key, &encode(value)?, None)
    }

    /// Keep a value for so long: `state::contact().set_for("greeted", &true, Duration::from_secs(86400))?`.
    pub fn set_for(
        self,
        key: &str,
        value: &(impl Serialize + ?Sized),
        ttl: Duration,
    ) -> Result<(), Error> {
        host::set(self.0, key, &encode(value)?, Some(millis(ttl)))
    }

    /// Read a text as it is: `state::chat().get_text("draft")?`.
    pub fn get_text(self, key: &str) -> Result<Option<String>, Error> {
        host::get(self.0, key)
    }

    /// Keep a text as it is: `state::chat().set_text("draft", &event.text)?`.
    pub fn set_text(self, key: &str, value: &str) -> Result<(), Error> {
        host::set(self.0, key, value, None)
    }

    /// Forget a key: `state::chat().delete("step")?`.
    pub fn delete(self, key: &str) -> Result<(), Error> {
        host::delete(self.0, key)
    }

    /// Up to `limit` keys (at most 100) with their values as kept, whose key begins with `prefix` and
    /// sorts after `after`: `state::plugin().list("order/", "", 20)?`.
    pub fn list(
        self,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, Error> {
        let entries = host::list(self.0, prefix, after, limit)?;
        Ok(entries.into_iter().map(|entry| (entry.key, entry.value)).collect())
    }

    /// Add to a number (0 where there is none) and give the sum: `state::plugin().increment("seen", 1)?`.
    pub fn increment(self, key: &str, delta: i64) -> Result<i64, Error> {
        host::increment(self.0, key, delta)
    }

    /// Set a text only where the present one is `expected` (`None`: no value). True where it was set:
    /// `state::plugin().compare_and_set("owner", None, &event.contact)?`.
    pub fn compare_and_set(
        self,
        key: &str,
        expected: Option<&str>,
        value: &str,
    ) -> Result<bool, Error> {
        host::compare_and_set(self.0, key, expected, value)
    }
}
