//! An event handed to one plugin by a person: as durable as any, and marked as fired by hand. Nobody
//! else is told of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::install::{self, Actor, InstallError};
use super::webhooks::{self, Delivery};
use super::{House, record};
use crate::model::{Event, EventKind, InstallState, JobKind, Trace};
use crate::plugin::manifest::{Manifest, On};
use crate::plugin::{Outcome, PluginError, Verdict, check_event_name};
use crate::store::job::Job;
use crate::store::plugin::InstallRow;
use crate::store::plugin_log::LogRow;
use crate::store::{Conn, chat, event, job, plugin, plugin_log, team};

/// What is fired.
#[derive(Clone, Debug)]
pub enum Shot {
    /// One of the manifest's schedules.
    Schedule(String),
    Timer {
        name: String,
        payload: String,
        /// Empty: a timer of the whole plugin.
        chat_id: String,
    },
    /// A call of one of its routes, which needs no signature.
    Webhook { method: String, path: String, headers: Vec<(String, String)>, body: Vec<u8> },
    /// An event such as plugins emit.
    Event {
        name: String,
        data: serde_json::Map<String, Value>,
        /// Empty: in no chat.
        chat_id: String,
    },
}

/// Where the mark stands in an event's data: the id of who fired it.
const BY: &str = "fired_by";

/// Hand an event to a plugin of the team; gives the event's id.
///
/// # Errors
/// When the plugin, its schedule or route, or the chat is not there, or it does not receive such events.
pub async fn fire(
    house: &House,
    by: &Actor,
    key: &str,
    shot: Shot,
) -> Result<String, InstallError> {
    let team_id = by.team_id.as_str();
    let found = install::find(house, team_id, key).await?;
    let mut tx = house.store.begin().await?;
    // The event's cursor and the place of its job.
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 2)])).await?;
    let install = plugin::install(&mut tx, team_id, &found.id).await?;
    let install = install
        .filter(|install| install.state != InstallState::Removed)
        .ok_or_else(|| InstallError::NotFound(format!("plugin {key:?}")))?;
    let told = told(&shot);
    let mut event = event_of(house, &mut tx, &install, shot).await?;
    event.cursor = numbers.next(team_id);
    event.data[BY] = by.who.as_str().into();
    let about = if event.chat_id.is_empty() { &install.id } else { &event.chat_id };
    let job = Job {
        place: numbers.next(team_id),
        lane: format!("/{about}"),
        target_id: install.id.clone(),
        ..record::carrying(house, &event, JobKind::Event)
    };
    let line = LogRow {
        id: house.clock.id("log"),
        team_id: team_id.to_owned(),
        install_id: install.id.clone(),
        event_id: event.id.clone(),
        at: house.clock.now(),
        level: "info".to_owned(),
        message: format!("fired by hand by {}: {told}", by.who),
        chat_id: event.chat_id.clone(),
        version_id: install.version_id.clone(),
        ..LogRow::default()
    };
    event::insert(&mut tx, std::slice::from_ref(&event)).await?;
    house.spans.event(&event, house.clock.now());
    plugin_log::insert_logs(&mut tx, &[line]).await?;
    job::insert(&mut tx, std::slice::from_ref(&job)).await?;
    job::promote(&mut tx, &[job.lane]).await?;
    house.commit(tx).await?;
    Ok(event.id)
}

/// For the log.
fn told(shot: &Shot) -> String {
    match shot {
        Shot::Schedule(name) => format!("schedule {name}"),
        Shot::Timer { name, .. } => format!("timer {name}"),
        Shot::Webhook { method, path, .. } => format!("webhook {method} {path}"),
        Shot::Event { name, .. } => format!("event {name}"),
    }
}

async fn event_of(
    house: &House,
    conn: &mut Conn,
    install: &InstallRow,
    shot: Shot,
) -> Result<Event, InstallError> {
    let manifest = Manifest::parse(&install.manifest).map_err(PluginError::from)?;
    let invalid = |problem: String| Err(InstallError::Invalid(problem));
    let on = shot.on();
    if !manifest.receives(on) {
        return invalid(format!(
            "{} receives no such events: add `[[events]]` with `on = \"{}\"` to its plugin.toml",
            install.plugin,
            on.as_str()
        ));
    }
    let account_id = install::only_account(conn, install).await?;
    let plain = |kind: &str, data| Event {
        id: house.clock.id("evt"),
        team_id: install.team_id.clone(),
        cursor: 0,
        kind: kind.to_owned(),
        account_id: account_id.clone(),
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        data,
        trace: Trace::default(),
    };
    let timer = |name: &str, payload: &str| {
        let data = json!({ "install": install.id, "name": name, "payload": payload });
        plain(EventKind::TIMER_FIRED, data)
    };
    match shot {
        Shot::Schedule(name) => {
            match manifest.schedules.iter().find(|schedule| schedule.name == name) {
                Some(schedule) => Ok(timer(&name, &schedule.payload)),
                None => {
                    let known = manifest.schedules.iter().map(|it| it.name.as_str());
                    invalid(unknown("schedule", &name, known))
                }
            }
        }
        Shot::Timer { name, payload, chat_id } => {
            in_chat(conn, timer(&name, &payload), &chat_id).await
        }
        Shot::Webhook { method, path, headers, body } => {
            let place = path.split('?').next().unwrap_or_default();
            if !manifest.routes.iter().any(|route| route.path == place) {
                let known = manifest.routes.iter().map(|it| it.path.as_str());
                return invalid(unknown("route", place, known));
            }
            let id = house.clock.id("dlv");
            let install = install.clone();
            let delivery = Delivery { install, method, path, headers, body, id };
            Ok(webhooks::event_of(house, &delivery, account_id))
        }
        Shot::Event { name, data, chat_id } => {
            check_event_name(&name).map_err(InstallError::Invalid)?;
            in_chat(conn, plain(&name, Value::Object(data)), &chat_id).await
        }
    }
}

/// The event as one of a chat, where one is named; it must be the team's.
async fn in_chat(conn: &mut Conn, event: Event, chat_id: &str) -> Result<Event, InstallError> {
    if chat_id.is_empty() {
        return Ok(event);
    }
    let found = chat::get(conn, &event.team_id, chat_id).await?;
    let chat = found.ok_or_else(|| InstallError::NotFound(format!("chat {chat_id:?}")))?;
    Ok(Event {
        account_id: chat.account_id,
        chat_id: chat.id,
        contact_id: chat.contact_id,
        ..event
    })
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match known.as_slice() {
        [] => format!("it has no {what}s"),
        known => format!("it has no {what} {name:?}: it has {}", known.join(", ")),
    }
}

impl Shot {
    fn on(&self) -> On {
        match self {
            Self::Schedule(_) | Self::Timer { .. } => On::Timer,
            Self::Webhook { .. } => On::Webhook,
            Self::Event { .. } => On::Event,
        }
    }
}

/// What the log says of a call that a person brought about and that ended well; `None` for any other.
pub fn outcome(event: &Event, outcome: &Outcome) -> Option<String> {
    if event.data[BY].is_null() || !matches!(outcome.verdict, Verdict::Done { .. }) {
        return None;
    }
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for effect in &outcome.effects {
        *counted.entry(effect.kind().to_owned()).or_default() += 1;
    }
    let effects: Vec<String> =
        counted.into_iter().map(|(word, count)| format!("{word} {count}")).collect();
    let effects = if effects.is_empty() { "no effects".to_owned() } else { effects.join(", ") };
    Some(format!("done: {effects}"))
}
