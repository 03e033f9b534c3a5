//! What plugins read, from committed rows.

use std::sync::Arc;

use async_trait::async_trait;

use super::rules::window;
use super::{House, holdings, media};
use crate::model::{
    Chat, Contact, Message, Millis, Scope, StoredFile, Template, TemplateStatus, TimerSpec,
};
use crate::plugin::{Holding, Host, NewFile, Refusal, Room, StateEntry};
use crate::store::{Conn, account, chat, contact, message, plugin, state, template, timer};

/// A house, as plugins see it.
pub struct Reads {
    house: Arc<House>,
    rehearsal: bool,
}

impl Reads {
    pub fn new(house: Arc<House>) -> Self {
        Self { house, rehearsal: false }
    }

    /// For calls that only show what they would do: no secret is among what they read.
    pub fn rehearsal(house: Arc<House>) -> Self {
        Self { house, rehearsal: true }
    }
}

/// What stands for every secret in a rehearsal.
const NO_SECRET: &str = "a-secret";

#[async_trait]
impl Host for Reads {
    async fn state(
        &self,
        install_id: &str,
        scope: &Scope,
        key: &str,
    ) -> anyhow::Result<Option<StateEntry>> {
        let now = self.house.clock.now();
        let entry =
            state::get(&mut *self.house.store.read().await?, install_id, scope, key, now).await?;
        Ok(entry.map(entry_of))
    }

    async fn state_list(
        &self,
        install_id: &str,
        scope: &Scope,
        prefix: &str,
        after: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<StateEntry>> {
        let now = self.house.clock.now();
        let mut conn = self.house.store.read().await?;
        let entries = state::list(&mut conn, install_id, scope, prefix, after, now, limit).await?;
        Ok(entries.into_iter().map(entry_of).collect())
    }

    async fn timers(&self, install_id: &str, scope: &Scope) -> anyhow::Result<Vec<TimerSpec>> {
        let timers = timer::list(&mut *self.house.store.read().await?, install_id, scope).await?;
        Ok(timers.into_iter().map(|timer| timer.spec).collect())
    }

    async fn contact(&self, team_id: &str, contact_id: &str) -> anyhow::Result<Option<Contact>> {
        Ok(contact::get(&mut *self.house.store.read().await?, team_id, contact_id).await?)
    }

    async fn chat(&self, team_id: &str, chat_id: &str) -> anyhow::Result<Option<Chat>> {
        Ok(chat::get(&mut *self.house.store.read().await?, team_id, chat_id).await?)
    }

    async fn message(&self, team_id: &str, message_id: &str) -> anyhow::Result<Option<Message>> {
        Ok(message::get(&mut *self.house.store.read().await?, team_id, message_id).await?)
    }

    async fn history(
        &self,
        team_id: &str,
        chat_id: &str,
        before: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<Message>> {
        let filter = message::Filter::chat(chat_id);
        let mut conn = self.house.store.read().await?;
        Ok(message::find(&mut conn, team_id, &filter, before, limit).await?)
    }

    async fn window_until(&self, chat: &Chat) -> anyhow::Result<Millis> {
        let mut conn = self.house.store.read().await?;
        let account = account::get(&mut conn, &chat.team_id, &chat.account_id).await?;
        let now = self.house.clock.now();
        Ok(account.map_or(0, |account| window::until(&account, Some(chat), now)))
    }

    async fn templates(
        &self,
        team_id: &str,
        account_id: &str,
        status: Option<TemplateStatus>,
        after: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<Template>> {
        let mut conn = self.house.store.read().await?;
        let business = business_account(&mut conn, team_id, account_id).await?;
        Ok(template::usable(&mut conn, team_id, &business, status, after, limit).await?)
    }

    async fn template(
        &self,
        team_id: &str,
        account_id: &str,
        name: &str,
        language: &str,
    ) -> anyhow::Result<Option<Template>> {
        let mut conn = self.house.store.read().await?;
        let business = business_account(&mut conn, team_id, account_id).await?;
        Ok(template::named(&mut conn, team_id, &business, name, language).await?)
    }

    async fn file(&self, team_id: &str, file_id: &str) -> anyhow::Result<Option<StoredFile>> {
        Ok(media::describe(&self.house, team_id, "", file_id).await?.map(media::stored))
    }

    async fn file_bytes(
        &self,
        team_id: &str,
        file_id: &str,
        range: std::ops::Range<u64>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        media::piece(&self.house, team_id, file_id, range).await
    }

    async fn write_file(
        &self,
        team_id: &str,
        file: NewFile,
    ) -> anyhow::Result<Result<StoredFile, Refusal>> {
        media::write_new(&self.house, team_id, file).await
    }

    async fn room(&self, install_id: &str, of: Holding) -> anyhow::Result<Room> {
        holdings::room(&self.house, install_id, of).await
    }

    async fn secret(&self, install_id: &str, name: &str) -> anyhow::Result<Option<String>> {
        let sealed = plugin::secret(&mut *self.house.store.read().await?, install_id, name).await?;
        if self.rehearsal {
            return Ok(sealed.map(|_| NO_SECRET.to_owned()));
        }
        sealed
            .map(|sealed| self.house.seal.open(&secret_context(install_id, name), &sealed))
            .transpose()
    }
}

/// The business account of a team's account; empty where it belongs to none, or there is no such one.
async fn business_account(
    conn: &mut Conn,
    team_id: &str,
    account_id: &str,
) -> anyhow::Result<String> {
    let found = account::get(conn, team_id, account_id).await?;
    Ok(found.map(|account| account.business_account_id).unwrap_or_default())
}

/// What a sealed secret is bound to, so that it opens in its own row only.
pub fn secret_context(install_id: &str, name: &str) -> String {
    format!("secret/{install_id}/{name}")
}

fn entry_of(entry: state::Entry) -> StateEntry {
    StateEntry {
        key: entry.key,
        value: entry.value,
        version: entry.version,
        expires_at: entry.expires_at,
    }
}
