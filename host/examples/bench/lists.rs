//! Lists and search over many stored messages must cost what they cost over few.

use std::time::{Duration, Instant};

use anyhow::Result;
use sha2::{Digest, Sha256};
use switchboard::clock::Clock;
use switchboard::flow::send::Draft;
use switchboard::model::{Content, Recipient};
use switchboard::store::credential::{self, Credential, Kind};

use crate::house::{Bench, CHATS};
use crate::{percentile, say};

const FEW: usize = 10_000;
const CALLS: usize = 200;
const KEY: &str = "sb_bench";

pub async fn run(wasm: &[u8], many: usize) -> Result<()> {
    let bench = Bench::start(wasm, Clock::system()).await?;
    key(&bench).await?;
    store(&bench, 0, FEW).await?;
    let few = measure(&bench).await?;
    store(&bench, FEW, many).await?;
    let more = measure(&bench).await?;
    for ((what, few), (_, more)) in few.into_iter().zip(more) {
        say(
            &format!("{what}, p50 at {many} messages against {FEW}"),
            format!("{:.2} times ({few:.1?}, {more:.1?})", more.as_secs_f64() / few.as_secs_f64()),
        );
    }
    bench.running.stop().await;
    Ok(())
}

async fn key(bench: &Bench) -> Result<()> {
    let house = &bench.running.house;
    let hash = hex::encode(Sha256::digest(KEY));
    let mut tx = house.store.begin().await?;
    let key = Credential::new("key_bench".to_owned(), &bench.team, "bench", house.clock.now());
    credential::insert(&mut tx, Kind::Key, &key, &hash).await?;
    house.commit(tx).await?;
    Ok(())
}

/// Notes, which are stored and never sent: of a thousand chats, each with a word of its own, one that
/// every hundredth message has, and four that all have.
async fn store(bench: &Bench, from: usize, to: usize) -> Result<()> {
    let house = &bench.running.house;
    for first in (from..to).step_by(CHATS) {
        let drafts = (first..(first + CHATS).min(to)).map(|index| Draft {
            to: Recipient::Phone {
                account_id: bench.account.clone(),
                phone: format!("+1666{:07}", index % CHATS),
            },
            content: Content::Note {
                text: format!("parcel {index:07} left for street w{}", index / CHATS % 100),
            },
            ..Draft::new(house.clock.id("msg"), &bench.team)
        });
        futures_util::future::try_join_all(drafts.map(|draft| house.sends.submit(draft))).await?;
    }
    Ok(())
}

async fn measure(bench: &Bench) -> Result<Vec<(&'static str, Duration)>> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut found = Vec::new();
    for (what, path) in [
        // Ten, as many as a contact has among the few: both pages are as long.
        ("a contact's messages", "/api/v1/contacts/+16660000007/messages?limit=10"),
        ("all messages", "/api/v1/messages?limit=50"),
        ("a contact's notes", "/api/v1/contacts/+16660000007/notes?limit=10"),
        ("chats", "/api/v1/chats?limit=50"),
        ("search for a rare word", "/api/v1/messages/search?q=0009007&limit=50"),
        ("search for a common word", "/api/v1/messages/search?q=w7&limit=50"),
        ("search for a word of every message", "/api/v1/messages/search?q=parcel&limit=50"),
        ("search for words in their order", "/api/v1/messages/search?q=%22street+w7%22&limit=50"),
    ] {
        let mut times = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let begun = Instant::now();
            let url = format!("{}{path}", bench.running.url());
            let answer = http.get(url).bearer_auth(KEY).send().await?.error_for_status()?;
            answer.bytes().await?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        found.push((what, percentile(&times, 50)));
    }
    Ok(found)
}
