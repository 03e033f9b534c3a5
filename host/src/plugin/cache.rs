//! What is kept in memory while it is in use: at most so much, and what was unused for longest goes
//! first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

pub(super) struct Cache<T> {
    most: usize,
    slots: Mutex<HashMap<String, Slot<T>>>,
    uses: AtomicU64,
}

/// A value, or one on its way: who comes while it loads waits for the same one.
struct Slot<T> {
    value: Arc<OnceCell<T>>,
    last_use: u64,
}

impl<T> Cache<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), slots: Mutex::default(), uses: AtomicU64::new(0) }
    }

    /// The place of a value; makes room where there is none.
    pub(super) fn slot(&self, key: &str) -> Arc<OnceCell<T>> {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut slots = self.lock();
        if let Some(slot) = slots.get_mut(key) {
            slot.last_use = now;
            return Arc::clone(&slot.value);
        }
        if slots.len() >= self.most {
            let oldest =
                slots.iter().min_by_key(|(_, slot)| slot.last_use).map(|(key, _)| key.clone());
            oldest.and_then(|key| slots.remove(&key));
        }
        let value = Arc::new(OnceCell::new());
        slots.insert(key.to_owned(), Slot { value: Arc::clone(&value), last_use: now });
        value
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot<T>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unused_for_longest_makes_room() {
        let cache = Cache::new(2);
        for key in ["a", "b", "a", "c"] {
            let _ = cache.slot(key).set(key.to_owned());
        }
        assert_eq!(cache.slot("a").get().map(String::as_str), Some("a"));
        assert_eq!(cache.slot("c").get().map(String::as_str), Some("c"));
        assert_eq!(cache.slot("b").get(), None);
    }
}
