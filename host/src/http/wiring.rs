//! What the pretend phones need of the house.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::sandbox;
use crate::channel::sandbox::Sandbox;
use crate::clock::Clock;
use crate::flow::{House, templates};
use crate::model::{Account, ChannelType, Message, TemplateStatus};
use crate::store::{account, message, template};

pub(super) struct Phones {
    house: Arc<House>,
}

impl Phones {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self { house }
    }
}

#[async_trait]
impl sandbox::House for Phones {
    fn clock(&self) -> &Clock {
        &self.house.clock
    }

    fn sandbox(&self) -> &Arc<Sandbox> {
        &self.house.channels.sandbox
    }

    fn commits(&self) -> watch::Receiver<u64> {
        self.house.wake.committed.subscribe()
    }

    async fn accounts(&self) -> anyhow::Result<Vec<Account>> {
        let mut conn = self.house.store.read().await?;
        Ok(account::on_channel(&mut conn, ChannelType::Sandbox.as_str()).await?)
    }

    async fn account(&self, account_id: &str) -> anyhow::Result<Option<Account>> {
        let mut conn = self.house.store.read().await?;
        Ok(account::by_ids(&mut conn, &[account_id.to_owned()]).await?.pop())
    }

    async fn chat_page(
        &self,
        account_id: &str,
        phone: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<Message>> {
        let mut conn = self.house.store.read().await?;
        Ok(message::with_phone(&mut conn, account_id, phone, limit).await?)
    }

    async fn decide_template(
        &self,
        template_id: &str,
        status: TemplateStatus,
        reason: &str,
    ) -> anyhow::Result<bool> {
        let found = template::by_id(&mut *self.house.store.read().await?, template_id).await?;
        let submitted = found.filter(|template| template.status != TemplateStatus::Draft);
        let Some(template) = submitted else { return Ok(false) };
        templates::set_status(&self.house, &template, status, reason).await?;
        Ok(true)
    }
}
