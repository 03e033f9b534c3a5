//! What becomes of a job after a call: gone, one step further in the chain, or tried again.

use super::{Conclusion, Settlement};
use crate::flow::record::lane;
use crate::flow::{House, backoff};
use crate::model::Event;
use crate::plugin::Verdict;
use crate::plugin::manifest::Order;
use crate::store::job::Job;

/// The job as it goes back to the table; `None`: it is done.
pub fn of(house: &House, item: &Settlement) -> Option<Job> {
    match &item.conclusion {
        Conclusion::Nothing => None,
        Conclusion::Park { event, install_id, until }
            if item.job.lane == parked_lane(install_id, event) =>
        {
            Some(Job { due_at: *until, stage: install_id.clone(), ..item.job.clone() })
        }
        Conclusion::Park { event, install_id, .. } | Conclusion::Removed { event, install_id } => {
            next_step(item, event, install_id)
        }
        Conclusion::Ran { event, install_id, outcome } => match &outcome.verdict {
            Verdict::Done { stop: true, .. } => None,
            Verdict::Done { .. } | Verdict::Rejected(_) => next_step(item, event, install_id),
            _ if is_last(house, item) || is_apart(item, install_id) => {
                next_step(item, event, install_id)
            }
            verdict => Some(again(house, item, install_id, verdict)),
        },
    }
}

/// The job of a failed attempt at a relaxed plugin, which goes on by itself: those behind it in the
/// chat, and the plugins after it, do not wait, and meet their events in order all the same.
pub fn apart(house: &House, item: &Settlement, id: String, place: i64) -> Option<Job> {
    let Conclusion::Ran { install_id, outcome, .. } = &item.conclusion else { return None };
    let failed = matches!(outcome.verdict, Verdict::RetryAfter(_) | Verdict::Failed(_));
    if !failed || is_last(house, item) || !is_apart(item, install_id) {
        return None;
    }
    let again = again(house, item, install_id, &outcome.verdict);
    Some(Job { lane: id.clone(), id, place, target_id: install_id.clone(), ..again })
}

/// Whether a failed attempt leaves the chain.
fn is_apart(item: &Settlement, install_id: &str) -> bool {
    item.job.target_id.is_empty() && is_relaxed(item, install_id)
}

fn is_relaxed(item: &Settlement, install_id: &str) -> bool {
    item.team
        .install(install_id)
        .is_some_and(|active| active.install.manifest.order == Order::Relaxed)
}

/// Whether this attempt was the last that the event has.
pub fn is_last(house: &House, item: &Settlement) -> bool {
    item.job.attempts + 1 >= house.config.delivery.attempts
}

/// On to the next plugin of the chain; `None` at its end, and for a job that is for one install.
fn next_step(item: &Settlement, event: &Event, install_id: &str) -> Option<Job> {
    if !item.job.target_id.is_empty() {
        return None;
    }
    let position = item.team.install(install_id)?.position;
    item.team.next(event, position)?;
    Some(Job { step: position, attempts: 0, ..item.job.clone() })
}

/// Another attempt, later. In a relaxed order it leaves its lane, so that those behind it go on.
fn again(house: &House, item: &Settlement, install_id: &str, verdict: &Verdict) -> Job {
    let delivery = &house.config.delivery;
    let after = match verdict {
        Verdict::RetryAfter(after) => *after,
        _ => backoff(delivery.retry_first, delivery.retry_max, item.job.attempts),
    };
    let lane =
        if is_relaxed(item, install_id) { item.job.id.clone() } else { item.job.lane.clone() };
    Job {
        due_at: house.clock.now() + after,
        attempts: item.job.attempts + 1,
        lane,
        ..item.job.clone()
    }
}

/// Where the events of a chat wait for a suspended install.
pub fn parked_lane(install_id: &str, event: &Event) -> String {
    lane(event, &format!("parked/{install_id}"))
}
