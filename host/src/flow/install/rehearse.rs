//! Dry runs: the last events once more on another version, whose effects are shown and held back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::publish::granted;
use super::versions::version_of;
use super::{Actor, Consent, House, InstallError, configured, find, on_version};
use crate::egress::{Egress, EgressError, Request, Response, StandIn};
use crate::flow::reads::Reads;
use crate::flow::{input, media, registry};
use crate::model::{ChannelType, Effect, Event, Millis};
use crate::plugin::manifest::{Manifest, On};
use crate::plugin::{Call, Install, LogLine, PluginError, Usage, Verdict};
use crate::store::plugin::{InstallRow, Version};
use crate::store::{account, event};

/// The most events of one dry run.
pub const MOST_EVENTS: usize = 100;
/// Of the team's newest events so many are looked through for those that the plugin receives.
const LOOK_BACK: usize = 5_000;
/// Events at once.
const SIDE_BY_SIDE: usize = 4;
/// After so long no further event is begun.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to try.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    pub version_id: String,
    pub consent: Consent,
    /// These events; none: the last ones that it would receive.
    pub events: Vec<String>,
    /// How many of the last.
    pub last: usize,
}

/// What came of a dry run.
#[derive(Debug)]
pub struct Rehearsed {
    pub version: Version,
    /// Oldest first.
    pub trials: Vec<Trial>,
    /// Time ran out before all events were tried.
    pub cut_short: bool,
}

/// One event, on both versions.
#[derive(Debug)]
pub struct Trial {
    pub event: Arc<Event>,
    /// On the version that runs now; `None` where the tried one is that.
    pub before: Option<Told>,
    pub after: Told,
}

/// What a call would have done.
#[derive(Debug)]
pub struct Told {
    /// When it was called.
    at: Millis,
    pub verdict: Verdict,
    pub effects: Vec<Effect>,
    pub requests: Vec<Asked>,
    pub logs: Vec<LogLine>,
    pub usage: Usage,
}

impl Trial {
    /// Whether both versions would do the same; true where there is but one.
    pub fn is_same(&self) -> bool {
        self.before.as_ref().is_none_or(|before| before.essence() == self.after.essence())
    }
}

impl Told {
    /// What counts when two are compared: not the ids that a call makes up, nor the very moment.
    fn essence(&self) -> (String, Vec<String>, &[Asked]) {
        let verdict = match &self.verdict {
            Verdict::Failed(fault) => format!("{} {}", fault.class, fault.reason),
            other => format!("{other:?}"),
        };
        let made: Vec<&str> = self.effects.iter().filter_map(made_id).collect();
        let essence = |effect: &Effect| {
            let mut value = serde_json::to_value(effect).unwrap_or_default();
            round_times(&mut value, self.at);
            let numbered = |text: String, (number, id): (usize, &&str)| {
                text.replace(*id, &format!("#{number}"))
            };
            made.iter().enumerate().fold(value.to_string(), numbered)
        };
        (verdict, self.effects.iter().map(essence).collect(), &self.requests)
    }
}

/// The id that the host made up for an effect.
fn made_id(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Send { message_id, .. } => Some(message_id),
        Effect::Emit { event_id, .. } => Some(event_id),
        Effect::KeepFile(file) => Some(&file.id),
        _ => None,
    }
}

/// Moments as minutes from the call: two calls are never made at the same one.
fn round_times(value: &mut serde_json::Value, at: Millis) {
    let Some(fields) = value.as_object_mut() else { return };
    for (name, field) in fields {
        match field.as_i64() {
            Some(moment) if name.ends_with("_at") => {
                *field = ((moment - at + 30_000) / 60_000).into()
            }
            _ => round_times(field, at),
        }
    }
}

/// An HTTP request that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub url: String,
    pub body: bytes::Bytes,
}

/// Hand events to a version that does not run, and to the one that does, and tell what each would do.
/// Nothing is written or sent, no request is made, and secrets are made up. What it reads is what
/// stands there now.
///
/// # Errors
/// Where there is no such plugin, version or event, or the configuration does not fit the version.
pub async fn rehearse(
    house: &Arc<House>,
    by: &Actor,
    key: &str,
    wish: Rehearsal,
) -> Result<Rehearsed, InstallError> {
    let row = find(house, &by.team_id, key).await?;
    let version = version_of(&mut *house.store.read().await?, &row, &wish.version_id).await?;
    let candidate = Arc::new(candidate(&row, &version, &wish.consent)?);
    let present = (version.id != row.version_id).then(|| registry::as_it_runs(&row)).transpose()?;
    let present = present.map(Arc::new);
    let events = if wish.events.is_empty() {
        last_events(house, &candidate, wish.last.min(MOST_EVENTS)).await?
    } else {
        named_events(house, &by.team_id, &wish.events).await?
    };
    let (asked, begun) = (events.len(), Instant::now());
    let trials: Vec<Trial> = stream::iter(events)
        .take_while(|_| std::future::ready(begun.elapsed() < PATIENCE))
        .map(|event| trial(house, &candidate, present.as_ref(), event))
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await?;
    Ok(Rehearsed { version, cut_short: trials.len() < asked, trials })
}

/// The install as it would run on this version.
fn candidate(
    row: &InstallRow,
    version: &Version,
    consent: &Consent,
) -> Result<Install, InstallError> {
    let manifest = Manifest::parse(&version.manifest).map_err(PluginError::from)?;
    let grants = match granted(&manifest, Some(row), consent) {
        // Without consent it has what was granted before; what it lacks shows in its refused calls.
        Err(InstallError::ConsentRequired(_)) => {
            super::both(&serde_json::from_str(&row.grants)?, &manifest.asks())
        }
        granted => granted?,
    };
    let config = configured(&manifest, serde_json::from_str(&row.config)?)?;
    let grants = serde_json::to_string(&grants)?;
    Ok(registry::as_it_runs(&InstallRow { config, grants, ..on_version(row.clone(), version) })?)
}

/// The newest events that the install would receive, oldest first.
async fn last_events(
    house: &House,
    install: &Install,
    wanted: usize,
) -> Result<Vec<Arc<Event>>, InstallError> {
    const PAGE: i64 = 200;
    let (mut found, mut seen, mut before) = (Vec::new(), 0, i64::MAX);
    let channels = account::channels(&mut *house.store.read().await?, &install.team_id).await?;
    while found.len() < wanted && seen < LOOK_BACK {
        let mut conn = house.store.read().await?;
        let page = event::newest(&mut conn, &install.team_id, before, PAGE).await?;
        let Some(oldest) = page.last() else { break };
        (seen, before) = (seen + page.len(), oldest.cursor);
        found.extend(
            page.into_iter().filter(|event| receives(install, event, &channels)).map(Arc::new),
        );
    }
    found.truncate(wanted);
    found.reverse();
    Ok(found)
}

async fn named_events(
    house: &House,
    team_id: &str,
    ids: &[String],
) -> Result<Vec<Arc<Event>>, InstallError> {
    let mut conn = house.store.read().await?;
    let mut events = Vec::with_capacity(ids.len());
    for id in ids {
        let event = event::get(&mut conn, team_id, id).await?;
        let event = event.ok_or_else(|| InstallError::NotFound(format!("event {id:?}")))?;
        events.push(Arc::new(event));
    }
    Ok(events)
}

fn receives(install: &Install, event: &Event, channels: &HashMap<String, ChannelType>) -> bool {
    match On::of(&event.kind) {
        on @ (On::Timer | On::Webhook) => {
            event.data["install"] == install.id.as_str()
                && install.manifest.events.iter().any(|subscription| subscription.on == on)
        }
        _ => registry::wants(install, event, channels),
    }
}

async fn trial(
    house: &Arc<House>,
    candidate: &Arc<Install>,
    present: Option<&Arc<Install>>,
    event: Arc<Event>,
) -> Result<Trial, InstallError> {
    let before = match present {
        Some(present) => Some(told(house, present, &event).await?),
        None => None,
    };
    let after = told(house, candidate, &event).await?;
    Ok(Trial { event, before, after })
}

async fn told(
    house: &Arc<House>,
    install: &Arc<Install>,
    event: &Arc<Event>,
) -> Result<Told, InstallError> {
    let held_back = Arc::new(HeldBack::default());
    let egress = Egress::new(Vec::new()).map_err(anyhow::Error::from)?;
    egress.replace(held_back.clone());
    let at = house.clock.now();
    let call = Call {
        install: install.clone(),
        event: event.clone(),
        input: input::of(event)?,
        attempt: 1,
        job: String::new(),
        host: Arc::new(Reads::rehearsal(house.clone())),
    };
    let outcome = house.runtime.rehearse(call, &Arc::new(egress)).await;
    media::discard(house, &install.team_id, &outcome.files).await;
    Ok(Told {
        at,
        verdict: outcome.verdict,
        effects: outcome.effects,
        requests: held_back.take(),
        logs: outcome.logs,
        usage: outcome.usage,
    })
}

/// Stands in for the world: notes what was asked, and answers nothing.
#[derive(Default)]
struct HeldBack(Mutex<Vec<Asked>>);

impl HeldBack {
    fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StandIn for HeldBack {
    fn answer(&self, request: &Request) -> Result<Response, EgressError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Asked {
            method: request.method.to_string(),
            url: request.url.to_string(),
            body: request.body.clone(),
        });
        Err(EgressError::Failed("a dry run makes no requests".to_owned()))
    }
}
