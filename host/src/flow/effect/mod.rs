//! Stage 5: what a call wants becomes rows, in the transaction that settles its event.
//!
//! The order within the transaction carries the guarantees: take the teams, check that what the
//! calls read still stands, settle the jobs first, and write effects only for those whose claim
//! still held.

mod fate;
mod people;
mod rows;
mod state;
mod timing;
pub mod told;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::House;
use super::batch::Work;
use super::registry::Team;
use crate::model::{Event, InstallState, Millis};
use crate::plugin::{Outcome, Verdict};
use crate::store::job::Job;
use crate::store::{Conn, job, plugin, team};

pub use fate::parked_lane;
pub use state::write as state_write;

/// A claimed job and what came of it.
#[derive(Clone)]
pub struct Settlement {
    pub job: Job,
    /// The team as it stood at the claim: its chain says where the job goes next.
    pub team: Arc<Team>,
    pub conclusion: Conclusion,
}

#[derive(Clone)]
pub enum Conclusion {
    /// Nobody receives it (any more).
    Nothing,
    /// Its install is suspended: keep it until then, and let the chain go on.
    Park { event: Arc<Event>, install_id: String, until: Millis },
    /// Its install was removed: nothing of what it wants is written, and the chain goes on.
    Removed { event: Arc<Event>, install_id: String },
    /// An install was called.
    Ran { event: Arc<Event>, install_id: String, outcome: Arc<Outcome> },
}

/// What became of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Written,
    /// The claim no longer held: nothing was written.
    Zombie,
    /// What the call read has changed meanwhile: nothing was written; run it again.
    Overtaken,
}

/// Settles sets.
pub struct Settler(pub Arc<House>);

#[async_trait]
impl Work for Settler {
    type Item = Settlement;
    type Done = Settled;

    async fn commit(&self, items: &[Settlement]) -> anyhow::Result<Vec<Settled>> {
        let house = &self.0;
        let mut tx = house.store.begin().await?;
        let mut numbers = team::draw(&mut tx, &wanted(items)).await?;
        let items = &as_installed(&mut tx, items, house.clock.now()).await?;
        let overtaken = state::overtaken(&mut tx, items, house.clock.now()).await?;
        let mut finished = Vec::new();
        let mut kept = Vec::new();
        for (item, overtaken) in items.iter().zip(&overtaken) {
            match fate::of(house, item) {
                _ if *overtaken => {}
                None => finished.push(item.job.clone()),
                Some(job) => kept.push(job),
            }
        }
        let mut held: HashSet<String> = job::finish(&mut tx, &finished).await?;
        held.extend(job::put_back(&mut tx, &kept).await?);
        let mut rows = rows::Rows::default();
        for (item, overtaken) in items.iter().zip(&overtaken) {
            if !overtaken && held.contains(&item.job.id) {
                rows.add(house, &mut tx, &mut numbers, item).await?;
            }
        }
        let (suspended, meters) = (rows.suspended_teams(), rows.meters());
        let (mut lanes, withdrawn) = rows.write(house, &mut tx).await?;
        lanes.extend(items.iter().map(|item| item.job.lane.clone()));
        job::promote(&mut tx, &lanes).await?;
        house.commit(tx).await?;
        drop(withdrawn);
        let written = items.iter().zip(&overtaken);
        let written =
            written.filter(|(item, overtaken)| !*overtaken && held.contains(&item.job.id));
        told::publish(house, written.map(|(item, _)| item), &meters);
        for team_id in suspended {
            house.registry.forget(&team_id);
        }
        Ok(items
            .iter()
            .zip(overtaken)
            .map(|(item, overtaken)| match overtaken {
                true => Settled::Overtaken,
                false if held.contains(&item.job.id) => Settled::Written,
                false => Settled::Zombie,
            })
            .collect())
    }
}

/// The settlements by what their installs are now. The dispatcher's view may be older: one that was
/// resumed meanwhile must not be waited for, and one that was removed must write nothing. The
/// transaction holds the teams, so no install changes until it ends.
async fn as_installed(
    conn: &mut Conn,
    items: &[Settlement],
    now: Millis,
) -> anyhow::Result<Vec<Settlement>> {
    let mut ids: Vec<&str> = items.iter().filter_map(Settlement::install_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let states = plugin::states(conn, &ids).await?;
    let as_installed = |item: &Settlement| {
        let (state, suspended_until) = item
            .install_id()
            .and_then(|id| states.get(id))
            .copied()
            .unwrap_or((InstallState::Removed, 0));
        let mut item = item.clone();
        item.conclusion = match item.conclusion {
            Conclusion::Ran { event, install_id, .. }
            | Conclusion::Park { event, install_id, .. }
                if state == InstallState::Removed =>
            {
                Conclusion::Removed { event, install_id }
            }
            Conclusion::Park { event, install_id, .. } => {
                let until = if state == InstallState::Suspended { suspended_until } else { now };
                Conclusion::Park { event, install_id, until: until.max(now) }
            }
            conclusion => conclusion,
        };
        item
    };
    Ok(items.iter().map(as_installed).collect())
}

impl Settlement {
    /// The files whose bytes its call wrote.
    pub fn files(&self) -> Vec<String> {
        match &self.conclusion {
            Conclusion::Ran { outcome, .. } => outcome.files.clone(),
            _ => Vec::new(),
        }
    }

    /// Whether it has effects to write.
    pub fn is_done(&self) -> bool {
        matches!(&self.conclusion, Conclusion::Ran { outcome, .. } if matches!(outcome.verdict, Verdict::Done { .. }))
    }

    fn install_id(&self) -> Option<&str> {
        match &self.conclusion {
            Conclusion::Nothing => None,
            Conclusion::Park { install_id, .. }
            | Conclusion::Removed { install_id, .. }
            | Conclusion::Ran { install_id, .. } => Some(install_id),
        }
    }
}

/// Numbers enough for whatever a settlement writes: each effect may be a message and an event, and
/// the end of a call may be a parked job and an event of its own.
fn wanted(items: &[Settlement]) -> BTreeMap<String, i64> {
    let mut wanted = BTreeMap::new();
    for item in items {
        let effects = match &item.conclusion {
            Conclusion::Ran { outcome, .. } => outcome.effects.len(),
            _ => 0,
        };
        *wanted.entry(item.job.team_id.clone()).or_insert(0) +=
            2 * i64::try_from(effects).unwrap_or(0) + 2;
    }
    wanted
}

/// The effects of a call that ended well; of any other, none.
fn effects(outcome: &Outcome) -> &[crate::model::Effect] {
    match outcome.verdict {
        Verdict::Done { .. } => &outcome.effects,
        _ => &[],
    }
}
