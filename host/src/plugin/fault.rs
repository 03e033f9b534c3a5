//! What ended a call that did not end well: its class, one plain sentence, and a backtrace.

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};

use super::Fault;
use super::run::Run;
use crate::model::FaultClass;

/// Ends a guest from within a call into the host. It travels through wasmtime as the cause of a trap.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Stop {
    pub class: FaultClass,
    pub reason: String,
}

impl Stop {
    pub(super) fn limit(reason: impl Into<String>) -> Self {
        Self { class: FaultClass::Limit, reason: reason.into() }
    }

    pub(super) fn host(reason: impl Into<String>) -> Self {
        Self { class: FaultClass::Host, reason: reason.into() }
    }
}

/// The fault behind an error that came out of a guest.
pub(super) fn of_error(error: &wasmtime::Error, run: &Run) -> Fault {
    let backtrace =
        error.downcast_ref::<WasmBacktrace>().map(ToString::to_string).unwrap_or_default();
    let (class, mut reason) = class_and_reason(error, run);
    let trapped = error.downcast_ref::<Trap>().is_some_and(|trap| *trap != Trap::Interrupt);
    if trapped && let Some(place) = error.downcast_ref::<WasmBacktrace>().and_then(place) {
        reason = format!("{reason} (in {place})");
    }
    Fault { class, reason, backtrace }
}

/// Where in its own code a guest was stopped: the innermost function that is none of its language's.
fn place(backtrace: &WasmBacktrace) -> Option<String> {
    const WORDS: [&str; 8] =
        ["abort", "exit", "_Exit", "_start", "free", "malloc", "memcpy", "memset"];
    const BEGINNINGS: [&str; 7] =
        ["__", "std::", "core::", "alloc::", "rust_", "dlmalloc", "wasi_"];
    let is_own = |name: &str| {
        let plain = name.trim_start_matches('<');
        !WORDS.contains(&plain) && !BEGINNINGS.iter().any(|begins| plain.starts_with(begins))
    };
    backtrace.frames().iter().find_map(|frame| {
        let name = demangled(frame.func_name()?);
        if !is_own(&name) {
            return None;
        }
        let line = frame.symbols().first().and_then(|symbol| {
            let file = symbol.file()?.rsplit('/').next()?.to_owned();
            Some(format!(", {file}:{}", symbol.line()?))
        });
        Some(format!("`{name}`{}", line.unwrap_or_default()))
    })
}

/// A Rust function's name as people write it, without the hash behind it.
fn demangled(name: &str) -> String {
    let shown = format!("{:#}", rustc_demangle::demangle(name));
    shown.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn class_and_reason(error: &wasmtime::Error, run: &Run) -> (FaultClass, String) {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return (stop.class, stop.reason.clone());
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return (
            FaultClass::Limit,
            "it holds too many handles at once: drop what it no longer needs".to_owned(),
        );
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => of_trap(*trap, run),
        // wasmtime's own type for this is private.
        None if error.root_cause().to_string().contains("fuel allocated for hostcalls") => {
            let most = run.bytes_per_call() >> 10;
            (
                FaultClass::Limit,
                format!(
                    "it passed more than {most} KiB to the host in one call: pass less at once"
                ),
            )
        }
        None => (FaultClass::Host, format!("the host could not run it: {}", error.root_cause())),
    }
}

fn of_trap(trap: Trap, run: &Run) -> (FaultClass, String) {
    let said = run.logs.last_words();
    let reason = match trap {
        Trap::Interrupt => {
            let cpu = run.limits.cpu.as_millis();
            let advice =
                "compute less, or ask for more with `cpu_ms` under [limits] in plugin.toml";
            return (FaultClass::Cpu, format!("it computed for longer than {cpu} ms: {advice}"));
        }
        Trap::StackOverflow => {
            "its stack overflowed: a function calls itself too deeply".to_owned()
        }
        Trap::UnreachableCodeReached if said.is_empty() => {
            "it aborted without a word: a panic, an exception nobody caught, or no memory left"
                .to_owned()
        }
        Trap::UnreachableCodeReached => format!("it aborted: {said}"),
        Trap::MemoryOutOfBounds => {
            "it touched memory that it does not have: often a stack that ran over".to_owned()
        }
        Trap::IntegerDivisionByZero => "it divided by zero".to_owned(),
        other => format!("it crashed: {other}"),
    };
    (FaultClass::Exception, reason)
}
