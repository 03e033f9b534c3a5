//! The store's promises to the stages: claims, lanes, settlements, counters.

use std::collections::BTreeMap;
use std::path::Path;

use switchboard::config;
use switchboard::model::{JobKind, Millis};
use switchboard::store::job::{self, Job, Wanted};
use switchboard::store::{Store, team};
use tempfile::TempDir;

use crate::support::{Database, On};

const NOW: Millis = 1_000_000;

both! {
    /// One at a time, in order of place; the next when the one before is settled.
    async fn only_the_head_of_a_lane_is_claimed(on: On) {
        let room = Room::new(on).await;
        room.add("team_a", &["a1", "a2", "a3"], "chat").await;
        room.add("team_a", &["b1"], "other").await;
        let claimed = room.claim(10, NOW).await;
        assert_eq!(ids(&claimed), ["a1", "b1"]);
        assert!(room.claim(10, NOW).await.is_empty(), "what is claimed is not claimed again");
        room.finish(&claimed).await;
        assert_eq!(ids(&room.claim(10, NOW).await), ["a2"]);
    }

    /// A retry keeps its place: nothing overtakes it.
    async fn what_is_put_back_stays_the_head(on: On) {
        let room = Room::new(on).await;
        room.add("team_a", &["a1", "a2"], "chat").await;
        let mut claimed = room.claim(10, NOW).await;
        claimed[0].due_at = NOW + 500;
        claimed[0].attempts = 1;
        room.put_back(&claimed).await;
        assert!(room.claim(10, NOW).await.is_empty());
        let again = room.claim(10, NOW + 500).await;
        assert_eq!((ids(&again), again[0].attempts), (vec!["a1".to_owned()], 1));
    }

    /// Round the teams: one that has much does not hold up one that has little.
    async fn claims_go_round_the_teams(on: On) {
        let room = Room::new(on).await;
        for n in 0..50 {
            room.add("team_a", &[&format!("a{n:02}")], &format!("chat {n}")).await;
        }
        room.add("team_b", &["b1"], "chat of b").await;
        let claimed = room.claim(4, NOW).await;
        assert_eq!(claimed.len(), 4);
        assert!(ids(&claimed).contains(&"b1".to_owned()), "{:?}", ids(&claimed));
    }

    /// Places come from the team's counter: without gaps that a reader could pass by, and never twice.
    async fn numbers_are_drawn_once_and_in_order(on: On) {
        let room = Room::new(on).await;
        let mut drawn = Vec::new();
        for count in [1, 5, 1, 64] {
            let mut tx = room.store.begin().await.expect("a transaction");
            let mut numbers = team::draw(&mut tx, &BTreeMap::from([("team_a".to_owned(), count)])).await.expect("drawn");
            drawn.extend((0..count).map(|_| numbers.next("team_a")));
            room.store.commit(tx).await.expect("committed");
        }
        assert_eq!(drawn, (1..=71).collect::<Vec<i64>>());
    }

    /// Sets of any size: what a statement holds is never a matter of luck.
    async fn sets_of_every_size_are_written_whole(on: On) {
        let room = Room::new(on).await;
        for size in [1, 2, 3, 63, 64, 65, 200] {
            let names: Vec<String> = (0..size).map(|n| format!("s{size:03}-{n:03}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            room.add("team_a", &names, &format!("lane {size}")).await;
        }
        let mut conn = room.store.read().await.expect("a connection");
        assert_eq!(job::count(&mut conn).await.expect("counted"), 1 + 2 + 3 + 63 + 64 + 65 + 200);
    }

    /// After an unclean stop each surviving claim costs an attempt, before it runs again.
    async fn a_claim_that_outlived_its_process_costs_an_attempt(on: On) {
        let room = Room::new(on).await;
        room.add("team_a", &["a1"], "chat").await;
        assert_eq!(room.claim(10, NOW).await[0].attempts, 0);
        let room = room.crash().await;
        assert!(room.store.was_unclean());
        job::recover(&room.store, NOW).await.expect("recovered");
        assert_eq!(room.claim(10, NOW).await[0].attempts, 1);
        let room = room.crash().await;
        job::recover(&room.store, NOW).await.expect("recovered");
        assert_eq!(room.claim(10, NOW).await[0].attempts, 2, "it was committed, not only counted");
    }

    async fn a_clean_stop_is_told_from_a_crash(on: On) {
        let room = Room::new(on).await;
        room.store.close().await;
        assert!(!room.crash().await.store.was_unclean(), "nothing was left running");
    }

    /// A second process on the same folder is told so.
    async fn a_data_folder_belongs_to_one_process(on: On) {
        let room = Room::new(on).await;
        let second = Store::open(&room.settings, room.data.path()).await;
        let problem = second.err().expect("it is refused").to_string();
        assert!(problem.contains("in use"), "{problem}");
    }
}

/// A node that fell silent comes back after another has taken over: it settles nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_settles_nothing() {
    let room = Room::new(On::Postgres).await;
    room.add("team_a", &["a1"], "chat").await;
    let slow = room.claim(10, NOW).await;
    let other = room.another_node().await;
    assert!(other.claim(10, NOW + 999).await.is_empty(), "the lease still holds");
    let taken = other.claim(10, NOW + 1_000).await;
    assert_eq!(
        (ids(&taken), taken[0].attempts),
        (vec!["a1".to_owned()], 1),
        "a takeover costs an attempt"
    );
    assert_eq!(room.finish(&slow).await, 0, "the zombie's settlement counts for nothing");
    assert_eq!(other.finish(&taken).await, 1);
}

/// A renewed claim outlives its first lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_claim_is_not_taken_over() {
    let room = Room::new(On::Postgres).await;
    room.add("team_a", &["a1"], "chat").await;
    let claimed = room.claim(10, NOW).await;
    job::renew(&room.store, NOW + 5_000).await.expect("renewed");
    let other = room.another_node().await;
    assert!(other.claim(10, NOW + 2_000).await.is_empty());
    assert_eq!(room.finish(&claimed).await, 1);
}

/// Many claims at once give each job to one of them.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_claim_at_once_share_without_overlap() {
    let room = Room::new(On::Postgres).await;
    for n in 0..60 {
        let team = if n % 2 == 0 { "team_a" } else { "team_b" };
        room.add(team, &[&format!("a{n:02}")], &format!("chat {n}")).await;
    }
    let other = room.another_node().await;
    let mut all = Vec::new();
    loop {
        let (ours, theirs) = tokio::join!(room.claim(7, NOW), other.claim(7, NOW));
        if ours.is_empty() && theirs.is_empty() {
            break;
        }
        all.extend(ids(&ours).into_iter().chain(ids(&theirs)));
        room.finish(&ours).await;
        other.finish(&theirs).await;
    }
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((count, all.len()), (60, 60));
}

/// A store with two teams.
struct Room {
    store: Store,
    settings: config::Database,
    data: TempDir,
}

impl Room {
    async fn new(on: On) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let settings = config::Database { url: Database::new(on).await.url, connections: 4 };
        let store = open(&settings, data.path()).await;
        let mut tx = store.begin().await.expect("a transaction");
        for name in ["team_a", "team_b"] {
            team::insert(&mut tx, name, name, NOW).await.expect("a team");
        }
        store.commit(tx).await.expect("committed");
        Self { store, settings, data }
    }

    /// The same database seen from another machine.
    async fn another_node(&self) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let store = open(&self.settings, data.path()).await;
        Self { store, settings: self.settings.clone(), data }
    }

    /// End without closing, and start again on the same folder.
    async fn crash(self) -> Self {
        let Self { store, settings, data } = self;
        drop(store);
        // Connections end behind its back; the folder's lock ends with the last of them.
        let store = crate::support::eventually("the folder to be free", async || {
            Store::open(&settings, data.path()).await.ok()
        })
        .await;
        Self { store, settings, data }
    }

    /// Add jobs to a lane, in this order.
    async fn add(&self, team_id: &str, names: &[&str], lane: &str) {
        let mut tx = self.store.begin().await.expect("a transaction");
        let count = i64::try_from(names.len()).expect("few");
        let mut numbers = team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), count)]))
            .await
            .expect("drawn");
        let jobs: Vec<Job> = names
            .iter()
            .map(|name| Job {
                lane: lane.to_owned(),
                place: numbers.next(team_id),
                ..Job::new((*name).to_owned(), team_id, JobKind::Event, NOW)
            })
            .collect();
        job::insert(&mut tx, &jobs).await.expect("inserted");
        job::promote(&mut tx, &[lane.to_owned()]).await.expect("promoted");
        self.store.commit(tx).await.expect("committed");
    }

    async fn claim(&self, limit: usize, now: Millis) -> Vec<Job> {
        let wanted = Wanted { kind: JobKind::Event, account: None, limit, now, lease: 1_000 };
        job::claim(&self.store, wanted).await.expect("claimed")
    }

    /// How many of these settlements counted.
    async fn finish(&self, jobs: &[Job]) -> usize {
        let mut tx = self.store.begin().await.expect("a transaction");
        let settled = job::finish(&mut tx, jobs).await.expect("settled");
        self.promote(&mut tx, jobs).await;
        self.store.commit(tx).await.expect("committed");
        job::release(&self.store, jobs.iter().map(|job| job.id.as_str()));
        settled.len()
    }

    async fn put_back(&self, jobs: &[Job]) {
        let mut tx = self.store.begin().await.expect("a transaction");
        let settled = job::put_back(&mut tx, jobs).await.expect("put back");
        assert_eq!(settled.len(), jobs.len());
        self.promote(&mut tx, jobs).await;
        self.store.commit(tx).await.expect("committed");
        job::release(&self.store, jobs.iter().map(|job| job.id.as_str()));
    }

    async fn promote(&self, tx: &mut switchboard::store::Tx, jobs: &[Job]) {
        let lanes: Vec<String> = jobs.iter().map(|job| job.lane.clone()).collect();
        job::promote(tx, &lanes).await.expect("promoted");
    }
}

async fn open(settings: &config::Database, data: &Path) -> Store {
    Store::open(settings, data).await.expect("the store opens")
}

fn ids(jobs: &[Job]) -> Vec<String> {
    let mut ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    ids.sort();
    ids
}
