//! Notices to a customer's endpoint, against a bare loop of requests to the same receiver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use futures_util::stream::{self, StreamExt};
use serde_json::json;
use switchboard::clock::Clock;
use switchboard::flow::{notify, record};
use switchboard::model::{Event, PayloadFormat};
use switchboard::store::endpoint::{self, Endpoint};
use switchboard::store::team;

use crate::house::{Bench, CHATS};
use crate::say;

pub async fn run(wasm: &[u8], notices: usize) -> Result<()> {
    let (url, received) = receiver().await?;
    let bench = Bench::start(wasm, Clock::system()).await?;
    listen(&bench, &url).await?;
    let begun = Instant::now();
    happen(&bench, notices).await?;
    while received.load(Ordering::Relaxed) < notices {
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(300), "notices are missing");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = begun.elapsed();
    let bare = bare(&bench, &url, notices).await?;
    let rate = |took: Duration| format!("{:.0}", notices as f64 / took.as_secs_f64());
    say("notices a second, from event to receiver", rate(took));
    say("bare requests a second to the same receiver", rate(bare));
    say(
        "notices against bare requests",
        format!("{:.1} times", took.as_secs_f64() / bare.as_secs_f64()),
    );
    bench.running.stop().await;
    Ok(())
}

/// A receiver on this machine that counts.
async fn receiver() -> Result<(String, Arc<AtomicUsize>)> {
    let received = Arc::new(AtomicUsize::new(0));
    let count = received.clone();
    let router = Router::new().route(
        "/",
        post(move |_: Bytes| async move {
            count.fetch_add(1, Ordering::Relaxed);
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, received))
}

async fn listen(bench: &Bench, url: &str) -> Result<()> {
    let house = &bench.running.house;
    let id = house.clock.id("end");
    let endpoint = Endpoint {
        url: url.to_owned(),
        sealed_secret: house.seal.seal(&notify::secret_context(&id), &notify::new_secret()),
        old_sealed_secret: String::new(),
        old_secret_until: 0,
        sealed_headers: String::new(),
        format: PayloadFormat::Native,
        events: vec!["bench.*".to_owned()],
        accounts: Vec::new(),
        id,
        team_id: bench.team.clone(),
        ordered: false,
        enabled: true,
        reason: String::new(),
        failing_since: None,
        created_at: house.clock.now(),
    };
    let mut tx = house.store.begin().await?;
    endpoint::put(&mut tx, &endpoint).await?;
    house.commit(tx).await?;
    house.registry.forget(&bench.team);
    Ok(())
}

fn event(bench: &Bench, index: usize) -> Event {
    let house = &bench.running.house;
    Event {
        id: house.clock.id("evt"),
        team_id: bench.team.clone(),
        cursor: 0,
        kind: "bench.happened".to_owned(),
        account_id: bench.account.clone(),
        chat_id: format!("chat_{}", index % CHATS),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        trace: Default::default(),
        data: json!({ "text": "as much as a message holds, more or less", "n": index }),
    }
}

async fn happen(bench: &Bench, notices: usize) -> Result<()> {
    let house = &bench.running.house;
    for first in (0..notices).step_by(500) {
        let events: Vec<Event> =
            (first..(first + 500).min(notices)).map(|index| event(bench, index)).collect();
        let mut tx = house.store.begin().await?;
        let mut numbers = team::draw(&mut tx, &record::numbers_for(&events)).await?;
        record::events(house, &mut tx, &mut numbers, events).await?;
        house.commit(tx).await?;
    }
    Ok(())
}

/// As many requests of the same size, as many at once as the host makes.
async fn bare(bench: &Bench, url: &str, notices: usize) -> Result<Duration> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let body = serde_json::to_string(&notify::body(&event(bench, 0)))?;
    let at_once = bench.running.house.config.notify.concurrency;
    let begun = Instant::now();
    let requests = stream::iter(0..notices).map(|_| client.post(url).body(body.clone()).send());
    let mut answers = requests.buffer_unordered(at_once);
    while let Some(answer) = answers.next().await {
        answer?.error_for_status()?;
    }
    Ok(begun.elapsed())
}
