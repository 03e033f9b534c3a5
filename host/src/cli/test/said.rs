//! What the bot sent, as a transcript writes it.

use super::transcript::{Expected, Words};
use crate::model::{Content, Interactive, Media, Message, Status};

/// A message of the bot's.
#[derive(Clone, Debug)]
pub struct Said {
    pub message: Message,
    /// The customer's name in the transcript, or their number where they have none.
    pub to: String,
    shown: Shown,
}

/// A message in three parts: `bot <head>: <words>`, and below it what it offers.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shown {
    head: String,
    words: String,
    choices: String,
}

impl Said {
    pub fn new(message: Message, to: String) -> Self {
        let mut shown = shown(&message.content);
        if message.status == Status::Error {
            shown.head = format!("is refused {}", message.error_code);
        }
        Self { message, to, shown }
    }

    /// Whether this is what the transcript wants.
    pub fn fits(&self, expected: &Expected) -> bool {
        let Shown { head, words, choices } = &self.shown;
        // `sends image` stands for any image.
        let vague = !expected.head.is_empty()
            && head.strip_prefix(&expected.head).is_some_and(|rest| rest.starts_with(' '));
        let said = match &expected.words {
            Some(wanted) => wanted.fit(words),
            None => true,
        };
        (vague || *head == expected.head) && said && *choices == expected.choices
    }

    /// The lines that would expect it, `bot to <name>` where it went to somebody else.
    pub fn lines(&self, current: &str) -> String {
        let to = if self.to == current { None } else { Some(self.to.as_str()) };
        let Shown { head, words, choices } = &self.shown;
        lines(to, head, words, choices)
    }
}

/// The lines of an expectation, to stand beside what came.
pub fn wanted(expected: &Expected) -> String {
    let to = expected.to.as_deref();
    match &expected.words {
        Some(Words::Exact(words)) => lines(to, &expected.head, words, &expected.choices),
        Some(Words::Pattern(pattern)) => {
            let pattern = pattern.as_str().trim_start_matches("^(?s:").trim_end_matches(")$");
            lines(to, "matches", pattern, &expected.choices)
        }
        None => lines(to, &expected.head, "", &expected.choices),
    }
}

fn lines(to: Option<&str>, head: &str, words: &str, choices: &str) -> String {
    let mut text = "bot".to_owned();
    for part in [to.map(|to| format!("to {to}")), Some(head.to_owned())].into_iter().flatten() {
        if !part.is_empty() {
            text.push(' ');
            text.push_str(&part);
        }
    }
    if !words.is_empty() || head.is_empty() {
        text.push_str(": ");
    }
    let below = words.lines().skip(1).chain(choices.lines());
    text.push_str(words.lines().next().unwrap_or_default());
    for line in below {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

fn shown(content: &Content) -> Shown {
    let media = |kind: &str, media: &Media| Shown {
        head: format!("sends {kind} {}", media.url.as_deref().unwrap_or_default())
            .trim_end()
            .to_owned(),
        words: media.caption.clone().unwrap_or_default(),
        choices: String::new(),
    };
    let plain = |head: &str, words: &str| Shown {
        head: head.to_owned(),
        words: words.to_owned(),
        choices: String::new(),
    };
    match content {
        Content::Text { text } => plain("", text),
        Content::Note { text } => plain("notes", text),
        Content::Image { image } => media("image", image),
        Content::Audio { audio } => media("audio", audio),
        Content::Video { video } => media("video", video),
        Content::Document { document } => media("document", document),
        Content::Sticker { sticker } => media("sticker", sticker),
        Content::Location { location } => plain(
            &format!("sends location {},{}", location.latitude, location.longitude),
            location.name.as_deref().unwrap_or_default(),
        ),
        Content::Contacts { .. } => plain("sends contacts", &content.searchable()),
        Content::Template { template } => plain(
            &format!("sends template {}", template.name),
            template.text.as_deref().unwrap_or_default(),
        ),
        Content::Interactive { interactive } => {
            Shown { choices: choices(interactive), ..plain("", &interactive.text) }
        }
        Content::Reaction { reaction } => {
            plain(format!("reacts {}", reaction.emoji).trim_end(), "")
        }
        Content::Other { other } => plain("sends other", &other.to_string()),
    }
}

/// `[Yes] [No]`, or a list as `[Menu > Pizza | Pasta]`.
fn choices(interactive: &Interactive) -> String {
    let rows: Vec<&str> = interactive.all_rows().map(|row| row.title.as_str()).collect();
    if rows.is_empty() {
        let buttons = interactive.buttons.iter().map(|button| format!("[{}]", button.title));
        return buttons.collect::<Vec<_>>().join(" ");
    }
    format!("[{} > {}]", interactive.button, rows.join(" | "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn show(content: serde_json::Value) -> String {
        let content: Content = serde_json::from_value(content).expect("a content");
        let Shown { head, words, choices } = shown(&content);
        lines(None, &head, &words, &choices)
    }

    #[test]
    fn a_message_is_written_as_the_line_that_expects_it() {
        assert_eq!(show(json!({ "type": "text", "text": "a\nb" })), "bot: a\n  b");
        let offer = json!({ "text": "Choose", "buttons": [{ "id": "1", "title": "Yes" }, { "id": "2", "title": "No" }] });
        assert_eq!(
            show(json!({ "type": "interactive", "interactive": offer })),
            "bot: Choose\n  [Yes] [No]"
        );
        let list = json!({ "text": "Eat", "button": "Menu", "rows": [{ "id": "1", "title": "Pizza" }, { "id": "2", "title": "Pasta" }] });
        assert_eq!(
            show(json!({ "type": "interactive", "interactive": list })),
            "bot: Eat\n  [Menu > Pizza | Pasta]"
        );
        let image = json!({ "url": "https://example.com/a.png", "caption": "us" });
        assert_eq!(
            show(json!({ "type": "image", "image": image })),
            "bot sends image https://example.com/a.png: us"
        );
        let reaction = json!({ "message_id": "msg_1", "emoji": "👍" });
        assert_eq!(show(json!({ "type": "reaction", "reaction": reaction })), "bot reacts 👍");
    }
}
