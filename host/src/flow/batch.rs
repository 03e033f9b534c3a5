//! Group commit: what waits while a commit is under way goes into the next one, together.
//!
//! Light load never waits for company: an idle batcher takes the first item at once.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

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
    match work.commit(&items).await {
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
                let done = work.commit(std::slice::from_ref(&waiting.item)).await;
                let _ = waiting.answer.send(done.and_then(|mut done| {
                    done.pop().ok_or_else(|| anyhow::anyhow!("the stage gave no answer"))
                }));
            }
        }
    }
}
