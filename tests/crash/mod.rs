//! The real binary under load, killed at random instants again and again: nothing accepted is lost,
//! nothing is answered or fired twice.
//!
//! The proof is the pretend network's own journal, which it writes before it answers a call, not the
//! host's database. `SWITCHBOARD_CRASH_KILLS` sets how often it is killed (30), and
//! `SWITCHBOARD_CRASH_SEED` repeats a run's instants.

mod host;
mod load;
mod poison;
mod proof;
mod upheaval;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::On;
use host::{CERTAIN, Host, IN_DOUBT};
use load::Load;
use proof::Proof;

const KILLS: u32 = 30;

/// How long the host may take, after the last kill, to finish all that it accepted.
const REST: Duration = Duration::from_secs(90);

/// Longer than the last receipt takes to come.
const QUIET: Duration = Duration::from_secs(7);

/// The channel knows our ids: every message answered, every schedule and timer fired, exactly once.
async fn exactly_once(on: On) {
    let proof = kill_again_and_again(on, true).await;
    proof.nothing_is_lost(&[]);
    proof.nothing_came_twice();
    proof.chats_are_in_order();
}

/// It does not: nothing is lost, and what may have come twice says so.
async fn at_least_once_and_marked(on: On) {
    let proof = kill_again_and_again(on, false).await;
    proof.repeats_are_marked();
    proof.nothing_is_lost(&proof.given_up().await);
    proof.chats_are_in_order();
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_exactly_once_where_the_channel_deduplicates() {
    exactly_once(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_exactly_once_where_the_channel_deduplicates() {
    exactly_once(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_nothing_lost_and_doubles_marked_where_it_does_not() {
    at_least_once_and_marked(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_nothing_lost_and_doubles_marked_where_it_does_not() {
    at_least_once_and_marked(On::Postgres).await;
}

/// Load, kill, start, and so on; then let it come to rest and stop it.
async fn kill_again_and_again(on: On, deduplicates: bool) -> Proof {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seed: u64 = number("SWITCHBOARD_CRASH_SEED").unwrap_or_else(rand::random);
    let kills = number("SWITCHBOARD_CRASH_KILLS")
        .map_or(KILLS, |kills| u32::try_from(kills).expect("not so many"));
    println!("{on:?}, deduplicates: {deduplicates}, {kills} kills, SWITCHBOARD_CRASH_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);

    let mut host = Host::first_start(on, if deduplicates { &CERTAIN } else { &IN_DOUBT }).await;
    let load = Load::start(&host);
    for kill in 0..kills {
        // Now and then while it still starts and recovers.
        if kill % 6 != 5 {
            host.until_ready().await;
        }
        tokio::time::sleep(Duration::from_millis(chance.random_range(50..600))).await;
        host.kill();
        host.start();
    }
    host.until_ready().await;
    let (accepted, upheavals) = load.stop().await;
    println!("{} accepted, and {} bulk sends", accepted.len(), upheavals.bulk.len());
    let mut proof = Proof::new(host, accepted, upheavals);
    let begun = Instant::now();
    let mut quiet_since = None;
    loop {
        let (missing, jobs) = (proof.missing().len(), proof.jobs().await);
        // A receipt still to come makes one more job: at rest is what stays at rest.
        quiet_since = if jobs == 0 { quiet_since.or(Some(Instant::now())) } else { None };
        if quiet_since.is_some_and(|since| since.elapsed() > QUIET) {
            break;
        }
        let waited = begun.elapsed();
        assert!(waited < REST, "{missing} answers missing, {jobs} jobs left\n{}", proof.host.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proof.host.stop();
    assert_eq!(proof.jobs().await, 0, "jobs are left over");
    proof.upheavals_are_finished().await;
    proof
}
