//! Hands the receipts in as they become due, again and again until the host has them.

use std::sync::Arc;

use crate::model::{Inbound, Millis};

use super::Shared;
use super::news::News;

/// Runs until the sandbox stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let stopping = shared.stopping.clone();
    stopping.run_until_cancelled(hand_in(&shared)).await;
}

async fn hand_in(shared: &Shared) {
    loop {
        let (due, next) = {
            let mut network = shared.network();
            (network.take_due(shared.clock.now()), network.next_due())
        };
        if due.is_empty() {
            wait(shared, next).await;
            continue;
        }
        let items = due.iter().cloned().map(Inbound::Status).collect();
        shared.tell(News::Receipts(items)).await;
        let now = shared.clock.now();
        if let Err(error) = shared.network().settle(&due, now) {
            tracing::warn!(%error, "receipts could not be written down; they are sent again after a restart");
        }
    }
}

/// Until the next receipt is due, or an earlier one joins.
async fn wait(shared: &Shared, next: Option<Millis>) {
    let due = async {
        match next {
            Some(next) => shared.clock.sleep_until(next).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shared.owed.notified() => {}
        () = due => {}
    }
}
