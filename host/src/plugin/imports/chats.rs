//! `chats`: conversations of the accounts that the install serves, and who answers in them.

use super::super::bindings::switchboard::plugin::chats::{Entry, Host, Line};
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::manifest::Access;
use super::super::run::{Halt, Run, answer, check_optional_text, check_text};
use crate::model::{Effect, Message};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

const MAX_LIST: u32 = 100;
/// Who answers when a chat was handed over and nobody is named yet.
const SOME_HUMAN: &str = "human";

impl Host for Run {
    async fn get(&mut self, chat: String) -> Answer<Entry> {
        answer(self.chat_entry(&chat).await)
    }

    async fn history(&mut self, chat: String, before: String, limit: u32) -> Answer<Vec<Line>> {
        answer(self.chat_history(&chat, &before, limit).await)
    }

    async fn hand_over(&mut self, chat: String, reason: String) -> Answer<()> {
        answer(self.assign_chat(chat, SOME_HUMAN.to_owned(), reason).await)
    }

    async fn hand_back(&mut self, chat: String) -> Answer<()> {
        answer(self.assign_chat(chat, String::new(), String::new()).await)
    }

    async fn assign(&mut self, chat: String, who: String) -> Answer<()> {
        answer(match check_text("who answers", &who, 128) {
            Ok(()) => self.assign_chat(chat, who, String::new()).await,
            Err(refused) => Err(refused),
        })
    }
}

impl Run {
    async fn enter_chat(&mut self, chat_id: &str) -> Result<(), Halt> {
        self.enter(chat_id.len())?;
        self.require("chats = \"read\"", |grants| grants.chats >= Access::Read)?;
        self.check_chat(chat_id).await
    }

    async fn chat_entry(&mut self, chat_id: &str) -> Result<Entry, Halt> {
        self.enter_chat(chat_id).await?;
        let chat = self.call.host.chat(&self.call.install.team_id, chat_id).await?;
        let Some(mut chat) = chat else {
            return Err(Halt::refused("not-found", format!("there is no chat {chat_id:?}")));
        };
        for effect in &self.effects {
            match effect {
                Effect::Assign { chat_id, who, .. } if *chat_id == chat.id => {
                    chat.assigned.clone_from(who)
                }
                _ => {}
            }
        }
        let window_until = self.call.host.window_until(&chat).await?;
        Ok(Entry {
            json: serde_json::to_string(&chat).unwrap_or_default(),
            id: chat.id,
            account: chat.account_id,
            contact: chat.contact_id,
            unread: u32::try_from(chat.unread).unwrap_or(0),
            assigned: chat.assigned,
            window_until: u64::try_from(window_until).unwrap_or(0),
        })
    }

    async fn chat_history(
        &mut self,
        chat_id: &str,
        before: &str,
        limit: u32,
    ) -> Result<Vec<Line>, Halt> {
        self.enter_chat(chat_id).await?;
        check_optional_text("the message to begin before", before, 128)?;
        let limit = limit.clamp(1, MAX_LIST).into();
        let messages =
            self.call.host.history(&self.call.install.team_id, chat_id, before, limit).await?;
        Ok(messages.into_iter().map(line).collect())
    }

    async fn assign_chat(
        &mut self,
        chat_id: String,
        who: String,
        reason: String,
    ) -> Result<(), Halt> {
        self.enter(chat_id.len() + reason.len())?;
        self.require("chats = \"write\"", |grants| grants.chats >= Access::Write)?;
        self.check_depth()?;
        self.check_chat(&chat_id).await?;
        check_optional_text("the reason", &reason, 1024)?;
        self.push(Effect::Assign { chat_id, who, reason })
    }
}

fn line(message: Message) -> Line {
    Line {
        direction: message.direction.as_str().to_owned(),
        kind: message.content.kind().to_owned(),
        text: message.content.as_text().to_owned(),
        time: u64::try_from(message.due_at).unwrap_or(0),
        status: message.status.as_str().to_owned(),
        id: message.id,
    }
}
