//! What other nodes tell through PostgreSQL: that there is news, and that installs changed.

use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use super::{Backend, Conn, Store};

const CHANNEL: &str = "switchboard";
const INSTALLS: &str = "installs";

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody committed.
    News,
    /// Installs or endpoints changed, or something may have been missed.
    Installs,
}

/// Say to all nodes, when this transaction commits, that installs or endpoints changed.
pub async fn tell_installs(store: &Store, conn: &mut Conn) -> sqlx::Result<()> {
    if store.backend() == Backend::Postgres {
        conn.execute("SELECT pg_notify('switchboard', 'installs')").await?;
    }
    Ok(())
}

/// Listen until told to stop; a lost connection is made anew. Returns at once on SQLite, where one
/// process is all there is.
pub async fn run(store: &Store, url: &str, stop: CancellationToken, heard: impl Fn(Heard)) {
    if store.backend() == Backend::Sqlite {
        return;
    }
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = listen(url, &heard) => ended,
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "lost the connection that listens to PostgreSQL; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

async fn listen(url: &str, heard: &impl Fn(Heard)) -> sqlx::Result<()> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    heard(Heard::Installs);
    loop {
        match listener.try_recv().await? {
            Some(notice) if notice.payload() == INSTALLS => heard(Heard::Installs),
            Some(_) => heard(Heard::News),
            // The connection was lost and is back: what was said meanwhile is unknown.
            None => heard(Heard::Installs),
        }
    }
}
