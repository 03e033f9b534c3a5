//! Which trigger an event is for, and with what its run begins.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use switchboard_sdk::prelude::*;

use crate::answer;
use crate::expr::Values;
use crate::format::{MessageFilter, OneOrMore, Trigger};
use crate::program::Program;
use crate::times::Now;

/// A run that is to begin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The sequence that it begins with; the flow's steps where there is none.
    pub begin: Option<String>,
    /// `event` or `webhook`.
    pub variables: Map<String, Value>,
    /// Whom it is with, where the trigger says.
    #[serde(skip)]
    pub to: Option<String>,
}

/// The first trigger that is meant, if its `when` holds.
pub fn matching(
    program: &Program,
    variables: &Map<String, Value>,
    meant: impl Fn(&Trigger) -> bool,
) -> Result<Option<Start>> {
    for (index, trigger) in program.triggers.iter().enumerate() {
        if meant(trigger)
            && let Some(start) = of(program, index, variables)?
        {
            return Ok(Some(start));
        }
    }
    Ok(None)
}

/// The start by one trigger, if its `when` holds.
pub fn of(
    program: &Program,
    index: usize,
    variables: &Map<String, Value>,
) -> Result<Option<Start>> {
    let trigger = &program.triggers[index];
    let begin = trigger.begin.clone();
    if trigger.when.is_none() && trigger.chat.is_none() {
        return Ok(Some(Start { begin, variables: variables.clone(), to: None }));
    }
    let now = Now::new(i64::try_from(delivery::now())?, &program.flow.time_zone)?;
    let mut all = variables.clone();
    all.insert("now".to_owned(), Value::String(now.text()));
    all.insert("config".to_owned(), config::<Value>()?);
    let values = Values::new(&all, &now);
    if let Some(when) = &trigger.when
        && !values.holds(when)?
    {
        return Ok(None);
    }
    let to = trigger.chat.as_ref().map(|chat| values.text(chat)).transpose()?;
    Ok(Some(Start { begin, variables: variables.clone(), to }))
}

/// A message's trigger.
pub fn by_message(program: &Program, event: &Message, message: &Value) -> Result<Option<Start>> {
    let mut variables = Map::new();
    variables.insert("message".to_owned(), message.clone());
    for (index, trigger) in program.triggers.iter().enumerate() {
        let meant = match (&trigger.keyword, &trigger.message) {
            (Some(words), _) => words::is_any(&event.text, words.all()),
            (_, Some(filter)) => passes(filter, event),
            _ => false,
        };
        if meant && let Some(mut start) = of(program, index, &variables)? {
            start.variables.clear();
            return Ok(Some(start));
        }
    }
    Ok(None)
}

fn passes(filter: &MessageFilter, event: &Message) -> bool {
    let text = event.text.trim();
    let begins = |prefix: &String| text.to_lowercase().starts_with(&prefix.to_lowercase());
    let matches = |regex: &String| {
        regex_lite::Regex::new(regex).is_ok_and(|regex| regex.is_match(&event.text))
    };
    let is_first = || event.details::<Value>().is_ok_and(|event| event["data"]["first"] == true);
    (!filter.first || is_first())
        && (filter.types.is_empty() || filter.types.contains(&event.kind))
        && filter.text.as_ref().is_none_or(|words| words::has_any(text, words.all()))
        && filter.prefix.as_ref().is_none_or(begins)
        && filter.regex.as_ref().is_none_or(matches)
}

/// Whether a trigger names this word.
pub fn has(words: Option<&OneOrMore>, word: &str) -> bool {
    words.is_some_and(|words| words.all().iter().any(|one| one == word))
}

/// The variable `event`.
pub fn of_event(event: &Event) -> Map<String, Value> {
    let details: Value = event.details().unwrap_or_default();
    let shown = json!({ "name": event.kind, "data": details["data"] });
    Map::from_iter([("event".to_owned(), shown)])
}

/// The variable `webhook`.
pub fn of_webhook(request: &Webhook) -> Map<String, Value> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let headers: Map<String, Value> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), Value::String(value.clone())))
        .collect();
    let mut shown =
        json!({ "method": request.method, "path": path, "query": query, "headers": headers });
    match request.json::<Value>() {
        Ok(body) => shown["json"] = body,
        Err(_) => shown["text"] = Value::String(request.text()),
    }
    Map::from_iter([("webhook".to_owned(), shown)])
}

/// Begin in another chat, by a timer that is due there now: from then on it is an event of that chat,
/// in its order, with its contact and its state. False where nobody is named.
pub fn far(to: &str, event: &str, start: &Start) -> Result<bool> {
    let phone = answer::phone(to);
    let is_id = to.contains('_') && !to.contains(char::is_whitespace);
    let Some(to) = phone.as_deref().or(is_id.then_some(to)) else {
        warn!("{to:?} is neither a phone number nor a chat's id: no run begins by {event}");
        return Ok(false);
    };
    let payload = serde_json::to_string(start)?;
    timers::set_in(to, &format!("start/{event}"), delivery::now(), &payload)?;
    Ok(true)
}
