//! Moments between two stages, on a house of which nothing runs by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::batch::Work;
use super::effect::{Conclusion, Settled, Settlement, Settler};
use super::media::Depot;
use super::{House, install, record, timers};
use crate::channel::Channels;
use crate::channel::sandbox::Sandbox;
use crate::clock::Clock;
use crate::config::Config;
use crate::model::{Effect, Event, InstallState, JobKind, Millis, Missed, Scope, TimerSpec};
use crate::plugin::{Outcome, Runtime, Usage, Verdict};
use crate::seal::Seal;
use crate::store::job::{Job, Wanted};
use crate::store::plugin::{InstallRow, Version};
use crate::store::timer::Timer;
use crate::store::{Store, event, job, plugin, team, timer};

pub(super) const NOW: Millis = 1_795_435_200_000;
pub(super) const TEAM: &str = "team_a";

/// A house with a team, on a clock that stands; its folder goes with the second value.
pub(super) async fn house() -> (Arc<House>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config { data: folder.path().to_owned(), ..Config::default() };
    let clock = Clock::manual(NOW);
    let store = Store::open(&config.database, &config.data).await.expect("a store");
    let runtime = Runtime::new(&config, clock.clone()).expect("an engine");
    let journal = folder.path().join("sandbox.jsonl");
    let sandbox = Sandbox::new(config.sandbox.clone(), clock.clone(), &journal).expect("a journal");
    let seal = Seal::open_or_create(&config.data).expect("a key");
    let depot = Depot::open(&config).expect("a folder");
    let house = House::new(config, clock, store, Channels { sandbox }, runtime, seal, depot);
    let mut tx = house.store.begin().await.expect("begins");
    team::insert(&mut tx, TEAM, "a team", NOW).await.expect("a team");
    house.commit(tx).await.expect("commits");
    (house, folder)
}

/// Install a plugin that receives every message, without a file: it cannot be called.
pub(super) async fn install(house: &House, name: &str, state: InstallState) -> InstallRow {
    install_with(house, name, state, "order = \"strict\"").await
}

async fn install_with(house: &House, name: &str, state: InstallState, line: &str) -> InstallRow {
    let manifest =
        format!("id = \"{name}\"\nversion = \"0.1.0\"\n{line}\n[[events]]\non = \"message\"\n");
    let mut tx = house.store.begin().await.expect("begins");
    let plugin_id =
        plugin::ensure(&mut tx, &format!("plg_{name}"), TEAM, name, NOW).await.expect("a plugin");
    let version = Version {
        id: format!("ver_{name}"),
        team_id: TEAM.to_owned(),
        plugin_id: plugin_id.clone(),
        version: "0.1.0".to_owned(),
        hash: name.to_owned(),
        size: 0,
        manifest: manifest.clone(),
        created_at: NOW,
    };
    plugin::ensure_version(&mut tx, &version).await.expect("a version");
    let install = InstallRow {
        id: format!("ins_{name}"),
        team_id: TEAM.to_owned(),
        plugin_id,
        plugin: name.to_owned(),
        version_id: version.id,
        version: version.version,
        hash: version.hash,
        manifest,
        generation: 1,
        position: plugin::last_position(&mut tx, TEAM).await.expect("a position") + 1,
        state,
        reason: String::new(),
        suspended_until: if state == InstallState::Suspended { NOW + 1_000_000 } else { 0 },
        faults: 0,
        accounts: "[]".to_owned(),
        config: "{}".to_owned(),
        grants: "{}".to_owned(),
        created_at: NOW,
        updated_at: NOW,
    };
    plugin::put_install(&mut tx, &install).await.expect("an install");
    house.commit(tx).await.expect("commits");
    house.registry.forget(TEAM);
    install
}

/// An event of a chat, with the job that carries it along the chain; claimed.
async fn claimed_event(house: &House) -> (Arc<Event>, Job) {
    let mut event = Event {
        id: house.clock.id("evt"),
        team_id: TEAM.to_owned(),
        cursor: 0,
        kind: "message.received".to_owned(),
        account_id: "acc_1".to_owned(),
        chat_id: "chat_1".to_owned(),
        contact_id: "con_1".to_owned(),
        message_id: String::new(),
        at: NOW,
        depth: 0,
        trace: Default::default(),
        data: json!({}),
    };
    let mut tx = house.store.begin().await.expect("begins");
    let mut numbers =
        team::draw(&mut tx, &BTreeMap::from([(TEAM.to_owned(), 1)])).await.expect("drawn");
    event.cursor = numbers.next(TEAM);
    event::insert(&mut tx, std::slice::from_ref(&event)).await.expect("stored");
    let lane = record::lane(&event, "");
    let job = Job { lane: lane.clone(), ..record::carrying(house, &event, JobKind::Event) };
    job::insert(&mut tx, &[job]).await.expect("stored");
    job::promote(&mut tx, &[lane]).await.expect("promoted");
    house.commit(tx).await.expect("commits");
    let mut claimed = claim(house, NOW).await;
    (Arc::new(event), claimed.pop().expect("claimed"))
}

/// The events that could run at a moment.
async fn claim(house: &House, now: Millis) -> Vec<Job> {
    let wanted = Wanted { kind: JobKind::Event, account: None, limit: 8, now, lease: 30_000 };
    job::claim(&house.store, wanted).await.expect("claimed")
}

/// Settle one call, and let go of its claim.
async fn settle(house: &Arc<House>, settlement: Settlement) -> Settled {
    let job = settlement.job.id.clone();
    let settled = Settler(house.clone()).commit(&[settlement]).await.expect("settled");
    job::release(&house.store, [job.as_str()]);
    settled[0]
}

fn done(effects: Vec<Effect>) -> Arc<Outcome> {
    Arc::new(Outcome {
        verdict: Verdict::Done { stop: false, reply: None },
        effects,
        reads: Vec::new(),
        logs: Vec::new(),
        requests: Vec::new(),
        files: Vec::new(),
        usage: Usage::default(),
    })
}

/// A recurring timer that is due.
fn daily() -> TimerSpec {
    TimerSpec {
        scope: Scope::Plugin,
        name: "daily".to_owned(),
        due_at: NOW,
        cron: "0 9 * * *".to_owned(),
        time_zone: String::new(),
        payload: String::new(),
    }
}

/// Two nodes find the same timer due. One of them fires it, and it has one next time.
#[tokio::test]
async fn a_recurring_timer_that_two_find_due_fires_once_and_stays_one() {
    let (house, _folder) = house().await;
    let install = install(&house, "clock", InstallState::Active).await;
    let timer = Timer {
        install_id: install.id,
        team_id: TEAM.to_owned(),
        spec: daily(),
        revision: 1,
        account_id: String::new(),
        chat_id: String::new(),
        contact_id: String::new(),
        depth: 0,
        missed: Missed::default(),
    };
    let mut tx = house.store.begin().await.expect("begins");
    timers::arm(&mut tx, &house, &timer).await.expect("armed");
    house.commit(tx).await.expect("commits");
    let found = job::ripe(&mut house.store.read().await.expect("reads"), NOW, 8).await;
    let found = found.expect("found");
    for _ in 0..2 {
        timers::place(&house, found.clone()).await.expect("placed");
    }
    let mut conn = house.store.read().await.expect("reads");
    assert_eq!(job::count(&mut conn).await.expect("counted"), 2, "the fire and the next time");
    assert_eq!(event::after(&mut conn, TEAM, 0, 8).await.expect("read").len(), 1);
}

/// What fails at a relaxed plugin is tried again by itself; the plugins after it meet the chat's
/// events in order.
#[tokio::test]
async fn a_failure_at_a_relaxed_plugin_leaves_the_chain_in_order() {
    let (house, _folder) = house().await;
    let order = "order = \"relaxed\"";
    let relaxed = install_with(&house, "relaxed", InstallState::Active, order).await;
    install(&house, "strict", InstallState::Active).await;
    let (event, job) = claimed_event(&house).await;
    let team = house.registry.team(&house.store, TEAM).await.expect("a team");
    let verdict = Verdict::RetryAfter(5_000);
    let outcome = Arc::new(Outcome { verdict, ..Arc::into_inner(done(Vec::new())).expect("mine") });
    let conclusion = Conclusion::Ran { event, install_id: relaxed.id.clone(), outcome };
    let lane = job.lane.clone();
    assert_eq!(settle(&house, Settlement { job, team, conclusion }).await, Settled::Written);
    let now = claim(&house, NOW).await;
    assert_eq!(now.iter().map(|job| (&job.lane, job.step)).collect::<Vec<_>>(), [(&lane, 1)]);
    let later = claim(&house, NOW + 5_000).await;
    let again = later.iter().map(|job| (&job.target_id, job.attempts, job.step));
    assert_eq!(again.collect::<Vec<_>>(), [(&relaxed.id, 1, 0)]);
}

/// The dispatcher saw it suspended; when the event was put aside, a person had resumed it. Nobody
/// would come for it again.
#[tokio::test]
async fn an_event_does_not_wait_for_a_plugin_that_was_resumed_meanwhile() {
    let (house, _folder) = house().await;
    let install = install(&house, "slow", InstallState::Suspended).await;
    let (event, job) = claimed_event(&house).await;
    let team = house.registry.team(&house.store, TEAM).await.expect("a team");
    install::resume(&house, &install::Actor::new(TEAM, "usr_1"), &install.id)
        .await
        .expect("resumed");
    let conclusion =
        Conclusion::Park { event, install_id: install.id, until: install.suspended_until };
    assert_eq!(settle(&house, Settlement { job, team, conclusion }).await, Settled::Written);
    assert_eq!(claim(&house, NOW).await.len(), 1);
}

/// The timers, keys and jobs of a removed plugin are gone; a call that was under way brings none back.
#[tokio::test]
async fn a_call_under_way_writes_nothing_for_a_plugin_that_was_removed() {
    let (house, _folder) = house().await;
    let gone = install(&house, "gone", InstallState::Active).await;
    let next = install(&house, "next", InstallState::Active).await;
    let (event, job) = claimed_event(&house).await;
    let team = house.registry.team(&house.store, TEAM).await.expect("a team");
    install::remove(&house, &install::Actor::new(TEAM, "usr_1"), &gone.id).await.expect("removed");
    let outcome = done(vec![Effect::SetTimer(daily())]);
    let conclusion = Conclusion::Ran { event, install_id: gone.id.clone(), outcome };
    assert_eq!(settle(&house, Settlement { job, team, conclusion }).await, Settled::Written);
    let mut conn = house.store.read().await.expect("reads");
    assert_eq!(timer::list(&mut conn, &gone.id, &Scope::Plugin).await.expect("listed"), []);
    let left = claim(&house, NOW).await;
    assert_eq!(left.len(), 1, "the chain goes on");
    assert!(left[0].step >= gone.position && next.position > left[0].step);
}
