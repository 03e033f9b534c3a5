//! How the pretend network treats one account's sends: delays, receipts, and failures to come.

use serde::{Deserialize, Serialize};

use crate::channel::{SendError, Sent};
use crate::model::Millis;

use super::journal::Record;

/// An account's behaviour, changed at run time; every account begins with the settings' delays, all
/// receipts, and no failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    pub receipts: Receipts,
    /// Both count from the send.
    pub delivered_after: Millis,
    pub read_after: Millis,
    /// How long an answer takes on its way back; the customer has the message meanwhile.
    pub latency: Millis,
    /// What becomes of the next calls, in order; when it is used up they are delivered.
    pub plan: Vec<Planned>,
}

/// Which receipts follow a delivered message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receipts {
    /// Delivered, then read.
    #[default]
    On,
    Off,
    /// Each one twice.
    Duplicated,
    /// Read, then delivered.
    Reordered,
}

/// What becomes of a number of calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    pub outcome: Outcome,
    #[serde(default = "once")]
    pub times: u32,
    /// The channel's error code; empty: one that the Cloud API gives for such an outcome.
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
    /// With `retry`: how long the caller is asked to wait.
    #[serde(default)]
    pub after: Option<Millis>,
}

fn once() -> u32 {
    1
}

/// What became of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Delivered,
    /// Refused for now.
    Retry,
    /// Refused for good.
    Fail,
    /// No answer, and the customer does not have it.
    DoubtBeforeDelivery,
    /// No answer, and the customer has it.
    DoubtAfterDelivery,
    /// Taken, and reported as an error later.
    Undeliverable,
}

impl Outcome {
    /// Whether the network took the message, so that it knows its id from then on.
    pub fn taken(self) -> bool {
        matches!(self, Self::Delivered | Self::DoubtAfterDelivery | Self::Undeliverable)
    }

    /// Whether the customer has it.
    pub fn delivered(self) -> bool {
        matches!(self, Self::Delivered | Self::DoubtAfterDelivery)
    }

    /// The Cloud API's code and words for it; empty where there is no error to name.
    fn error(self) -> (&'static str, &'static str) {
        match self {
            Self::Delivered | Self::DoubtBeforeDelivery | Self::DoubtAfterDelivery => ("", ""),
            Self::Retry => ("130429", "Rate limit hit"),
            Self::Fail => ("131051", "Unsupported message type"),
            Self::Undeliverable => ("131026", "Message undeliverable"),
        }
    }
}

impl Behaviour {
    /// Take what the plan says of the next call.
    pub(super) fn next(&mut self) -> Planned {
        let delivered = Planned {
            outcome: Outcome::Delivered,
            times: 1,
            code: String::new(),
            message: String::new(),
            after: None,
        };
        self.plan.retain(|planned| planned.times > 0);
        let Some(first) = self.plan.first_mut() else { return delivered };
        first.times -= 1;
        let mut planned = Planned { times: 1, ..first.clone() };
        let (code, message) = planned.outcome.error();
        if planned.code.is_empty() {
            planned.code = code.to_owned();
        }
        if planned.message.is_empty() {
            planned.message = message.to_owned();
        }
        planned
    }
}

/// What the network answers to a call that came out as `record` says.
pub(super) fn answer(record: &Record, after: Option<Millis>) -> Result<Sent, SendError> {
    let (code, message) = (record.error_code.clone(), record.error_message.clone());
    match record.outcome {
        Outcome::Delivered | Outcome::Undeliverable => {
            Ok(Sent { provider_id: record.provider_id.clone() })
        }
        Outcome::Retry => Err(SendError::Retry { code, message, after }),
        Outcome::Fail => Err(SendError::Fail { code, message }),
        Outcome::DoubtBeforeDelivery | Outcome::DoubtAfterDelivery => {
            Err(SendError::Doubt { message: "the pretend network lost the answer".to_owned() })
        }
    }
}
