//! What only shows from within: moments between two statements.

use std::collections::BTreeMap;

use super::job::{self, Job, Wanted, keep, look};
use super::{Backend, Store, own_lines, team};
use crate::config::Config;
use crate::model::JobKind;

const NOW: i64 = 1_000_000;

/// A store of its own, with the teams `team_a` and `team_b`.
async fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&Config::default().database, folder.path()).await.expect("opens");
    let mut tx = store.begin().await.expect("begins");
    for id in ["team_a", "team_b"] {
        team::insert(&mut tx, id, id, NOW).await.expect("a team");
    }
    tx.commit().await.expect("commits");
    (store, folder)
}

fn wanted(limit: usize) -> Wanted<'static> {
    Wanted { kind: JobKind::Event, account: None, limit, now: NOW, lease: 30_000 }
}

/// Add jobs of `team_a` to a lane, in this order.
async fn add(store: &Store, lane: &str, ids: &[&str]) {
    let mut tx = store.begin().await.expect("begins");
    let count = i64::try_from(ids.len()).expect("few");
    let mut numbers =
        team::draw(&mut tx, &BTreeMap::from([("team_a".to_owned(), count)])).await.expect("drawn");
    let jobs: Vec<Job> = ids
        .iter()
        .map(|id| Job {
            lane: lane.to_owned(),
            place: numbers.next("team_a"),
            ..Job::new((*id).to_owned(), "team_a", JobKind::Event, NOW)
        })
        .collect();
    job::insert(&mut tx, &jobs).await.expect("added");
    job::promote(&mut tx, &[lane.to_owned()]).await.expect("promoted");
    tx.commit().await.expect("commits");
}

/// A claim that looked while a job was held, and takes after it was settled and released, must not
/// run it as it was: what it did then would be done twice.
#[tokio::test]
async fn a_claim_never_takes_a_job_as_it_was_before_its_settlement() {
    let (store, _folder) = store().await;
    add(&store, "chat", &["j1"]).await;
    let mut claimed = job::claim(&store, wanted(8)).await.expect("claims");
    let seen = look(&store, wanted(8)).await.expect("looks");
    claimed[0].step = 1;
    let mut tx = store.begin().await.expect("begins");
    assert_eq!(job::put_back(&mut tx, &claimed).await.expect("settles").len(), 1);
    tx.commit().await.expect("commits");
    job::release(&store, ["j1"]);
    assert_eq!(keep(&store, 8, seen).await.expect("takes"), []);
    let again = job::claim(&store, wanted(8)).await.expect("claims");
    assert_eq!(again.iter().map(|job| job.step).collect::<Vec<_>>(), [1]);
}

/// Jobs of other kinds have subjects too, which a plugin may know: the event that it handles.
#[tokio::test]
async fn only_sends_are_withdrawn() {
    let (store, _folder) = store().await;
    let job = |id: &str, kind| Job {
        place: 1,
        subject_id: "named".to_owned(),
        ..Job::new(id.to_owned(), "team_a", kind, NOW)
    };
    let jobs =
        [JobKind::Event, JobKind::Notify, JobKind::Send].map(|kind| job(kind.as_str(), kind));
    let mut tx = store.begin().await.expect("begins");
    job::insert(&mut tx, &jobs).await.expect("added");
    let withdrawn =
        job::withdraw(&store, &mut tx, &["named".to_owned()], NOW).await.expect("taken");
    assert_eq!(withdrawn.lanes, ["send"]);
    assert_eq!(job::count(&mut tx).await.expect("counted"), 2);
}

/// A team whose calls all hang has three quarters of the places: the rest is there for others.
#[tokio::test]
async fn one_team_never_holds_all_places() {
    let (store, _folder) = store().await;
    for n in 0..20 {
        add(&store, &format!("chat {n}"), &[&format!("a{n}")]).await;
    }
    let first = job::claim(&store, wanted(8)).await.expect("claims");
    assert_eq!(first.len(), 6);
    assert_eq!(job::claim(&store, wanted(2)).await.expect("claims"), [], "its share is used up");
    job::release(&store, [first[0].id.as_str()]);
    assert_eq!(job::claim(&store, wanted(3)).await.expect("claims").len(), 1);
}

#[test]
fn a_block_is_for_the_database_that_it_names() {
    let text = "a\n-- only sqlite\nb\n-- end\nc\n-- only postgres\nd\n-- end\ne\n";
    assert_eq!(own_lines(text, Backend::Sqlite), "a\n-- only sqlite\nb\n-- end\nc\n-- end\ne\n");
    assert_eq!(
        own_lines(text, Backend::Postgres),
        "a\n-- end\nc\n-- only postgres\nd\n-- end\ne\n"
    );
    let plain = "no block\nat all";
    assert_eq!(own_lines(plain, Backend::Sqlite), plain);
}
