//! What the probe does with stored files.

use switchboard_sdk::prelude::*;

/// What is sent behind the bytes that came.
const STAMP: &[u8] = b" stamped";

/// Do what a word names, and give the answer; `None` for any other word.
pub fn does(event: &Message, word: &str, rest: &str) -> Option<Result<String, Error>> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse().ok()).unwrap_or(0);
    let id = words.first().copied().unwrap_or_default();
    Some(match word {
        "stamp" => stamp(event, rest),
        "describe" => media::describe(id).map(|file| {
            format!("{} {} {} {}", file.mime_type, file.size, file.filename, file.sha256)
        }),
        "read" => media::read(id, number(1), number(2) as u32)
            .map(|bytes| format!("read {}", String::from_utf8_lossy(&bytes))),
        "read-on" => (0..number(1))
            .try_for_each(|_| media::read(id, 0, 10).map(drop))
            .map(|()| "read".to_owned()),
        "keep" => keep(number(0)).map(|id| format!("kept {id}")),
        "lie" => media::keep("image/png", "", b"no picture"),
        "keep-fail" | "keep-trap" | "keep-sleep" => keep(10).inspect(|_| match word {
            "keep-trap" => panic!("trapped as asked"),
            "keep-sleep" => std::thread::sleep(Duration::from_secs(3600)),
            _ => delivery::reject("rejected as asked"),
        }),
        "keep-later" => keep(10).inspect(|_| {
            if event.attempt == 1 {
                delivery::retry_after(Duration::from_secs(1));
            }
        }),
        _ => return None,
    })
}

/// So many bytes of a text; it reads them again at once.
fn keep(size: u64) -> Result<String, Error> {
    let bytes = "x".repeat(size as usize);
    let id = media::keep("text/plain", "x.txt", bytes.as_bytes())?;
    assert_eq!(media::whole(&id, size)?, bytes.as_bytes(), "what was kept is read");
    Ok(id)
}

/// Send the picture of this message back, with something behind it.
fn stamp(event: &Message, caption: &str) -> Result<String, Error> {
    let Some(id) = event.file() else { return Ok("no file".to_owned()) };
    let file = media::describe(&id)?;
    let mut bytes = media::whole(&id, 1 << 20)?;
    assert_eq!(bytes.len() as u64, file.size);
    bytes.extend(STAMP);
    let stamped = media::keep(&file.mime_type, "stamped.png", &bytes)?;
    messaging::image(stamped, caption).send(event)?;
    Ok(format!("{} of {} bytes", file.mime_type, file.size))
}
