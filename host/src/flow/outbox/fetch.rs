//! A message's file is fetched from its address while other chats of the account go on: its job stays
//! claimed, at the head of its chat, and comes back to be sent once the file is stored.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};

use super::settle::{Closing, Left};
use super::{Outbox, SENDER_LEASE};
use crate::flow::media;
use crate::model::Message;
use crate::store::job::Job;

/// Files that are fetched at once for one account.
const AT_ONCE: usize = 8;

/// Messages of one account that wait for their files: beyond, the account waits with them.
const MOST: usize = 256;

/// The files that are fetched for an account, whichever sender of it began.
pub struct Fetches {
    under_way: AtomicUsize,
    slots: Semaphore,
    /// One has ended, or something else of the account is due.
    news: Notify,
}

impl Default for Fetches {
    fn default() -> Self {
        Self { under_way: AtomicUsize::new(0), slots: Semaphore::new(AT_ONCE), news: Notify::new() }
    }
}

impl Fetches {
    pub fn are_over(&self) -> bool {
        self.under_way.load(Ordering::Acquire) == 0
    }

    pub fn are_many(&self) -> bool {
        self.under_way.load(Ordering::Acquire) >= MOST
    }
}

/// One of them, until it is dropped.
struct UnderWay(Arc<Fetches>);

impl UnderWay {
    fn new(fetches: &Arc<Fetches>) -> Self {
        fetches.under_way.fetch_add(1, Ordering::AcqRel);
        Self(fetches.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
        self.0.news.notify_one();
    }
}

impl Outbox {
    fn fetches(&self) -> MutexGuard<'_, HashMap<String, Arc<Fetches>>> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of an account.
    pub(super) fn fetches_of(&self, account_id: &str) -> Arc<Fetches> {
        self.fetches().entry(account_id.to_owned()).or_default().clone()
    }

    /// Something of an account is due that has a sender: it may be waiting for files.
    pub(super) fn tell_sender(&self, account_id: &str) {
        if let Some(fetches) = self.fetches().get(account_id) {
            fetches.news.notify_one();
        }
    }

    /// Forget those of an account that has none.
    pub(super) fn forget_fetches(&self, account_id: &str) {
        let mut all = self.fetches();
        if all.get(account_id).is_some_and(|fetches| fetches.are_over()) {
            all.remove(account_id);
        }
    }

    /// Fetch the file of a claimed message behind the sender's back.
    pub(super) fn fetch(self: &Arc<Self>, fetches: &Arc<Fetches>, job: Job, message: Message) {
        let (outbox, under_way) = (self.clone(), UnderWay::new(fetches));
        self.fetching.spawn(async move {
            let (left, message) = outbox.fetched(&under_way.0, message).await;
            let closing = Closing { job, message: Some(message), left, conversations: false };
            outbox.settle(closing).await;
            // Where its sender went away meanwhile, another one comes.
            outbox.house.wake.outbox.notify_one();
        });
    }

    /// What comes of a fetch: with its file the message goes back to its place and leaves at the next
    /// claim, by the rules of that moment.
    async fn fetched(&self, fetches: &Fetches, mut message: Message) -> (Left, Message) {
        let fetching = async {
            let _slot = fetches.slots.acquire().await;
            media::prepare(&self.house, &mut message).await
        };
        let fetched = tokio::select! {
            fetched = fetching => fetched,
            () = self.stop.cancelled() => return (Left::Later, message),
        };
        let left = match fetched {
            Ok(Ok(())) => Left::Later,
            Ok(Err(problem)) => problem.left(&self.house.config.outbox),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(message = message.id, error, "outbox: a file is fetched again");
                crate::flow::pause().await;
                Left::Later
            }
        };
        (left, message)
    }

    /// Nothing can leave but what is being fetched: wait for a file, or for something else that is due.
    pub(super) async fn wait_for_files(&self, fetches: &Fetches) {
        tokio::select! {
            () = fetches.news.notified() => {}
            // In time to stay the sender.
            () = self.house.clock.sleep(SENDER_LEASE / 3) => {}
            () = self.stop.cancelled() => {}
        }
    }
}
