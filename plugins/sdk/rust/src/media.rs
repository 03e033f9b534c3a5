//! Stored files: what customers sent, and new ones to send.

use serde_json::Value;

use crate::bindings::base::switchboard::plugin::media as host;
pub use crate::bindings::base::switchboard::plugin::media::Entry;
use crate::{Error, Message};

/// Bytes that one read asks for; the host may give fewer.
const PIECE: u32 = 256 << 10;

/// What is known of a file: `media::describe(&id)?.mime_type`.
pub fn describe(id: &str) -> Result<Entry, Error> {
    host::describe(id)
}

/// Up to `length` bytes from `offset`; none behind the end: `media::read(&id, 0, 16)?`.
pub fn read(id: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    host::read(id, offset, length)
}

/// A whole file, where it has at most `most` bytes: `media::whole(&id, 1 << 20)?`.
pub fn whole(id: &str, most: u64) -> Result<Vec<u8>, Error> {
    let size = describe(id)?.size;
    if size > most {
        let message = format!("the file has {size} bytes, more than {most}");
        return Err(Error { code: "limit".to_owned(), message, retry_after_ms: None });
    }
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < size {
        let piece = read(id, bytes.len() as u64, PIECE)?;
        if piece.is_empty() {
            break;
        }
        bytes.extend(piece);
    }
    Ok(bytes)
}

/// Keep a new file and give its id, to be sent:
/// `messaging::image(media::keep("image/png", "chart.png", &png)?, "Your chart").send(&event)?`.
pub fn keep(mime_type: &str, filename: &str, bytes: &[u8]) -> Result<String, Error> {
    host::keep(mime_type, filename, bytes)
}

impl Message {
    /// The id of the file that this message carries; `None` where it has none.
    pub fn file(&self) -> Option<String> {
        let event: Value = serde_json::from_str(&self.json).ok()?;
        let content = crate::event::find(&event, &self.kind)?;
        Some(content.get("id")?.as_str()?.to_owned())
    }
}
