//! How much each install keeps: counted now and then, and added to in between.
//!
//! A count reads all keys of an install, so it is made when it is first asked for, when it is old, and
//! when what was added seems to fill the room. Calls that write at once, here and on other nodes, may
//! go a little beyond.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::House;
use crate::model::Effect;
use crate::plugin::{Holding, Room};
use crate::store::{state, timer};

/// After so long it is counted anew: other nodes write too, and time takes keys away.
const OLD: Duration = Duration::from_secs(600);
/// No count is made twice within this time.
const PAUSE: Duration = Duration::from_secs(1);
/// Room for what one call may write: with less, it is counted.
const MARGIN: i64 = 100;

/// What installs keep, as far as it was asked for.
#[derive(Debug, Default)]
pub struct Holdings(Mutex<HashMap<(String, Holding), Known>>);

#[derive(Clone, Copy, Debug)]
struct Known {
    count: i64,
    bytes: i64,
    /// Something was written since.
    changed: bool,
    counted: Instant,
}

impl Holdings {
    /// A call's effects were written.
    pub fn grown(&self, install_id: &str, effects: &[Effect]) {
        for effect in effects {
            let (of, count, bytes) = match effect {
                Effect::SetState { key, value: Some(value), .. } => {
                    (Holding::State, 1, i64::try_from(key.len() + value.len()).unwrap_or(0))
                }
                Effect::SetState { .. } => (Holding::State, 0, 0),
                Effect::SetTimer(_) | Effect::SetTimerIn { .. } => (Holding::Timers, 1, 0),
                Effect::CancelTimer { .. } => (Holding::Timers, 0, 0),
                _ => continue,
            };
            if let Some(known) = self.lock().get_mut(&(install_id.to_owned(), of)) {
                known.count += count;
                known.bytes += bytes;
                known.changed = true;
            }
        }
    }

    /// Count anew when it is asked for next.
    pub fn forget(&self, install_id: &str) {
        self.lock().retain(|(known, _), _| known != install_id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, Holding), Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much more an install may keep.
pub async fn room(house: &House, install_id: &str, of: Holding) -> anyhow::Result<Room> {
    let settings = &house.config.plugins;
    let left = |known: Known| match of {
        Holding::State => Room {
            count: settings.state_keys - known.count,
            bytes: settings.state_bytes - known.bytes,
        },
        Holding::Timers => Room { count: settings.timers - known.count, bytes: i64::MAX },
    };
    let place = (install_id.to_owned(), of);
    let known = house.holdings.lock().get(&place).copied();
    let margin = MARGIN * i64::try_from(settings.state_value).unwrap_or(i64::MAX / MARGIN);
    let good = |known: &Known| {
        let age = known.counted.elapsed();
        let room = left(*known);
        let full = room.count < MARGIN || room.bytes < margin;
        age < OLD && !(full && known.changed && age >= PAUSE)
    };
    if let Some(known) = known.filter(good) {
        return Ok(left(known));
    }
    let mut conn = house.store.read().await?;
    let (count, bytes) = match of {
        Holding::State => state::held(&mut conn, install_id).await?,
        Holding::Timers => (timer::count(&mut conn, install_id).await?, 0),
    };
    let counted = Known { count, bytes, changed: false, counted: Instant::now() };
    house.holdings.lock().insert(place, counted);
    Ok(left(counted))
}
