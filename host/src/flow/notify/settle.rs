//! What became of notices, written in sets: attempts, the jobs, the endpoints' health.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use crate::flow::batch::Work;
use crate::flow::{House, record};
use crate::model::{Event, EventKind, Millis};
use crate::store::endpoint::Attempt;
use crate::store::job::Job;
use crate::store::{endpoint, job, listen, resend, team};

/// A claimed notice and what came of it.
#[derive(Clone)]
pub(super) struct Settlement {
    job: Job,
    attempt: Option<Attempt>,
    verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Delivered,
    /// Try again at this moment.
    Again(Millis),
    /// The schedule is over.
    GivenUp,
    /// The endpoint or the event is no longer there.
    Gone,
    /// Send nothing more to this endpoint; why, for people.
    Disable(String),
}

impl Settlement {
    pub(super) fn of(job: Job, attempt: Option<Attempt>, verdict: Verdict) -> Self {
        Self { job, attempt, verdict }
    }

    fn endpoint_id(&self) -> &str {
        &self.job.target_id
    }
}

/// Settles sets.
pub(super) struct Settler(pub(super) Arc<House>);

#[async_trait]
impl Work for Settler {
    type Item = Settlement;
    type Done = ();

    async fn commit(&self, items: &[Settlement]) -> anyhow::Result<Vec<()>> {
        let house = &self.0;
        let disabled = to_disable(items);
        let mut wanted: BTreeMap<String, i64> =
            items.iter().map(|item| (item.job.team_id.clone(), 1)).collect();
        for (team_id, _) in disabled.values() {
            *wanted.entry(team_id.clone()).or_insert(0) += 1;
        }
        let mut tx = house.store.begin().await?;
        let mut numbers = team::draw(&mut tx, &wanted).await?;
        let (again, over): (Vec<&Settlement>, Vec<&Settlement>) =
            items.iter().partition(|item| matches!(item.verdict, Verdict::Again(_)));
        let over: Vec<Job> = over.into_iter().map(|item| item.job.clone()).collect();
        let again: Vec<Job> = again.into_iter().map(later).collect();
        let mut held = job::finish(&mut tx, &over).await?;
        held.extend(job::put_back(&mut tx, &again).await?);
        let settled: Vec<&Settlement> =
            items.iter().filter(|item| held.contains(&item.job.id)).collect();
        let attempts: Vec<Attempt> =
            settled.iter().filter_map(|item| item.attempt.clone()).collect();
        endpoint::insert_attempts(&mut tx, &attempts).await?;
        let (well, failing) = health(&settled);
        endpoint::note_health(&mut tx, &well, None).await?;
        endpoint::note_health(&mut tx, &failing, Some(house.clock.now())).await?;
        let mut lanes: Vec<String> = items.iter().map(|item| item.job.lane.clone()).collect();
        let mut events = Vec::new();
        for (endpoint_id, (team_id, reason)) in &disabled {
            if endpoint::disable(&mut tx, endpoint_id, reason).await? {
                listen::tell_installs(&house.store, &mut tx).await?;
                events.push(told(house, team_id, endpoint_id, reason));
            }
        }
        // Others hear of it; this endpoint, which the registry still knows, does not.
        record::events(house, &mut tx, &mut numbers, events).await?;
        for (endpoint_id, (team_id, _)) in &disabled {
            lanes.extend(job::remove_target(&mut tx, team_id, endpoint_id).await?);
            resend::stop(&mut tx, team_id, endpoint_id).await?;
        }
        job::promote(&mut tx, &lanes).await?;
        house.commit(tx).await?;
        for (endpoint_id, (team_id, reason)) in disabled {
            tracing::warn!(endpoint = endpoint_id, reason, "an endpoint is disabled");
            house.registry.forget(&team_id);
        }
        Ok(vec![(); items.len()])
    }
}

/// Endpoints to disable, with their team and why.
fn to_disable(items: &[Settlement]) -> BTreeMap<String, (String, String)> {
    let disabled = items.iter().filter_map(|item| match &item.verdict {
        Verdict::Disable(reason) => {
            Some((item.endpoint_id().to_owned(), (item.job.team_id.clone(), reason.clone())))
        }
        _ => None,
    });
    disabled.collect()
}

fn later(item: &Settlement) -> Job {
    let due_at = if let Verdict::Again(at) = item.verdict { at } else { item.job.due_at };
    Job { due_at, attempts: item.job.attempts + 1, ..item.job.clone() }
}

/// The endpoints that answered well, and those that only failed.
fn health(settled: &[&Settlement]) -> (Vec<String>, Vec<String>) {
    let mut well = BTreeSet::new();
    let mut failing = BTreeSet::new();
    for item in settled {
        match item.verdict {
            Verdict::Delivered => well.insert(item.endpoint_id().to_owned()),
            Verdict::Gone => false,
            Verdict::Again(_) | Verdict::GivenUp | Verdict::Disable(_) => {
                failing.insert(item.endpoint_id().to_owned())
            }
        };
    }
    failing.retain(|id| !well.contains(id));
    (well.into_iter().collect(), failing.into_iter().collect())
}

fn told(house: &House, team_id: &str, endpoint_id: &str, reason: &str) -> Event {
    Event {
        id: house.clock.id("evt"),
        team_id: team_id.to_owned(),
        cursor: 0,
        kind: EventKind::ENDPOINT_DISABLED.to_owned(),
        account_id: String::new(),
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        trace: Default::default(),
        data: json!({ "endpoint": endpoint_id, "reason": reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobKind;

    fn settlement(endpoint: &str, verdict: Verdict) -> Settlement {
        let job = Job {
            target_id: endpoint.to_owned(),
            ..Job::new(format!("job_{endpoint}"), "team", JobKind::Notify, 0)
        };
        Settlement::of(job, None, verdict)
    }

    #[test]
    fn one_good_answer_is_enough_to_be_well() {
        let items = [
            settlement("a", Verdict::Again(5)),
            settlement("a", Verdict::Delivered),
            settlement("b", Verdict::GivenUp),
            settlement("c", Verdict::Gone),
        ];
        let (well, failing) = health(&items.iter().collect::<Vec<_>>());
        assert_eq!((well, failing), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }

    #[test]
    fn a_retry_keeps_its_place_and_counts_its_attempt() {
        let job = later(&settlement("a", Verdict::Again(5000)));
        assert_eq!((job.due_at, job.attempts), (5000, 1));
    }
}
