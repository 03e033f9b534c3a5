//! A call's view of the state: the store, and over it what the call itself wrote.
//!
//! Every key read from the store is recorded with its version. The commit checks them, so a call
//! that saw what another one changed meanwhile runs again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::run::{Halt, Run};
use super::{Holding, Room, StateEntry, StateRead};
use crate::model::{Effect, Millis, Scope};

/// A value, and until when it holds.
pub(super) type Live = (String, Option<Millis>);

#[derive(Default)]
pub(super) struct StateView {
    /// In the order of first reading.
    pub reads: Vec<StateRead>,
    /// What the store held when it was first read.
    stored: HashMap<(Scope, String), Option<StateEntry>>,
    /// Which effect writes a key: a later write takes its place.
    written: HashMap<(Scope, String), usize>,
    /// What may still be written; known from the first write on.
    room: Option<Room>,
}

impl StateView {
    fn record(&mut self, scope: &Scope, key: &str, entry: Option<StateEntry>) {
        let place = (scope.clone(), key.to_owned());
        if self.stored.contains_key(&place) {
            return;
        }
        let version = entry.as_ref().map(|entry| entry.version);
        self.reads.push(StateRead { scope: scope.clone(), key: key.to_owned(), version });
        self.stored.insert(place, entry);
    }
}

impl Run {
    /// The value that a key has for this call.
    pub(super) async fn state_get(
        &mut self,
        scope: &Scope,
        key: &str,
    ) -> Result<Option<Live>, Halt> {
        let place = (scope.clone(), key.to_owned());
        if let Some(written) = self.written(&place) {
            return Ok(written);
        }
        if !self.state.stored.contains_key(&place) {
            let entry = self.call.host.state(&self.call.install.id, scope, key).await?;
            self.count(entry.as_ref().map_or(0, size))?;
            self.state.record(scope, key, entry);
        }
        let now = self.clock.now();
        let stored = self.state.stored.get(&place).and_then(Option::as_ref);
        Ok(stored
            .filter(|entry| holds(entry, now))
            .map(|entry| (entry.value.clone(), entry.expires_at)))
    }

    /// Write a key, or with no value delete it.
    pub(super) async fn state_set(
        &mut self,
        scope: Scope,
        key: String,
        value: Option<Live>,
    ) -> Result<(), Halt> {
        if let Some((value, _)) = &value {
            self.check_room(&scope, &key, value).await?;
        }
        let (value, expires_at) =
            value.map_or((None, None), |(value, expires_at)| (Some(value), expires_at));
        let place = (scope.clone(), key.clone());
        let effect = Effect::SetState { scope, key, value, expires_at };
        if let Some(index) = self.state.written.get(&place) {
            self.effects[*index] = effect;
            return Ok(());
        }
        self.push(effect)?;
        self.state.written.insert(place, self.effects.len() - 1);
        Ok(())
    }

    /// Refuse what would be more than an install may keep. Where there is no room left, a key that is
    /// there already may be written all the same, as long as it does not grow.
    async fn check_room(&mut self, scope: &Scope, key: &str, value: &str) -> Result<(), Halt> {
        let install = Arc::clone(&self.call.install);
        let room = match self.state.room {
            Some(room) => room,
            None => self.call.host.room(&install.id, Holding::State).await?,
        };
        let size = i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX);
        if room.count > 0 && room.bytes >= size {
            let left = Room { count: room.count - 1, bytes: room.bytes - size };
            self.state.room = Some(left);
            return Ok(());
        }
        self.state.room = Some(room);
        let before = self.call.host.state(&install.id, scope, key).await?;
        let before = before.map(|entry| i64::try_from(key.len() + entry.value.len()));
        if before.is_some_and(|before| before.is_ok_and(|before| before >= size)) {
            return Ok(());
        }
        let settings = &self.settings;
        Err(Halt::refused(
            "limit",
            format!(
                "an install may keep {} keys and {} bytes: delete keys, or give them a time to live",
                settings.state_keys, settings.state_bytes
            ),
        ))
    }

    /// Up to `limit` keys with their values, in order, whose key begins with `prefix` and sorts
    /// after `after`.
    pub(super) async fn state_list(
        &mut self,
        scope: &Scope,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<BTreeMap<String, String>, Halt> {
        let page = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut found = BTreeMap::new();
        let mut read_up_to = after.to_owned();
        let mut whole = false;
        while found.len() < limit && !whole {
            let entries = self
                .call
                .host
                .state_list(&self.call.install.id, scope, prefix, &read_up_to, page)
                .await?;
            whole = entries.len() < limit;
            for entry in entries {
                self.count(size(&entry))?;
                read_up_to.clone_from(&entry.key);
                self.listed(scope, entry, &mut found);
            }
        }
        for ((written_scope, key), index) in &self.state.written {
            let in_range =
                key.starts_with(prefix) && key.as_str() > after && (whole || *key <= read_up_to);
            if written_scope == scope
                && in_range
                && let Some((value, _)) = value_of(&self.effects[*index])
            {
                found.insert(key.clone(), value);
            }
        }
        while found.len() > limit {
            found.pop_last();
        }
        Ok(found)
    }

    /// Take a listed entry in, unless it has expired or the call wrote it.
    fn listed(&mut self, scope: &Scope, entry: StateEntry, found: &mut BTreeMap<String, String>) {
        let key = entry.key.clone();
        let overwritten = self.state.written.contains_key(&(scope.clone(), key.clone()));
        if !overwritten && holds(&entry, self.clock.now()) {
            found.insert(key.clone(), entry.value.clone());
        }
        self.state.record(scope, &key, Some(entry));
    }

    fn written(&self, place: &(Scope, String)) -> Option<Option<Live>> {
        self.state.written.get(place).map(|index| value_of(&self.effects[*index]))
    }
}

/// What is kept of an entry until the call ends.
fn size(entry: &StateEntry) -> usize {
    size_of::<StateEntry>() + entry.key.len() + entry.value.len()
}

fn holds(entry: &StateEntry, now: Millis) -> bool {
    entry.expires_at.is_none_or(|expires_at| expires_at > now)
}

fn value_of(effect: &Effect) -> Option<Live> {
    match effect {
        Effect::SetState { value: Some(value), expires_at, .. } => {
            Some((value.clone(), *expires_at))
        }
        _ => None,
    }
}
