//! `messaging`: messages and signs, collected as effects.

use super::super::bindings::switchboard::plugin::messaging::{Button, Host, Options, Row};
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::run::{Halt, Run, answer, check_text, check_time};
use crate::model::{
    self, Content, Effect, Interactive, Location, Media, Reaction, Recipient, SendOptions,
};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

/// The most bytes of a message as JSON: cards, templates and the like have no bound of their own.
const MAX_JSON: usize = 64 << 10;
const MAX_ID: usize = 128;

impl Host for Run {
    async fn send_text(
        &mut self,
        to: String,
        text: String,
        options: Option<Options>,
    ) -> Answer<String> {
        answer(self.send_content(to, Content::text(text), options).await)
    }

    async fn send_image(
        &mut self,
        to: String,
        media: String,
        caption: String,
        options: Option<Options>,
    ) -> Answer<String> {
        let image = Media { caption: some(caption), ..Media::from_source(media) };
        answer(self.send_content(to, Content::Image { image }, options).await)
    }

    async fn send_audio(
        &mut self,
        to: String,
        media: String,
        options: Option<Options>,
    ) -> Answer<String> {
        let audio = Media::from_source(media);
        answer(self.send_content(to, Content::Audio { audio }, options).await)
    }

    async fn send_video(
        &mut self,
        to: String,
        media: String,
        caption: String,
        options: Option<Options>,
    ) -> Answer<String> {
        let video = Media { caption: some(caption), ..Media::from_source(media) };
        answer(self.send_content(to, Content::Video { video }, options).await)
    }

    async fn send_document(
        &mut self,
        to: String,
        media: String,
        filename: String,
        caption: String,
        options: Option<Options>,
    ) -> Answer<String> {
        let document =
            Media { filename: some(filename), caption: some(caption), ..Media::from_source(media) };
        answer(self.send_content(to, Content::Document { document }, options).await)
    }

    async fn send_sticker(
        &mut self,
        to: String,
        media: String,
        options: Option<Options>,
    ) -> Answer<String> {
        let sticker = Media::from_source(media);
        answer(self.send_content(to, Content::Sticker { sticker }, options).await)
    }

    async fn send_location(
        &mut self,
        to: String,
        latitude: f64,
        longitude: f64,
        name: String,
        address: String,
        options: Option<Options>,
    ) -> Answer<String> {
        let location = Location { latitude, longitude, name: some(name), address: some(address) };
        answer(self.send_content(to, Content::Location { location }, options).await)
    }

    async fn send_buttons(
        &mut self,
        to: String,
        text: String,
        buttons: Vec<Button>,
        options: Option<Options>,
    ) -> Answer<String> {
        let buttons =
            buttons.into_iter().map(|b| model::Button { id: b.id, title: b.title }).collect();
        let interactive = Box::new(Interactive { text, buttons, ..Interactive::default() });
        answer(self.send_content(to, Content::Interactive { interactive }, options).await)
    }

    async fn send_list(
        &mut self,
        to: String,
        text: String,
        button: String,
        rows: Vec<Row>,
        options: Option<Options>,
    ) -> Answer<String> {
        let row =
            |row: Row| model::Row { id: row.id, title: row.title, description: row.description };
        let interactive = Interactive {
            text,
            button,
            rows: rows.into_iter().map(row).collect(),
            ..Interactive::default()
        };
        let interactive = Box::new(interactive);
        answer(self.send_content(to, Content::Interactive { interactive }, options).await)
    }

    async fn send(&mut self, to: String, json: String, options: Option<Options>) -> Answer<String> {
        let content = serde_json::from_str(&json)
            .map_err(|e| Halt::invalid(format!("the message's JSON: {e}")));
        answer(match content {
            Ok(content) => self.send_content(to, content, options).await,
            Err(refused) => Err(refused),
        })
    }

    async fn react(&mut self, message_id: String, emoji: String) -> Answer<String> {
        answer(self.reaction(message_id, emoji).await)
    }

    async fn note(&mut self, chat: String, text: String) -> Answer<String> {
        answer(self.send_content(chat, Content::Note { text }, None).await)
    }

    async fn mark_read(&mut self, message_id: String) -> Answer<()> {
        answer(self.read_up_to(message_id).await)
    }

    async fn typing(&mut self, chat: String) -> Answer<()> {
        answer(self.show_typing(chat).await)
    }

    async fn cancel(&mut self, message_id: String) -> Answer<()> {
        answer(self.cancel_message(message_id).await)
    }
}

impl Run {
    fn enter_messaging(&mut self, bytes: usize) -> Result<(), Halt> {
        self.enter(bytes)?;
        self.require("messaging = true", |grants| grants.messaging)
    }

    pub(super) async fn send_content(
        &mut self,
        to: String,
        content: Content,
        options: Option<Options>,
    ) -> Result<String, Halt> {
        let bytes = size(&content);
        self.enter_messaging(bytes)?;
        self.check_depth()?;
        content.check().map_err(|e| Halt::invalid(e.to_string()))?;
        if bytes > MAX_JSON {
            return Err(Halt::invalid(format!("a message may have {MAX_JSON} bytes as JSON")));
        }
        let options = options.map_or_else(|| Ok(SendOptions::default()), checked)?;
        let to = self.recipient(to).await?;
        let message_id = self.clock.id("msg");
        self.push(Effect::Send { message_id: message_id.clone(), to, content, options })?;
        Ok(message_id)
    }

    /// A phone number on the event's account, or a chat of an account that the install serves.
    pub(super) async fn recipient(&mut self, to: String) -> Result<Recipient, Halt> {
        if !to.starts_with('+') {
            self.check_chat(&to).await?;
            return Ok(Recipient::Chat(to));
        }
        let digits = to.strip_prefix('+').unwrap_or_default();
        let e164 = (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if !e164 {
            return Err(Halt::invalid(format!("{to:?} is no phone number such as +15550001")));
        }
        let account_id = self.call.event.account_id.clone();
        if account_id.is_empty() {
            return Err(Halt::invalid(
                "this event has no account to write from: give the id of a chat",
            ));
        }
        Ok(Recipient::Phone { account_id, phone: to })
    }

    /// The event's own chat, or one of the team on an account that the install serves.
    pub(super) async fn check_chat(&mut self, chat_id: &str) -> Result<(), Halt> {
        check_text("the chat", chat_id, MAX_ID)?;
        let Self { call, .. } = self;
        if chat_id == call.event.chat_id {
            return Ok(());
        }
        let chat = call.host.chat(&call.install.team_id, chat_id).await?;
        let serves = |account: &String| {
            call.install.accounts.is_empty() || call.install.accounts.contains(account)
        };
        match chat {
            Some(chat) if serves(&chat.account_id) => Ok(()),
            _ => Err(Halt::refused(
                "not-found",
                format!("there is no chat {chat_id:?} for this plugin"),
            )),
        }
    }

    /// The chat of a message that the plugin may act on.
    async fn chat_of(&mut self, message_id: &str) -> Result<String, Halt> {
        check_text("the message's id", message_id, MAX_ID)?;
        if message_id == self.call.event.message_id {
            return Ok(self.call.event.chat_id.clone());
        }
        let message = self.call.host.message(&self.call.install.team_id, message_id).await?;
        let Some(message) = message else {
            return Err(Halt::refused("not-found", format!("there is no message {message_id:?}")));
        };
        self.check_chat(&message.chat_id).await?;
        Ok(message.chat_id)
    }

    async fn reaction(&mut self, message_id: String, emoji: String) -> Result<String, Halt> {
        self.enter_messaging(message_id.len() + emoji.len())?;
        let chat = self.chat_of(&message_id).await?;
        let reaction = Reaction { message_id, emoji };
        self.send_content(chat, Content::Reaction { reaction }, None).await
    }

    async fn read_up_to(&mut self, message_id: String) -> Result<(), Halt> {
        self.enter_messaging(message_id.len())?;
        self.chat_of(&message_id).await?;
        self.push(Effect::MarkRead { message_id })
    }

    async fn show_typing(&mut self, chat_id: String) -> Result<(), Halt> {
        self.enter_messaging(chat_id.len())?;
        self.check_chat(&chat_id).await?;
        self.push(Effect::Typing { chat_id })
    }

    async fn cancel_message(&mut self, message_id: String) -> Result<(), Halt> {
        self.enter_messaging(message_id.len())?;
        // What this very call sends is in no table yet.
        let sent_here = self.effects.iter().any(
            |effect| matches!(effect, Effect::Send { message_id: id, .. } if *id == message_id),
        );
        if !sent_here {
            self.chat_of(&message_id).await?;
        }
        self.push(Effect::Cancel { message_id })
    }
}

/// Bytes of a text, or of anything else as JSON.
fn size(content: &Content) -> usize {
    match content {
        Content::Text { text } | Content::Note { text } => text.len(),
        other => serde_json::to_vec(other).map_or(usize::MAX, |json| json.len()),
    }
}

fn checked(options: Options) -> Result<SendOptions, Halt> {
    let due_at = options.due_at.map(|due_at| check_time("due-at", due_at)).transpose()?;
    if let Some(id) = &options.reply_to {
        check_text("reply-to", id, MAX_ID)?;
    }
    Ok(SendOptions {
        due_at,
        reply_to: options.reply_to,
        typing: options.typing,
        randomise: options.randomise,
        cancel_if_replied: options.cancel_if_replied,
    })
}

/// WIT says an empty text where the model has none.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
