//! `data:image/png;base64,…`: a small file in the place of its address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Its type and bytes; `None` where it is none.
pub fn parse(url: &str) -> Option<(String, Vec<u8>)> {
    let (head, body) = url.strip_prefix("data:")?.split_once(',')?;
    let kind = head.strip_suffix(";base64")?;
    let bytes = BASE64.decode(body.trim()).ok()?;
    let kind = if kind.is_empty() { "application/octet-stream" } else { kind };
    Some((kind.to_owned(), bytes))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_type_and_bytes() {
        assert_eq!(
            parse("data:text/plain;base64,aGk="),
            Some(("text/plain".to_owned(), b"hi".to_vec()))
        );
        assert_eq!(
            parse("data:;base64,aGk=").map(|(kind, _)| kind).as_deref(),
            Some("application/octet-stream")
        );
        for wrong in ["data:text/plain,hi", "data:text/plain;base64,a", "https://a/b", "data:"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
