//! What a guest says: lines written through `log`, and its standard output and error, bounded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::LogLine;
use super::fault::Stop;
use crate::clock::Clock;
use crate::config;
use crate::model::FaultClass;

/// A guest that writes so many times more lines than are kept is stopped.
const FLOOD: usize = 10;

/// The lines of one call, shared with the streams that the guest writes to.
#[derive(Clone)]
pub(super) struct Logs {
    clock: Clock,
    max_lines: usize,
    max_bytes: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    lines: Vec<LogLine>,
    /// Lines beyond those that are kept.
    dropped: usize,
    /// Unfinished lines of standard output and error.
    unfinished: [Vec<u8>; 2],
}

/// Where a guest's standard streams go.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Out = 0,
    Error = 1,
}

impl Stream {
    fn level(self) -> &'static str {
        match self {
            Self::Out => "info",
            Self::Error => "error",
        }
    }
}

impl Logs {
    pub(super) fn new(settings: &config::Plugins, clock: Clock) -> Self {
        Self {
            clock,
            max_lines: settings.logs,
            max_bytes: settings.log_bytes.max(4),
            inner: Arc::default(),
        }
    }

    /// Keep one line, cut where it is too long.
    ///
    /// # Errors
    /// When the guest floods.
    pub(super) fn push(&self, level: &'static str, message: &str) -> Result<(), Stop> {
        self.keep(&mut self.lock(), level, message)
    }

    /// Take bytes of a standard stream; they become lines at every newline.
    ///
    /// # Errors
    /// When the guest floods.
    pub(super) fn write(&self, stream: Stream, mut bytes: &[u8]) -> Result<(), Stop> {
        let inner = &mut *self.lock();
        while !bytes.is_empty() {
            let room = self.max_bytes - inner.unfinished[stream as usize].len().min(self.max_bytes);
            let newline = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let taken = newline.unwrap_or_else(|| room.min(bytes.len()));
            inner.unfinished[stream as usize].extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken + usize::from(newline.is_some())..];
            if newline.is_some() || !bytes.is_empty() {
                self.finish(inner, stream)?;
            }
        }
        Ok(())
    }

    /// All lines, with those begun.
    pub(super) fn take(&self) -> Vec<LogLine> {
        let inner = &mut *self.lock();
        for stream in [Stream::Out, Stream::Error] {
            if !inner.unfinished[stream as usize].is_empty() {
                // The call is over: there is nothing left to stop.
                let _ = self.finish(inner, stream);
            }
        }
        std::mem::take(&mut inner.lines)
    }

    /// How many lines were not kept.
    pub(super) fn dropped(&self) -> usize {
        self.lock().dropped
    }

    /// The end of what it wrote as errors, for the reason of a crash; empty where there is none.
    pub(super) fn last_words(&self) -> String {
        let inner = self.lock();
        let said = inner
            .lines
            .iter()
            .filter(|line| line.level == "error" && !line.message.starts_with("note:"));
        let unfinished =
            String::from_utf8_lossy(&inner.unfinished[Stream::Error as usize]).into_owned();
        let mut words: Vec<String> = said.map(|line| line.message.trim().to_owned()).collect();
        words.push(unfinished);
        words.retain(|line| !line.is_empty());
        let words = words[words.len().saturating_sub(2)..].join(" ");
        let on_one_line: Vec<&str> = words.split_whitespace().collect();
        on_one_line.join(" ").chars().take(300).collect()
    }

    /// The stack of an error that a handler answered, where its language wrote one into the log.
    pub(super) fn stack_of(&self, message: &str) -> String {
        let first = message.lines().next().unwrap_or_default();
        let inner = self.lock();
        let tells = |line: &&LogLine| {
            line.level == "error" && line.message.contains('\n') && line.message.contains(first)
        };
        let found = inner.lines.iter().rfind(tells).filter(|_| !first.is_empty());
        found.map(|line| line.message.clone()).unwrap_or_default()
    }

    fn finish(&self, inner: &mut Inner, stream: Stream) -> Result<(), Stop> {
        let line = std::mem::take(&mut inner.unfinished[stream as usize]);
        let line = String::from_utf8_lossy(&line);
        self.keep(inner, stream.level(), line.trim_end_matches('\r'))
    }

    fn keep(&self, inner: &mut Inner, level: &'static str, message: &str) -> Result<(), Stop> {
        if inner.lines.len() < self.max_lines {
            let message = cut(message, self.max_bytes).replace('\0', "\u{fffd}");
            inner.lines.push(LogLine { at: self.clock.now(), level, message });
            return Ok(());
        }
        if inner.dropped == 0 {
            let message =
                format!("only {} lines of a call are kept; the rest is dropped", self.max_lines);
            inner.lines.push(LogLine { at: self.clock.now(), level: "warn", message });
        }
        inner.dropped += 1;
        if inner.dropped <= self.max_lines.saturating_mul(FLOOD) {
            return Ok(());
        }
        let reason =
            format!("it wrote more than {} log lines: write fewer", inner.dropped + self.max_lines);
        Err(Stop { class: FaultClass::Limit, reason })
    }

    /// A panic while the lock was held leaves lines at worst incomplete.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest beginning of at most `max` bytes that ends between characters.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn logs(lines: usize, bytes: usize) -> Logs {
        let settings =
            config::Plugins { logs: lines, log_bytes: bytes, ..Config::default().plugins };
        Logs::new(&settings, Clock::manual(7))
    }

    fn messages(logs: &Logs) -> Vec<String> {
        logs.take().into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn streams_become_lines_however_they_are_cut() {
        let logs = logs(10, 8);
        for part in ["one\ntw", "o\n", "three is long\nend"] {
            logs.write(Stream::Out, part.as_bytes()).expect("no flood");
        }
        assert_eq!(messages(&logs), ["one", "two", "three is", " long", "end"]);
    }

    #[test]
    fn a_line_is_cut_between_characters_and_holds_no_nul() {
        let logs = logs(10, 5);
        logs.push("info", "ab\0äöü").expect("no flood");
        assert_eq!(messages(&logs), ["ab\u{fffd}ä"]);
    }

    #[test]
    fn lines_beyond_the_limit_are_dropped_with_one_note_and_a_flood_stops_the_guest() {
        let logs = logs(2, 100);
        let written = (0..).take_while(|_| logs.push("info", "x").is_ok()).count();
        assert_eq!(written, 2 + 2 * FLOOD);
        let kept = messages(&logs);
        assert_eq!(kept.len(), 3);
        assert!(kept[2].contains("only 2 lines"), "{kept:?}");
    }
}
