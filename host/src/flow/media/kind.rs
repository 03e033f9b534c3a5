//! What a file is: its type's family by its first bytes, and what may be sent as what.

use super::MediaError;
use crate::config::{Media, MediaType};

/// How many of its first bytes are looked at.
pub const LOOK: usize = 512;

/// A MIME type without parameters, in lower case.
pub fn plain(mime_type: &str) -> String {
    mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The setting for a type of message; `None` for one without files.
pub fn types_of<'a>(settings: &'a Media, kind: &str) -> Option<&'a MediaType> {
    let types = &settings.types;
    Some(match kind {
        "image" => &types.image,
        "audio" => &types.audio,
        "video" => &types.video,
        "document" => &types.document,
        "sticker" => &types.sticker,
        _ => return None,
    })
}

/// Whether a file may be sent as a message of this type.
///
/// # Errors
/// What it should be instead.
pub fn fits(settings: &Media, kind: &str, mime_type: &str, size: u64) -> Result<(), MediaError> {
    let Some(setting) = types_of(settings, kind) else { return Ok(()) };
    let mime_type = plain(mime_type);
    if !setting.types.iter().any(|known| known == "*" || *known == mime_type) {
        let known = setting.types.join(", ");
        return Err(MediaError::Type(format!(
            "{mime_type} cannot be sent as {kind}: give one of {known}"
        )));
    }
    if size > setting.max {
        return Err(MediaError::TooLarge(setting.max));
    }
    Ok(())
}

/// The most bytes that an upload of a type may have: the most that any message may carry of it.
pub fn limit_for(settings: &Media, mime_type: &str) -> u64 {
    let mime_type = plain(mime_type);
    ["image", "audio", "video", "document", "sticker"]
        .into_iter()
        .filter_map(|kind| types_of(settings, kind))
        .filter(|setting| setting.types.iter().any(|known| known == "*" || *known == mime_type))
        .map(|setting| setting.max)
        .max()
        .unwrap_or(0)
}

/// The first bytes must be of the family that the type says.
pub fn check_bytes(mime_type: &str, first: &[u8]) -> Result<(), MediaError> {
    let says = family(mime_type);
    let is = seen(first);
    let agrees = match says {
        "image" => is == "image",
        // One container serves both.
        "audio" => matches!(is, "audio" | "container"),
        "video" => matches!(is, "video" | "container"),
        "pdf" => is == "pdf",
        _ => true,
    };
    if agrees {
        return Ok(());
    }
    let is = if is.is_empty() { "something else" } else { is };
    Err(MediaError::Type(format!("it says that it is {mime_type}, but its bytes are {is}")))
}

fn family(mime_type: &str) -> &str {
    match mime_type.split('/').next().unwrap_or_default() {
        "application" if mime_type == "application/pdf" => "pdf",
        family => family,
    }
}

/// What the first bytes are; empty where nothing tells.
fn seen(first: &[u8]) -> &'static str {
    let begins = |with: &[u8]| first.starts_with(with);
    let at =
        |place: usize, with: &[u8]| first.get(place..).is_some_and(|rest| rest.starts_with(with));
    if begins(b"\xff\xd8\xff")
        || begins(b"\x89PNG\r\n\x1a\n")
        || begins(b"GIF8")
        || begins(b"BM")
        || begins(b"RIFF") && at(8, b"WEBP")
    {
        "image"
    } else if begins(b"RIFF") && at(8, b"WAVE")
        || begins(b"ID3")
        || begins(b"#!AMR")
        || begins(b"fLaC")
    {
        "audio"
    } else if begins(b"OggS") || at(4, b"ftyp") || begins(b"\x1a\x45\xdf\xa3") {
        "container"
    } else if begins(b"RIFF") && at(8, b"AVI ") {
        "video"
    } else if begins(b"%PDF-") {
        "pdf"
    } else if first.len() > 1 && first[0] == 0xff && first[1] & 0xe0 == 0xe0 {
        // A frame of MPEG audio, AAC among it.
        "audio"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";

    #[test]
    fn bytes_must_be_of_the_family_that_is_said() {
        assert!(check_bytes("image/png", PNG).is_ok());
        assert!(check_bytes("image/jpeg", b"<html>").is_err());
        assert!(check_bytes("audio/ogg", b"OggS....").is_ok());
        assert!(check_bytes("video/mp4", b"\0\0\0\x18ftypmp42").is_ok());
        assert!(check_bytes("video/mp4", PNG).is_err());
        assert!(check_bytes("application/pdf", b"%PDF-1.7").is_ok());
        assert!(check_bytes("application/pdf", b"MZ").is_err());
        assert!(check_bytes("application/zip", b"PK\x03\x04").is_ok());
    }

    #[test]
    fn each_type_of_message_has_its_own_bounds() {
        let settings = Config::default().media;
        assert!(fits(&settings, "image", "image/png; x=y", 100).is_ok());
        assert!(matches!(fits(&settings, "image", "image/gif", 100), Err(MediaError::Type(_))));
        assert!(matches!(
            fits(&settings, "image", "image/png", 6 << 20),
            Err(MediaError::TooLarge(_))
        ));
        assert!(fits(&settings, "document", "image/gif", 6 << 20).is_ok());
        assert_eq!(limit_for(&settings, "video/mp4"), 100 << 20);
    }
}
