//! A host to measure, with teams, accounts and bots.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use switchboard::channel::sandbox::Incoming;
use switchboard::clock::Clock;
use switchboard::config::Config;
use switchboard::flow::install::{Actor, Consent, Upload, upload};
use switchboard::model::{Account, AccountState, ChannelType, Content};
use switchboard::store::{account, team};
use switchboard::{App, Running};

pub const CHATS: usize = 1000;

/// A host with one account and one bot that answers every text.
pub struct Bench {
    pub running: Running,
    pub team: String,
    pub account: String,
    _folder: tempfile::TempDir,
}

pub struct Flood {
    pub took: Duration,
    pub commits: u64,
}

impl Bench {
    pub async fn start(wasm: &[u8], clock: Clock) -> Result<Self> {
        let (running, folder) = host(clock).await?;
        Self::on(running, wasm, folder).await
    }

    /// The same on a host that runs in this folder.
    pub async fn on(running: Running, wasm: &[u8], folder: tempfile::TempDir) -> Result<Self> {
        let (team, account) = tenant(&running, wasm, 0).await?;
        Ok(Self { running, team, account, _folder: folder })
    }

    /// All chats write as fast as they are accepted; until the last answer is delivered.
    pub async fn flood(&self, messages: usize) -> Result<Flood> {
        let house = &self.running.house;
        let (begun, before) = (Instant::now(), *house.wake.committed.borrow());
        let after = self.last_seq()?;
        let mut chats = tokio::task::JoinSet::new();
        for chat in 0..CHATS {
            let (sandbox, account) = (house.channels.sandbox.clone(), self.account.clone());
            chats.spawn(async move {
                for turn in 0..messages / CHATS {
                    sandbox.incoming(&account, incoming(chat, &format!("{turn}"))).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = chats.join_next().await {
            done??;
        }
        self.delivered(after, messages / CHATS * CHATS, |_| {}).await?;
        Ok(Flood { took: begun.elapsed(), commits: *house.wake.committed.borrow() - before })
    }

    /// Messages come at a steady rate, whatever becomes of those before; how long each one took.
    pub async fn paced(&self, messages: usize, rate: f64) -> Result<Vec<Duration>> {
        let after = self.last_seq()?;
        let (sandbox, account) =
            (self.running.house.channels.sandbox.clone(), self.account.clone());
        let begun = Instant::now();
        let due = move |index: usize| begun + Duration::from_secs_f64(index as f64 / rate);
        let source = tokio::spawn(async move {
            for index in 0..messages {
                tokio::time::sleep_until(due(index).into()).await;
                let (sandbox, account) = (sandbox.clone(), account.clone());
                tokio::spawn(async move {
                    sandbox.incoming(&account, incoming(index % CHATS, &format!("{index}"))).await
                });
            }
        });
        let mut waits = Vec::with_capacity(messages);
        let seen = |text: &str| {
            let index = text.rsplit(' ').next().and_then(|word| word.parse().ok());
            waits.extend(index.map(|index: usize| due(index).elapsed()));
        };
        self.delivered(after, messages, seen).await?;
        source.await?;
        Ok(waits)
    }

    pub fn last_seq(&self) -> Result<i64> {
        let mut after = 0;
        while let Some(last) =
            self.running.house.channels.sandbox.outgoing(&self.account, after, 1000)?.last()
        {
            after = last.seq;
        }
        Ok(after)
    }

    /// Wait until so many messages were delivered after `after`, and show each.
    pub async fn delivered(
        &self,
        mut after: i64,
        mut count: usize,
        mut seen: impl FnMut(&str),
    ) -> Result<()> {
        let begun = Instant::now();
        while count > 0 {
            anyhow::ensure!(
                begun.elapsed() < Duration::from_secs(300),
                "{count} answers are missing"
            );
            let records =
                self.running.house.channels.sandbox.outgoing(&self.account, after, 1000)?;
            for record in &records {
                seen(record.content.as_text());
                after = record.seq;
            }
            count = count.saturating_sub(records.len());
            if records.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }
}

/// A host on a new folder, without rate limits; its notices may go to this machine.
pub async fn host(clock: Clock) -> Result<(Running, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let config = config(folder.path())?;
    Ok((App::start(config, clock).await?, folder))
}

/// The settings of such a host.
pub fn config(folder: &Path) -> Result<Config> {
    let mut config = Config { data: folder.to_owned(), ..Config::default() };
    config.server.listen = "127.0.0.1:0".to_owned();
    config.limits.requests_per_minute = 0;
    config.limits.messages_per_day = 0;
    config.notify.allow = vec!["127.0.0.0/8".parse()?];
    Ok(config)
}

/// A team with an open account and the bot; gives the ids of both.
pub async fn tenant(running: &Running, wasm: &[u8], number: usize) -> Result<(String, String)> {
    let house = &running.house;
    let (team_id, now) = (house.clock.id("team"), house.clock.now());
    let account = Account {
        phone: format!("+1555{number:07}"),
        state: AccountState::Open,
        ..Account::new(house.clock.id("acc"), &team_id, ChannelType::Sandbox, now)
    };
    let mut tx = house.store.begin().await?;
    team::insert(&mut tx, &team_id, "bench", now).await?;
    account::insert(&mut tx, &account).await?;
    house.commit(tx).await?;
    installed(running, &team_id, wasm.to_vec()).await?;
    house.registry.team(&house.store, &team_id).await?;
    Ok((team_id, account.id))
}

/// Install a plugin, or upgrade it.
pub async fn installed(running: &Running, team_id: &str, bytes: Vec<u8>) -> Result<()> {
    let plugin = Upload { bytes, consent: Consent::All, accounts: None, config: None };
    upload(&running.house, &Actor::new(team_id, Actor::COMMAND), plugin).await?;
    Ok(())
}

pub fn incoming(chat: usize, text: &str) -> Incoming {
    Incoming {
        aliases: Vec::new(),
        from: format!("+1666{chat:07}"),
        name: String::new(),
        content: Content::text(text),
        reply_to: String::new(),
        referral: None,
        provider_id: None,
    }
}
