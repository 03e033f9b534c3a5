//! A whole host under load, in one process: how many messages a second it answers, how long one
//! takes, what its commits and its installs cost. Bounded in count; prints one table.
//!
//! `SWITCHBOARD_TEST_PLUGINS=target/plugins cargo run --example bench` (`cargo xtask bench` does it)

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use switchboard::channel::sandbox::Incoming;
use switchboard::clock::Clock;
use switchboard::config::Config;
use switchboard::flow::install::{Consent, Upload, upload};
use switchboard::model::{Account, AccountState, ChannelType, Content, Event};
use switchboard::store::{account, event, team};
use switchboard::{App, Running};

const CHATS: usize = 1000;

#[tokio::main]
async fn main() -> Result<()> {
    let plugins = std::env::var("SWITCHBOARD_TEST_PLUGINS").context("SWITCHBOARD_TEST_PLUGINS")?;
    let echo = std::fs::read(Path::new(&plugins).join("echo.wasm")).context("echo.wasm")?;
    let messages = match std::env::var("SWITCHBOARD_BENCH_MESSAGES") {
        Ok(count) => count.parse().context("SWITCHBOARD_BENCH_MESSAGES is a number")?,
        Err(_) => 20_000,
    };
    let bench = Bench::start(&echo).await?;
    bench.flood(CHATS * 2).await?; // warm
    let flood = bench.flood(messages).await?;
    let rate = messages as f64 / flood.took.as_secs_f64();
    let mut waits = bench.paced(messages / 4, rate / 2.0).await?;
    waits.sort_unstable();
    bench.running.stop().await;

    let commits = flood.commits as f64 / messages as f64;
    let raw = raw_writes(messages, (1.0 / commits).max(1.0) as usize).await?;
    say("messages a second, end to end", format!("{rate:.0}"));
    say(
        "the same rows written bare, messages a second",
        format!("{:.0}", messages as f64 / raw.as_secs_f64()),
    );
    say(
        "end to end against bare rows",
        format!("{:.1} times", flood.took.as_secs_f64() / raw.as_secs_f64()),
    );
    say("commits for a message", format!("{commits:.3}"));
    say("accepted to delivered at half of that rate, p50", format!("{:?}", percentile(&waits, 50)));
    say("the same, p99", format!("{:?}", percentile(&waits, 99)));
    memory(&echo).await
}

fn say(what: &str, found: String) {
    println!("{what:<52} {found:>14}");
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}

/// A host with one account and one bot that answers every text.
struct Bench {
    running: Running,
    account: String,
    _folder: tempfile::TempDir,
}

struct Flood {
    took: Duration,
    commits: u64,
}

impl Bench {
    async fn start(wasm: &[u8]) -> Result<Self> {
        let (running, folder) = host().await?;
        let account = tenant(&running, wasm, 0).await?;
        Ok(Self { running, account, _folder: folder })
    }

    /// All chats write as fast as they are accepted; until the last answer is delivered.
    async fn flood(&self, messages: usize) -> Result<Flood> {
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
    async fn paced(&self, messages: usize, rate: f64) -> Result<Vec<Duration>> {
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

    fn last_seq(&self) -> Result<i64> {
        let mut after = 0;
        while let Some(last) =
            self.running.house.channels.sandbox.outgoing(&self.account, after, 1000)?.last()
        {
            after = last.seq;
        }
        Ok(after)
    }

    /// Wait until so many messages were delivered after `after`, and show each.
    async fn delivered(
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

async fn host() -> Result<(Running, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
    config.server.listen = "127.0.0.1:0".to_owned();
    Ok((App::start(config, Clock::system()).await?, folder))
}

/// A team with an open account and the bot; gives the account's id.
async fn tenant(running: &Running, wasm: &[u8], number: usize) -> Result<String> {
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
    let plugin =
        Upload { bytes: wasm.to_vec(), consent: Consent::All, accounts: None, config: None };
    upload(house, &team_id, plugin).await?;
    house.registry.team(&house.store, &team_id).await?;
    Ok(account.id)
}

fn incoming(chat: usize, text: &str) -> Incoming {
    Incoming {
        from: format!("+1666{chat:07}"),
        name: String::new(),
        content: Content::text(text),
        reply_to: String::new(),
        referral: None,
        provider_id: None,
    }
}

/// The rows of so many messages (two messages, two jobs, two events for each) as rows of one table,
/// committed in groups of as many messages as the flood committed together.
async fn raw_writes(messages: usize, group: usize) -> Result<Duration> {
    const ROWS: usize = 6;
    let (running, _folder) = host().await?;
    let house = running.house.clone();
    let begun = Instant::now();
    for first in (0..messages).step_by(group) {
        let rows: Vec<Event> = (first * ROWS..(first + group).min(messages) * ROWS)
            .map(|row| Event {
                id: house.clock.id("evt"),
                team_id: "team_of_the_bench".to_owned(),
                cursor: row as i64,
                kind: "message.received".to_owned(),
                account_id: "acc_of_the_bench".to_owned(),
                chat_id: format!("chat_{}", row % CHATS),
                contact_id: format!("con_{}", row % CHATS),
                message_id: String::new(),
                at: 0,
                depth: 0,
                data: serde_json::json!({ "text": "as much as a message holds, more or less", "n": row }),
            })
            .collect();
        let mut tx = house.store.begin().await?;
        event::insert(&mut tx, &rows).await?;
        tx.commit().await?;
    }
    let took = begun.elapsed();
    running.stop().await;
    Ok(took)
}

/// What more installs of one plugin keep in memory.
async fn memory(wasm: &[u8]) -> Result<()> {
    let (running, _folder) = host().await?;
    let mut found = HashMap::new();
    let mut installed = 0;
    for wanted in [1, 100, 1000] {
        while installed < wanted {
            tenant(&running, wasm, installed).await?;
            installed += 1;
        }
        found.insert(wanted, resident()?);
        say(
            &format!("resident memory with {wanted} installs"),
            format!("{:.1} MiB", resident()? / 1_048_576.0),
        );
    }
    say(
        "more for one install",
        format!("{:.1} KiB", (found[&1000] - found[&100]) / 900.0 / 1024.0),
    );
    running.stop().await;
    Ok(())
}

/// This process's resident memory, in bytes (Linux).
fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024.0)
}
