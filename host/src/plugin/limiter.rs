//! What a guest may take: one bound for all its memories and tables together.

use wasmtime::ResourceLimiter;

use super::fault::Stop;
use crate::model::FaultClass;

/// A pointer's worth for each element of a table.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// Sums what a guest takes, and ends the call when it wants more than its limit: told apart from a
/// crash, which is what most guests make of a refusal.
pub(super) struct Limiter {
    limit: usize,
    used: usize,
}

impl Limiter {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    /// Bytes taken. Guests never give back.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    fn grow(&mut self, by: usize) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_add(by);
        if wanted > self.limit {
            let (wanted, limit) = (wanted.div_ceil(1 << 20), self.limit >> 20);
            let reason = format!(
                "it wanted {wanted} MiB of memory and may take {limit}: \
                 keep less at once, or ask for more with `memory_mb` under [limits] in plugin.toml"
            );
            return Err(Stop { class: FaultClass::Memory, reason }.into());
        }
        self.used = wanted;
        Ok(true)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum && desired <= self.limit) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT))
    }

    fn instances(&self) -> usize {
        1000
    }

    fn tables(&self) -> usize {
        1000
    }

    fn memories(&self) -> usize {
        100
    }
}
