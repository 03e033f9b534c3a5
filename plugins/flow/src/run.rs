//! A run: where one chat is in a flow. It is kept as readable JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is kept of a run while it waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The id of the event that began it.
    pub id: String,
    /// The flow's version that it was on last.
    pub version: String,
    /// Where it waits: the step's id.
    pub step: String,
    pub waits: Waits,
    /// Moments in the flow's time zone; `until` is empty where it waits for ever.
    pub since: String,
    pub until: String,
    /// Answers given to the question.
    pub tries: u32,
    /// Counts its waits, so that a late timer is known.
    pub turn: u64,
    pub vars: Map<String, Value>,
    /// What began it: `event` or `webhook`.
    pub start: Map<String, Value>,
    /// The customer's newest message to it.
    pub message: Value,
    /// The `call` steps that it is in, the innermost last.
    pub calls: Vec<String>,
    /// Loops that it is in, by their step.
    pub loops: BTreeMap<String, Rounds>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    #[default]
    ForAnswer,
    ForTime,
}

/// How far a loop is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rounds {
    pub done: u32,
    /// What is left of the list.
    pub items: Vec<Value>,
}

impl Run {
    /// What its timer carries.
    pub fn ticket(&self) -> String {
        format!("{}/{}", self.id, self.turn)
    }
}
