//! The story of one act, from the rows alone: what came in, whom it called, what that led to.
//!
//! Nothing is read that a reader of messages, events and logs does not see: what is being forgotten is
//! not in it.

mod tree;

use serde::Serialize;
use utoipa::ToSchema;

use super::House;
use crate::model::{Event, Message, Millis, trace};
use crate::store::dead_letter::DeadLetter;
use crate::store::endpoint::Attempt;
use crate::store::job::Job;
use crate::store::plugin_call::CallRow;
use crate::store::plugin_log::{FailureRow, LogRow};
use crate::store::{Conn, dead_letter, endpoint, event, job, message, plugin_call, plugin_log};

/// Messages, and events, of one story; it is cut behind them.
const MOST: i64 = 500;
/// The same of calls, lines and attempts.
const MOST_OF_EVENTS: i64 = 2000;

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// A message came in, or was queued.
    Message,
    /// A fact was committed.
    Event,
    /// A plugin was called.
    Call,
    /// A plugin made an HTTP request.
    Request,
    /// A plugin logged a line.
    Log,
    /// A plugin gave an event up.
    DeadLetter,
    /// An event was posted to an endpoint.
    Notice,
    /// Something is still to come.
    Waiting,
}

/// One step of a story.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub at: Millis,
    pub kind: StepKind,
    pub id: String,
    /// The step that led to it; empty for the first.
    pub of: String,
    /// What it is, in words: the type of a message or event, the method and host of a request, a line.
    pub name: String,
    /// What came of it; empty where nothing is to be said.
    pub outcome: String,
    /// The install that was called; empty where none.
    pub install_id: String,
    /// From 1; 0 where it is no attempt.
    pub attempt: i64,
    /// How long it took; `None` for a moment.
    pub micros: Option<i64>,
    /// What else is known.
    pub detail: serde_json::Value,
}

/// All that came of one act.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    pub trace: u128,
    /// In order of time.
    pub steps: Vec<Step>,
    /// Whether there is more than one story holds.
    pub cut: bool,
}

/// What the rows hold of it.
#[derive(Default)]
struct Rows {
    messages: Vec<Message>,
    events: Vec<Event>,
    calls: Vec<CallRow>,
    logs: Vec<LogRow>,
    failures: Vec<FailureRow>,
    letters: Vec<DeadLetter>,
    notices: Vec<Attempt>,
    jobs: Vec<Job>,
}

/// The story of a message, an event, or a trace by its id; `None` where there is nothing of it.
pub async fn of(house: &House, team_id: &str, id: &str) -> anyhow::Result<Option<Story>> {
    let mut conn = house.store.read().await?;
    for root in roots(&mut conn, team_id, id).await? {
        let rows = read(&mut conn, team_id, &root).await?;
        if rows.messages.is_empty() && rows.events.is_empty() {
            continue;
        }
        let full = |count: usize| i64::try_from(count).is_ok_and(|count| count == MOST);
        let cut = full(rows.messages.len()) || full(rows.events.len());
        let began = rows.messages.first().map(|message| message.trace.root(&message.id));
        let began = began.or_else(|| rows.events.first().map(|event| event.trace.root(&event.id)));
        let trace = trace::trace_id(began.unwrap_or(&root));
        return Ok(Some(Story { trace, steps: tree::steps(&rows), cut }));
    }
    Ok(None)
}

/// What may have begun it.
async fn roots(conn: &mut Conn, team_id: &str, id: &str) -> anyhow::Result<Vec<String>> {
    let root = match message::get(conn, team_id, id).await? {
        Some(message) => Some(message.trace.root(&message.id).to_owned()),
        None => {
            let event = event::get(conn, team_id, id).await?;
            event.map(|event| event.trace.root(&event.id).to_owned())
        }
    };
    // What somebody outside began is of one trace by whatever span.
    let given = |trace: u128| format!("00-{trace:032x}-");
    Ok(match root {
        Some(root) if trace::given_parent(&root) != 0 => vec![given(trace::trace_id(&root))],
        Some(root) => vec![root],
        None => {
            let mut roots = trace::roots(id);
            roots.extend(u128::from_str_radix(id, 16).ok().filter(|_| id.len() == 32).map(given));
            roots
        }
    })
}

async fn read(conn: &mut Conn, team_id: &str, root: &str) -> anyhow::Result<Rows> {
    let messages = message::of_trace(conn, team_id, root, MOST).await?;
    let events = event::of_trace(conn, team_id, root, MOST).await?;
    let mut rows = Rows { messages, events, ..Rows::default() };
    let ids: Vec<String> = rows.events.iter().map(|event| event.id.clone()).collect();
    let most = MOST_OF_EVENTS;
    rows.calls = plugin_call::of_events(conn, team_id, &ids, most).await?;
    rows.logs = plugin_log::of_events(conn, team_id, None, &ids, most).await?;
    rows.failures = plugin_log::failures_of_events(conn, team_id, &ids, most).await?;
    rows.letters = dead_letter::of_events(conn, team_id, &ids, most).await?;
    rows.notices = endpoint::attempts_of_events(conn, team_id, &ids, most).await?;
    let mut subjects = ids;
    subjects.extend(rows.messages.iter().map(|message| message.id.clone()));
    rows.jobs = job::of_subjects(conn, team_id, &subjects).await?;
    Ok(rows)
}
