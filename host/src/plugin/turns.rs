//! Whose turn it is: so many calls at once in all, and so many for one install.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who may call: so many at once for one install, and so many in all.
pub(super) struct Turns {
    all: Arc<Semaphore>,
    per_install: usize,
    installs: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place among the calls under way; given back when dropped.
pub(super) struct Turn {
    _install: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Turns {
    /// Installs that nobody calls are forgotten beyond so many.
    const REMEMBERED: usize = 1024;

    pub(super) fn new(all: usize, per_install: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.max(1))),
            per_install: per_install.max(1),
            installs: Mutex::default(),
        }
    }

    /// The install's own turn comes first: one that floods waits in its own queue.
    pub(super) async fn take(&self, install_id: &str) -> Option<Turn> {
        let install = self.of_install(install_id).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn { _install: install, _all: all })
    }

    fn of_install(&self, install_id: &str) -> Arc<Semaphore> {
        let mut installs = self.installs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = installs.get(install_id) {
            return Arc::clone(semaphore);
        }
        if installs.len() >= Self::REMEMBERED {
            // Permits hold the semaphore too: whoever has one is remembered.
            installs.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let semaphore = Arc::new(Semaphore::new(self.per_install));
        installs.insert(install_id.to_owned(), Arc::clone(&semaphore));
        semaphore
    }
}
