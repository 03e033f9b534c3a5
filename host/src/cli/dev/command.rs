//! What is typed: words of a customer, or a command that begins with a slash.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::{Content, Media, is_phone};

/// One line, understood.
#[derive(Debug, PartialEq)]
pub enum Command {
    Nothing,
    Say(String),
    As {
        phone: String,
        name: String,
    },
    Send(Box<Content>),
    /// A number from 1, a title or an id.
    Choose(String),
    React(String),
    Status,
    Help,
    Quit,
}

pub const HELP: &str = "\
/as +15550123 Ann    be another customer
/photo PATH|URL      send a photo; /file PATH|URL any other file
/choose 2            tap the second button or row, or one by its words
/react 👍            react to the bot's last message
/status              what runs, and for whom you write
/quit                end (Ctrl-C too)
//words              words that begin with a slash";

impl Command {
    /// # Errors
    /// What the line should be.
    pub fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let Some(command) = line.strip_prefix('/') else {
            return Ok(if line.is_empty() { Self::Nothing } else { Self::Say(line.to_owned()) });
        };
        if command.starts_with('/') {
            return Ok(Self::Say(command.to_owned()));
        }
        let (verb, rest) =
            command.split_once(' ').map_or((command, ""), |(verb, rest)| (verb, rest.trim()));
        Ok(match (verb, rest) {
            ("help", _) => Self::Help,
            ("quit" | "exit", _) => Self::Quit,
            ("status", _) => Self::Status,
            ("as", rest) => {
                let (phone, name) = rest.split_once(' ').unwrap_or((rest, ""));
                if !is_phone(phone) {
                    return Err("give a phone number: /as +15550123 Ann".to_owned());
                }
                Self::As { phone: phone.to_owned(), name: name.trim().to_owned() }
            }
            ("photo" | "file", "") => {
                return Err(format!("give a path or an address: /{verb} cat.png"));
            }
            ("photo", source) => Self::Send(Box::new(Content::Image { image: media(source)? })),
            ("file", source) => {
                Self::Send(Box::new(Content::Document { document: media(source)? }))
            }
            ("choose", "") => return Err("say which: /choose 2, or /choose Yes".to_owned()),
            ("choose", which) => Self::Choose(which.to_owned()),
            ("react", emoji) => Self::React(emoji.to_owned()),
            _ => return Err(format!("/{verb} is no command; /help lists them")),
        })
    }
}

/// An address as it is; a file as its bytes.
fn media(source: &str) -> Result<Media, String> {
    if source.starts_with("https://") || source.starts_with("http://") {
        return Ok(Media::from_source(source));
    }
    let path = Path::new(source);
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {source}: {error}"))?;
    let mime_type = mime_guess::MimeGuess::from_path(path).first_or_octet_stream();
    let filename = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let media = Media::from_source(format!("data:{mime_type};base64,{}", STANDARD.encode(bytes)));
    Ok(Media { filename, ..media })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_words_and_slashes_are_commands() {
        assert_eq!(Command::parse(" hello "), Ok(Command::Say("hello".into())));
        assert_eq!(Command::parse("//path"), Ok(Command::Say("/path".into())));
        assert_eq!(Command::parse(""), Ok(Command::Nothing));
        let ann = Command::As { phone: "+15550123".into(), name: "Ann Lee".into() };
        assert_eq!(Command::parse("/as +15550123 Ann Lee"), Ok(ann));
        assert!(Command::parse("/as Ann").is_err_and(|problem| problem.contains("+1555")));
        assert!(Command::parse("/sing").is_err_and(|problem| problem.contains("/help")));
        assert!(
            Command::parse("/photo /no/such.png")
                .is_err_and(|problem| problem.contains("such.png"))
        );
    }
}
