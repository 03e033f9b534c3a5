//! How long a guest may compute, and where.
//!
//! Most calls take microseconds and run where they were asked for, on the caller's worker: a change
//! of thread would cost more than they do. A guest that is still computing after its first slice
//! moves to a few threads kept for such guests, and yields there at every tick. So a busy guest
//! holds a worker of the server for a slice and no longer, and takes turns with other busy guests.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinError;
use tokio_util::context::TokioContext;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::UpdateDeadline;

/// How long a guest may compute on the caller's worker.
const SLICE: Duration = Duration::from_millis(5);

/// Counts the time that a guest spends computing: while its future is polled, not while it waits.
pub(super) struct Meter {
    budget: Duration,
    start: Instant,
    /// Microseconds since `start` at which the present poll began.
    entered: AtomicU64,
    /// Microseconds of the polls before.
    spent: AtomicU64,
    busy: AtomicBool,
}

impl Meter {
    pub(super) fn new(budget: Duration) -> Arc<Self> {
        Arc::new(Self {
            budget,
            start: Instant::now(),
            entered: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            busy: AtomicBool::new(false),
        })
    }

    /// What becomes of a guest that meets a tick of the engine's clock.
    pub(super) fn at_tick(&self) -> UpdateDeadline {
        let now = self.micros().saturating_sub(self.entered.load(Ordering::Relaxed));
        let spent = Duration::from_micros(self.spent.load(Ordering::Relaxed) + now);
        if spent >= self.budget {
            return UpdateDeadline::Interrupt;
        }
        if spent < SLICE {
            return UpdateDeadline::Continue(1);
        }
        self.busy.store(true, Ordering::Relaxed);
        UpdateDeadline::Yield(1)
    }

    /// Microseconds of all polls so far.
    pub(super) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn enter(&self) {
        self.entered.store(self.micros(), Ordering::Relaxed);
    }

    fn leave(&self) {
        let now = self.micros().saturating_sub(self.entered.load(Ordering::Relaxed));
        self.spent.fetch_add(now, Ordering::Relaxed);
    }
}

/// A future whose polls are counted.
pub(super) struct Metered<'a, F> {
    meter: &'a Meter,
    future: Pin<Box<F>>,
}

impl<'a, F> Metered<'a, F> {
    pub(super) fn new(meter: &'a Meter, future: F) -> Self {
        Self { meter, future: Box::pin(future) }
    }
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.enter();
        let poll = self.future.as_mut().poll(cx);
        self.meter.leave();
        poll
    }
}

/// Run a guest here for its first slice, and on the threads of `guests` after it.
///
/// # Errors
/// When those threads are shutting down.
pub(super) async fn run<F>(
    future: F,
    meter: &Meter,
    guests: &Handle,
) -> Result<F::Output, JoinError>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let mut future = Box::pin(future);
    let first = std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if meter.busy.load(Ordering::Relaxed) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    if let Some(output) = first.await {
        return Ok(output);
    }
    // Its timers and sockets stay with the server's runtime, whose workers are never held up.
    let moved = TokioContext::new(future, Handle::current());
    AbortOnDropHandle::new(guests.spawn(moved)).await
}
