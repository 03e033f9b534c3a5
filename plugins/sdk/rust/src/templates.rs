//! Templates: what may be said also when the customer has not written for 24 hours.

use crate::Error;
use crate::bindings::base::switchboard::plugin::templates as host;
pub use crate::bindings::base::switchboard::plugin::templates::Entry;
use crate::messaging::{Draft, Recipient};

/// Up to `limit` templates (at most 100) of a status (empty: any), after the one with id `after`:
/// `templates::list("approved", "", 50)?`.
pub fn list(status: &str, after: &str, limit: u32) -> Result<Vec<Entry>, Error> {
    host::list(status, after, limit)
}

/// Look one up: `templates::get("order_ready", "en_US")?.parameters`.
pub fn get(name: &str, language: &str) -> Result<Entry, Error> {
    host::get(name, language)
}

/// A template, to be given its values: `template("order_ready", "en").values(["Ann"]).send(&event)?`.
pub fn template(name: impl Into<String>, language: impl Into<String>) -> Template {
    Template { name: name.into(), language: language.into(), parameters: Vec::new() }
}

/// A template that is not sent yet.
#[derive(Clone, Debug)]
#[must_use = "call send"]
pub struct Template {
    name: String,
    language: String,
    parameters: Vec<(String, String)>,
}

impl Template {
    /// The values of `{{1}}`, `{{2}}` and so on.
    pub fn values<T: Into<String>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        let numbered = values.into_iter().enumerate();
        self.parameters.extend(numbered.map(|(index, it)| ((index + 1).to_string(), it.into())));
        self
    }

    /// The value of a named placeholder: `.value("first_name", "Ann")`.
    pub fn value(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// As a message that takes options: `.draft().after(an_hour).send(&event)?`.
    pub fn draft(self) -> Draft {
        Draft::template(self.name, self.language, self.parameters)
    }

    /// Send it. Gives the new message's id.
    pub fn send(self, to: &(impl Recipient + ?Sized)) -> Result<String, Error> {
        self.draft().send(to)
    }
}
