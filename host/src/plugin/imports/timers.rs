//! `timers`: set, replaced and cancelled as effects; the list shows the call's own changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Holding;
use super::super::bindings::switchboard::plugin::timers::{Entry, Host};
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::cron;
use super::super::run::{Halt, Run, answer, check_optional_text, check_text, check_time};
use crate::model::{Effect, Millis, Recipient, Scope, TimerSpec};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for Run {
    async fn set(
        &mut self,
        scope: String,
        name: String,
        due_at: u64,
        payload: String,
    ) -> Answer<()> {
        let once = check_time("due-at", due_at).map(|due_at| (due_at, Recurrence::default()));
        answer(self.set_timer(&scope, name, once, payload).await)
    }

    async fn set_after(
        &mut self,
        scope: String,
        name: String,
        after_ms: u64,
        payload: String,
    ) -> Answer<()> {
        let now = u64::try_from(self.clock.now()).unwrap_or(0);
        let due_at = check_time("after-ms", now.saturating_add(after_ms));
        let once = due_at.map(|due_at| (due_at, Recurrence::default()));
        answer(self.set_timer(&scope, name, once, payload).await)
    }

    async fn set_in(
        &mut self,
        to: String,
        name: String,
        due_at: u64,
        payload: String,
    ) -> Answer<()> {
        answer(self.set_timer_in(to, name, due_at, payload).await)
    }

    async fn set_cron(
        &mut self,
        scope: String,
        name: String,
        cron: String,
        time_zone: String,
        payload: String,
    ) -> Answer<()> {
        let first = first_fire(&cron, &time_zone, self.clock.now());
        let fires = first.map(|due_at| (due_at, Recurrence { cron, time_zone }));
        answer(self.set_timer(&scope, name, fires, payload).await)
    }

    async fn cancel(&mut self, scope: String, name: String) -> Answer<()> {
        answer(self.cancel_timer(&scope, name))
    }

    async fn list(&mut self, scope: String) -> Answer<Vec<Entry>> {
        answer(self.list_timers(&scope).await)
    }
}

/// Both empty for a one-shot timer.
#[derive(Default)]
struct Recurrence {
    cron: String,
    time_zone: String,
}

fn first_fire(expression: &str, time_zone: &str, now: Millis) -> Result<Millis, Halt> {
    match cron::next(expression, time_zone, now) {
        Ok(Some(due_at)) => Ok(due_at),
        Ok(None) => Err(Halt::invalid(format!("{expression:?} never fires"))),
        Err(e) => Err(Halt::invalid(e.to_string())),
    }
}

impl Run {
    fn enter_timers(&mut self, scope: &str, bytes: usize) -> Result<Scope, Halt> {
        self.enter(bytes)?;
        self.require("timers = true", |grants| grants.timers)?;
        match scope {
            "chat" | "plugin" => self.scope(scope),
            _ => Err(Halt::invalid(format!("{scope:?} is no scope of timers: chat or plugin"))),
        }
    }

    async fn set_timer(
        &mut self,
        scope: &str,
        name: String,
        fires: Result<(Millis, Recurrence), Halt>,
        payload: String,
    ) -> Result<(), Halt> {
        let (due_at, Recurrence { cron, time_zone }) = fires?;
        let scope = self.enter_timers(scope, name.len() + payload.len())?;
        check_text("the timer's name", &name, 128)?;
        check_optional_text("the payload", &payload, self.settings.state_value)?;
        self.check_timers(&scope, &name).await?;
        self.push(Effect::SetTimer(TimerSpec { scope, name, due_at, cron, time_zone, payload }))
    }

    /// Refuse one more than an install may have; one that is there already may be set anew.
    async fn check_timers(&mut self, scope: &Scope, name: &str) -> Result<(), Halt> {
        let install = Arc::clone(&self.call.install);
        let room = self.call.host.room(&install.id, Holding::Timers).await?.count;
        let new = self.effects.iter().filter(|effect| matches!(effect, Effect::SetTimer(_)));
        if i64::try_from(new.count()).is_ok_and(|new| new < room) {
            return Ok(());
        }
        let stored = self.call.host.timers(&install.id, scope).await?;
        if stored.iter().any(|timer| timer.name == name) {
            return Ok(());
        }
        let most = self.settings.timers;
        let message =
            format!("an install may have {most} timers: cancel those that are not needed");
        Err(Halt::refused("limit", message))
    }

    async fn set_timer_in(
        &mut self,
        to: String,
        name: String,
        due_at: u64,
        payload: String,
    ) -> Result<(), Halt> {
        self.enter(to.len() + name.len() + payload.len())?;
        self.require("timers = true", |grants| grants.timers)?;
        let due_at = check_time("due-at", due_at)?;
        check_text("the timer's name", &name, 128)?;
        check_optional_text("the payload", &payload, self.settings.state_value)?;
        let to = self.recipient(to).await?;
        let scope = match &to {
            Recipient::Chat(id) => Scope::Chat(id.clone()),
            // A chat that is made by it has no timers yet.
            Recipient::Phone { .. } => Scope::Plugin,
        };
        self.check_timers(&scope, &name).await?;
        self.push(Effect::SetTimerIn { to, name, due_at, payload })
    }

    fn cancel_timer(&mut self, scope: &str, name: String) -> Result<(), Halt> {
        let scope = self.enter_timers(scope, name.len())?;
        check_text("the timer's name", &name, 128)?;
        self.push(Effect::CancelTimer { scope, name })
    }

    async fn list_timers(&mut self, scope: &str) -> Result<Vec<Entry>, Halt> {
        let scope = self.enter_timers(scope, 0)?;
        let stored = self.call.host.timers(&self.call.install.id, &scope).await?;
        let mut timers: BTreeMap<String, TimerSpec> =
            stored.into_iter().map(|timer| (timer.name.clone(), timer)).collect();
        for effect in &self.effects {
            match effect {
                Effect::SetTimer(timer) if timer.scope == scope => {
                    timers.insert(timer.name.clone(), timer.clone());
                }
                Effect::CancelTimer { scope: cancelled, name } if *cancelled == scope => {
                    timers.remove(name);
                }
                _ => {}
            }
        }
        Ok(timers.into_values().map(entry).collect())
    }
}

fn entry(timer: TimerSpec) -> Entry {
    Entry {
        scope: timer.scope.parts().0.to_owned(),
        name: timer.name,
        due_at: u64::try_from(timer.due_at).unwrap_or(0),
        cron: timer.cron,
        payload: timer.payload,
    }
}
