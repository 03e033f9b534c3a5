//! `delivery`: what becomes of the event after this call.

use super::super::bindings::switchboard::plugin::delivery::Host;
use super::super::run::{Ending, Run};
use crate::model::Millis;

/// The longest that a plugin may put its event off.
const MAX_RETRY_AFTER: Millis = 7 * 24 * 60 * 60 * 1000;

impl Host for Run {
    fn attempt(&mut self) -> wasmtime::Result<u32> {
        self.enter(0)?;
        Ok(self.call.attempt)
    }

    fn now(&mut self) -> wasmtime::Result<u64> {
        self.enter(0)?;
        Ok(u64::try_from(self.clock.now()).unwrap_or(0))
    }

    fn retry_after(&mut self, after_ms: u64) -> wasmtime::Result<()> {
        self.enter(0)?;
        let after = Millis::try_from(after_ms).unwrap_or(Millis::MAX).min(MAX_RETRY_AFTER);
        self.ending = Some(Ending::RetryAfter(after));
        Ok(())
    }

    fn reject(&mut self, reason: String) -> wasmtime::Result<()> {
        self.enter(reason.len())?;
        let reason = reason.chars().filter(|c| *c != '\0').take(1000).collect();
        self.ending = Some(Ending::Rejected(reason));
        Ok(())
    }

    fn stop(&mut self) -> wasmtime::Result<()> {
        self.enter(0)?;
        self.stop = true;
        Ok(())
    }
}
