//! What becomes of a job after a call: gone, one step further in the chain, or tried again.

use super::{Conclusion, Settlement};
use crate::flow::record::lane;
use crate::flow::{House, backoff};
use crate::model::{Event, Millis};
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
            _ if is_last(house, item) => next_step(item, event, install_id),
            Verdict::RetryAfter(after) => Some(again(house, item, install_id, *after)),
            Verdict::Failed(_) => {
                let delivery = &house.config.delivery;
                let after = backoff(delivery.retry_first, delivery.retry_max, item.job.attempts);
                Some(again(house, item, install_id, after))
            }
        },
    }
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

/// In a relaxed order a failing event leaves its lane, so that those behind it go on.
fn again(house: &House, item: &Settlement, install_id: &str, after: Millis) -> Job {
    let relaxed = item
        .team
        .install(install_id)
        .is_some_and(|active| active.install.manifest.order == Order::Relaxed);
    let lane = if relaxed { item.job.id.clone() } else { item.job.lane.clone() };
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
