//! Secrets of the install.

use crate::Error;
use crate::bindings::base::switchboard::plugin::secrets as host;

/// A word to put into a header or body of an outgoing request; the host puts the secret in its place
/// on the way out: `http::get(url).header("authorization", secrets::placeholder("api_key")?)`.
pub fn placeholder(name: &str) -> Result<String, Error> {
    host::placeholder(name)
}

/// The secret itself, where the manifest says `reveal = true` and the installer agreed:
/// `secrets::reveal("signing_key")?`.
pub fn reveal(name: &str) -> Result<String, Error> {
    host::reveal(name)
}
