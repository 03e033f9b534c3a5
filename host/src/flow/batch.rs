//! Group commit: what waits while a commit is under way goes into the next one, together.
//!
//! Light load never waits for company: an idle batcher takes the first item at once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};

use crate::store::{StoreError, is_transient};

/// A stage's work on a set, in one transaction.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    type Item: Clone + Send + Sync + 'static;
    type Done: Send + 'static;

    /// Do the work for all items and commit; one answer per item, in their order. On `Err` nothing
    /// may be written: a set of several is then tried item by item, so that one bad item never
    /// sinks the others.
    async fn commit(&self, items: &[Self::Item]) -> anyhow::Result<Vec<Self::Done>>;
}

/// Where items of a stage come together. Dropping it ends its task, once what waits is done.
pub struct Batcher<W: Work> {
    queue: mpsc::Sender<Waiting<W>>,
}

struct Waiting<W: Work> {
    item: W::Item,
    answer: oneshot::Sender<anyhow::Result<W::Done>>,
}

/// Items of one commit, at most.
const MOST: usize = 512;
/// How often a commit is tried that only got in another's way.
const TRIES: u32 = 5;

impl<W: Work> Batcher<W> {
    pub fn start(work: Arc<W>) -> Self {
        let (queue, mut waiting) = mpsc::channel(MOST * 2);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(MOST);
            while waiting.recv_many(&mut batch, MOST).await > 0 {
                commit(work.as_ref(), std::mem::take(&mut batch)).await;
            }
        });
        Self { queue }
    }

    /// Hand an item in and wait until it is committed.
    pub async fn submit(&self, item: W::Item) -> anyhow::Result<W::Done> {
        let (answer, answered) = oneshot::channel();
        let stopped = || anyhow::anyhow!("the host is stopping");
        self.queue.send(Waiting { item, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn commit<W: Work>(work: &W, batch: Vec<Waiting<W>>) {
    let items: Vec<W::Item> = batch.iter().map(|waiting| waiting.item.clone()).collect();
    match attempt(work, &items).await {
        Ok(done) => {
            for (waiting, done) in batch.into_iter().zip(done) {
                // Nobody waits any more where the caller went away; the work is done all the same.
                let _ = waiting.answer.send(Ok(done));
            }
        }
        Err(error) if batch.len() == 1 => {
            for waiting in batch {
                let _ = waiting.answer.send(Err(anyhow::anyhow!("{error:#}")));
            }
        }
        Err(error) => {
            tracing::warn!(
                error = format!("{error:#}"),
                items = batch.len(),
                "a set failed; trying its items one by one"
            );
            for waiting in batch {
                let done = attempt(work, std::slice::from_ref(&waiting.item)).await;
                let _ = waiting.answer.send(done.and_then(|mut done| {
                    done.pop().ok_or_else(|| anyhow::anyhow!("the stage gave no answer"))
                }));
            }
        }
    }
}

/// One commit. A deadlock is tried again; a panic counts as a failure of this set, since the stage
/// must go on for all others.
async fn attempt<W: Work>(work: &W, items: &[W::Item]) -> anyhow::Result<Vec<W::Done>> {
    let mut tries = 1;
    loop {
        let done = AssertUnwindSafe(work.commit(items)).catch_unwind().await;
        let done = done.unwrap_or_else(|_| Err(anyhow::anyhow!("the host failed at this set")));
        let passes = done.as_ref().is_err_and(|error| {
            error.chain().any(|cause| cause.downcast_ref::<StoreError>().is_some_and(is_transient))
        });
        if !passes || tries == TRIES {
            return done;
        }
        tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses odd numbers, and breaks at 13.
    struct Even;

    #[async_trait]
    impl Work for Even {
        type Item = u32;
        type Done = u32;

        async fn commit(&self, items: &[u32]) -> anyhow::Result<Vec<u32>> {
            assert!(!items.contains(&13), "a fault of the host");
            anyhow::ensure!(items.iter().all(|item| item % 2 == 0), "odd");
            Ok(items.to_vec())
        }
    }

    #[tokio::test]
    async fn a_bad_item_fails_alone_and_nothing_stops_the_stage() {
        let batcher = Batcher::start(Arc::new(Even));
        let all = futures_util::future::join_all([2, 3, 13, 4].map(|item| batcher.submit(item)));
        let done: Vec<Option<u32>> = all.await.into_iter().map(Result::ok).collect();
        assert_eq!(done, [Some(2), None, None, Some(4)]);
        assert_eq!(batcher.submit(6).await.ok(), Some(6), "the stage goes on");
    }
}
