//! One call while it runs: what the store of its instance carries, and the checks that every import
//! makes before it does anything.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use super::bindings::switchboard::plugin::types::Error;
use super::fault::Stop;
use super::gate::{Gate, Hooks};
use super::imports::Files;
use super::limiter::Limiter;
use super::logs::Logs;
use super::manifest::{Grants, Limits, Source};
use super::state::StateView;
use super::{Call, Install};
use crate::clock::Clock;
use crate::config;
use crate::model::{Effect, MAX_DEPTH, Millis};

/// Handles that a guest may hold at once: streams, requests, bodies.
const MAX_HANDLES: usize = 1000;

/// What ends a call as its plugin asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    RetryAfter(Millis),
    Rejected(String),
}

/// The store's data.
pub(super) struct Run {
    pub call: Arc<Call>,
    /// The text that the plugin's file carries.
    pub source: Option<Arc<Source>>,
    pub limits: Limits,
    pub settings: Arc<config::Plugins>,
    pub clock: Clock,
    pub limiter: Limiter,
    pub logs: Logs,
    pub gate: Arc<Gate>,
    pub effects: Vec<Effect>,
    pub state: StateView,
    pub files: Files,
    pub ending: Option<Ending>,
    /// The plugins after this one do not see the event.
    pub stop: bool,
    pub table: ResourceTable,
    /// Made when a guest first asks for it: most never do.
    pub wasi: Option<WasiCtx>,
    pub http: WasiHttpCtx,
    pub hooks: Hooks,
    host_calls: u64,
    host_bytes: usize,
    refused_effects: usize,
}

/// How an import ends early.
#[derive(Debug)]
pub(super) enum Halt {
    /// The guest gets an error and goes on.
    Refused(Error),
    /// The guest is stopped.
    Stopped(Stop),
}

impl Halt {
    pub(super) fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::Refused(Error {
            code: code.to_owned(),
            message: message.into(),
            retry_after_ms: None,
        })
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::refused("invalid", message)
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// Reading from the store failed: no fault of the plugin, and the event is tried again.
impl From<anyhow::Error> for Halt {
    fn from(error: anyhow::Error) -> Self {
        Self::Stopped(Stop::host(format!("the host could not read for it: {error:#}")))
    }
}

/// What a generated host function returns: the outer error is a trap, the inner one the guest's.
pub(super) fn answer<T>(result: Result<T, Halt>) -> wasmtime::Result<Result<T, Error>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Halt::Refused(error)) => Ok(Err(error)),
        Err(Halt::Stopped(stop)) => Err(stop.into()),
    }
}

impl Run {
    pub(super) fn new(
        call: Call,
        source: Option<Arc<Source>>,
        limits: Limits,
        settings: Arc<config::Plugins>,
        clock: Clock,
        gate: Arc<Gate>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            source,
            limits,
            limiter: Limiter::new(limits.memory),
            logs: Logs::new(&settings, clock.clone()),
            effects: Vec::new(),
            state: StateView::default(),
            files: Files::default(),
            ending: None,
            stop: false,
            table,
            wasi: None,
            http: WasiHttpCtx::new(),
            hooks: Hooks(Arc::clone(&gate)),
            host_calls: 0,
            host_bytes: 0,
            refused_effects: 0,
            call: Arc::new(call),
            settings,
            clock,
            gate,
        }
    }

    /// Count a call into the host that brings `bytes`.
    ///
    /// # Errors
    /// Stops a guest that floods.
    pub(super) fn enter(&mut self, bytes: usize) -> Result<(), Stop> {
        self.host_calls += 1;
        if self.host_calls > self.settings.host_calls {
            let most = self.settings.host_calls;
            return Err(Stop::limit(format!(
                "it called the host more than {most} times: call less often"
            )));
        }
        self.count(bytes)
    }

    /// Count bytes that a call brings, or that the host keeps for it until its end.
    ///
    /// # Errors
    /// Stops a guest that floods.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), Stop> {
        self.host_bytes = self.host_bytes.saturating_add(bytes);
        if self.host_bytes > self.settings.host_call_bytes {
            let most = self.settings.host_call_bytes >> 10;
            return Err(Stop::limit(format!(
                "it passed more than {most} KiB to the host and back: pass less"
            )));
        }
        Ok(())
    }

    /// The most bytes that one call into the host may copy: room for an HTTP body, with headers, and
    /// for a file.
    pub(super) fn bytes_per_call(&self) -> usize {
        let file = usize::try_from(self.settings.media_file.max(self.settings.media_read));
        let largest = (4 * self.settings.http_body).max(file.unwrap_or(usize::MAX));
        self.settings.host_call_bytes.min(largest.saturating_add(64 << 10))
    }

    /// Allow what the manifest asks for and the installer granted; `line` is what to write.
    pub(super) fn require(&self, line: &str, holds: impl Fn(&Grants) -> bool) -> Result<(), Halt> {
        let Install { manifest, grants, .. } = self.call.install.as_ref();
        if !holds(&manifest.permissions) {
            let message =
                format!("add `{line}` under [permissions] in plugin.toml, and install it again");
            return Err(Halt::refused("denied", message));
        }
        if !holds(grants) {
            let message = format!(
                "plugin.toml asks for `{line}`, but whoever installed the plugin did not grant it"
            );
            return Err(Halt::refused("denied", message));
        }
        Ok(())
    }

    /// Refuse what would let plugins answer each other without end.
    pub(super) fn check_depth(&self) -> Result<(), Halt> {
        if self.call.event.depth < MAX_DEPTH {
            return Ok(());
        }
        let message =
            format!("loop: this event comes of {MAX_DEPTH} plugin answers to plugin answers");
        Err(Halt::refused("denied", message))
    }

    /// Add an effect, within the limit of a call.
    pub(super) fn push(&mut self, effect: Effect) -> Result<(), Halt> {
        let most = self.settings.effects;
        if self.effects.len() < most {
            self.effects.push(effect);
            return Ok(());
        }
        self.refused_effects += 1;
        if self.refused_effects > most {
            return Err(Stop::limit(format!(
                "it went on after its {most} effects were used up: do less in one call"
            ))
            .into());
        }
        Err(Halt::refused(
            "limit",
            format!("one call may have {most} effects: do less in one call"),
        ))
    }
}

/// A text that a plugin passes: not empty, at most `max` bytes, without NUL.
pub(super) fn check_text(field: &str, text: &str, max: usize) -> Result<(), Halt> {
    if text.is_empty() {
        return Err(Halt::invalid(format!("{field} is empty")));
    }
    check_optional_text(field, text, max)
}

/// As [`check_text`], but it may be empty.
pub(super) fn check_optional_text(field: &str, text: &str, max: usize) -> Result<(), Halt> {
    if text.len() > max {
        return Err(Halt::invalid(format!("{field} has more than {max} bytes")));
    }
    if text.contains('\0') {
        return Err(Halt::invalid(format!("{field} holds a NUL character")));
    }
    Ok(())
}

/// A moment that a plugin passes, within what calendars hold.
pub(super) fn check_time(field: &str, millis: u64) -> Result<Millis, Halt> {
    const END_OF_9999: Millis = 253_402_300_799_999;
    Millis::try_from(millis)
        .ok()
        .filter(|time| *time <= END_OF_9999)
        .ok_or_else(|| Halt::invalid(format!("{field} is not a time in Unix milliseconds")))
}
