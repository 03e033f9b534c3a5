//! Messages end to end: accepted, answered by a bot, delivered.

use std::time::{Duration, Instant};

use anyhow::Result;
use switchboard::clock::Clock;
use switchboard::model::Event;
use switchboard::store::event;

use crate::house::{Bench, CHATS, host};
use crate::{percentile, say};

pub async fn run(wasm: &[u8], messages: usize) -> Result<()> {
    let bench = Bench::start(wasm, Clock::system()).await?;
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
    Ok(())
}

/// The rows of so many messages (two messages, two jobs, two events for each) as rows of one table,
/// committed in groups of as many messages as the flood committed together.
async fn raw_writes(messages: usize, group: usize) -> Result<Duration> {
    const ROWS: usize = 6;
    let (running, _folder) = host(Clock::system()).await?;
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
                trace: Default::default(),
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
