//! What waits for its time must not slow what is due now, and must leave when its time comes.

use std::time::Instant;

use anyhow::Result;
use switchboard::clock::Clock;
use switchboard::flow::send::Draft;
use switchboard::model::{Content, Millis, Recipient, SendOptions};

use crate::house::{Bench, CHATS};
use crate::say;

const START: Millis = 1_800_000_000_000;
const DAY: Millis = 86_400_000;
const FLOOD: usize = 4_000;

pub async fn run(wasm: &[u8], pending: usize) -> Result<()> {
    let clock = Clock::manual(START);
    let bench = Bench::start(wasm, clock.clone()).await?;
    bench.flood(CHATS * 2).await?; // warm
    let before = bench.flood(FLOOD).await?.took;
    let begun = Instant::now();
    schedule(&bench, pending).await?;
    say(
        "scheduling, messages a second",
        format!("{:.0}", pending as f64 / begun.elapsed().as_secs_f64()),
    );
    let after = bench.flood(FLOOD).await?.took;
    say(
        &format!("sending with {pending} pending against none"),
        format!("{:.2} times", after.as_secs_f64() / before.as_secs_f64()),
    );
    on_time(&bench, &clock, pending).await?;
    bench.running.stop().await;
    Ok(())
}

/// So many messages, due one after the other from tomorrow on, ten a second of the fixed clock.
async fn schedule(bench: &Bench, pending: usize) -> Result<()> {
    let house = &bench.running.house;
    for first in (0..pending).step_by(CHATS) {
        let drafts = (first..(first + CHATS).min(pending)).map(|index| Draft {
            to: Recipient::Phone {
                account_id: bench.account.clone(),
                phone: format!("+1666{:07}", index % CHATS),
            },
            options: SendOptions { due_at: Some(due(index)), ..SendOptions::default() },
            content: Content::text(format!("scheduled {index}")),
            ..Draft::new(house.clock.id("msg"), &bench.team)
        });
        futures_util::future::try_join_all(drafts.map(|draft| house.sends.submit(draft))).await?;
    }
    Ok(())
}

fn due(index: usize) -> Millis {
    START + DAY + index as Millis * 100
}

/// At the moment of the hundredth, a hundred have left, and no other.
async fn on_time(bench: &Bench, clock: &Clock, pending: usize) -> Result<()> {
    let expected = pending.min(100);
    let after = bench.last_seq()?;
    let begun = Instant::now();
    clock.advance(due(expected - 1) - clock.now());
    bench.delivered(after, expected, |_| {}).await?;
    let took = begun.elapsed();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let left = bench.running.house.channels.sandbox.outgoing(&bench.account, after, 1000)?;
    anyhow::ensure!(left.len() == expected, "{} left, {expected} were due", left.len());
    say(&format!("{expected} due at one moment have left after"), format!("{took:?}"));
    Ok(())
}
