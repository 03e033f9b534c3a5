//! Guests in the text format: a handler for messages whose body a test writes.
//!
//! The body has the imports `$cancel` (a timer: one effect), `$log`, `$now`, `$get` (state), `$http`,
//! `$sleep` (a WASI clock) and `$print` (WASI standard error), and leaves the address of its answer
//! on the stack: `$ok`, which is zeros, or `$error`.

use crate::plugin::manifest::embed;

/// Every permission, and messages.
pub const MANIFEST: &str = r#"
id = "guest"
version = "0.1.0"
[[events]]
on = "message"
[permissions]
messaging = true
timers = true
state = true
"#;

/// A guest whose handler has this body, with every permission.
pub fn guest(body: &str) -> Vec<u8> {
    guest_with(MANIFEST, body)
}

pub fn guest_with(manifest: &str, body: &str) -> Vec<u8> {
    assemble(manifest, &component(body, ""))
}

/// The component of a text, with its manifest.
pub fn assemble(manifest: &str, text: &str) -> Vec<u8> {
    let bare = wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"));
    embed(&bare, manifest).expect("embeds")
}

/// The whole text; `more` goes into the core module beside the handler.
pub fn component(body: &str, more: &str) -> String {
    include_str!("guest.wat").replace("(;BODY;)", body).replace("(;MORE;)", more)
}
