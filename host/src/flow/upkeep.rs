//! What nobody needs any more is forgotten, a little at a time.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{House, media};
use crate::model::Millis;
use crate::store::{endpoint, event, import, plugin_hour, plugin_log, session, state, webhook};

const HOUR: Millis = 60 * 60 * 1000;
const DAY: Millis = 24 * HOUR;

/// Rows of one table that go in one transaction: few enough that nobody waits long for the writer.
const SET: i64 = 1000;

/// Look once an hour until told to stop.
pub async fn run(house: Arc<House>, stop: CancellationToken) {
    loop {
        if let Err(error) = sweep(&house).await {
            tracing::warn!(error = format!("{error:#}"), "upkeep: will try again in an hour");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = house.clock.sleep(HOUR) => {}
        }
    }
}

/// Forget events and logs older than the setting, values whose time is over, and replies to webhooks
/// that nobody repeats any more.
pub async fn sweep(house: &House) -> anyhow::Result<()> {
    let now = house.clock.now();
    let old = now - house.config.limits.event_days * DAY;
    media::sweep(house, now - house.config.media.unused_days * DAY).await?;
    loop {
        let mut tx = house.store.begin().await?;
        let gone = [
            event::purge(&mut tx, old, SET).await?,
            plugin_log::purge(&mut tx, old, SET).await?,
            plugin_hour::purge(&mut tx, old, SET).await?,
            state::purge(&mut tx, now, SET).await?,
            endpoint::purge_attempts(&mut tx, old, SET).await?,
            webhook::purge_replies(&mut tx, old, SET).await?,
            // An access token may outlive its session's last refresh token by a day.
            session::purge(&mut tx, now - DAY, SET).await?,
        ];
        import::purge(&mut tx, now - DAY).await?;
        tx.commit().await?;
        if gone.iter().all(|rows| *rows < u64::try_from(SET).unwrap_or(0)) {
            return Ok(());
        }
    }
}
