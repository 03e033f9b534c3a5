//! A house with its stages and its server: started, and stopped with nothing lost.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channel::sandbox::Sandbox;
use crate::channel::{Channels, Intake};
use crate::clock::Clock;
use crate::config::Config;
use crate::flow::batch::Batcher;
use crate::flow::identity::signing;
use crate::flow::inbound::{Door, Receiver};
use crate::flow::media::Depot;
use crate::flow::{
    House, accounts, bulk, dispatch, folder, inbound, notify, outbox, people, timers, upkeep,
};
use crate::http;
use crate::model::{AccountState, ChannelType};
use crate::plugin::Runtime;
use crate::seal::Seal;
use crate::store::listen::Heard;
use crate::store::{Store, account, job, listen};

/// The whole service.
pub struct App;

/// A service that runs until [`Running::stop`].
pub struct Running {
    /// Where it listens; the port is the one that it got.
    pub addr: SocketAddr,
    pub house: Arc<House>,
    server: JoinHandle<()>,
    stages: TaskTracker,
    /// First no new requests are taken…
    stop_server: CancellationToken,
    /// …then the stages end what they began.
    stop_stages: CancellationToken,
}

impl App {
    /// Open the data folder and the database, start the stages, and serve.
    ///
    /// # Errors
    /// One sentence that says what is in the way: the port, the folder, the database, the key.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Running> {
        // The port first: where it is taken, nothing else is touched.
        let listener = listen_on(&config.server.listen).await?;
        let addr = listener.local_addr()?;
        let house = open(config, clock).await?;
        let (stop_server, stop_stages) = (CancellationToken::new(), CancellationToken::new());
        let stages = TaskTracker::new();
        start_stages(&house, &stages, &stop_stages).await?;
        let router = http::router(house.clone(), stop_server.clone());
        let server = tokio::spawn(http::serve(listener, router, stop_server.clone()));
        Ok(Running { addr, house, server, stages, stop_server, stop_stages })
    }
}

impl Running {
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Take no new requests, let what is under way end (for `server.stop_after` at most), and close
    /// the store. What had to be cut off is done again after the next start.
    pub async fn stop(self) {
        let Self { house, server, stages, stop_server, stop_stages, .. } = self;
        let patience =
            Duration::from_millis(u64::try_from(house.config.server.stop_after).unwrap_or(0));
        stop_server.cancel();
        let abort = server.abort_handle();
        if tokio::time::timeout(patience, server).await.is_err() {
            tracing::warn!("requests under way are cut off");
            abort.abort();
        }
        stop_stages.cancel();
        stages.close();
        if tokio::time::timeout(patience, stages.wait()).await.is_err() {
            tracing::warn!("some work under way is cut off; it is done again after the next start");
        }
        house.channels.sandbox.stop();
        house.spans.close().await;
        house.store.close().await;
    }
}

async fn listen_on(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{address} is in use: stop what listens there, or choose another --port (0 takes a free one)")
        }
        _ => anyhow::anyhow!("cannot listen on {address}: {error}"),
    })
}

/// A house at rest: everything open, nothing running.
pub async fn open(config: Config, clock: Clock) -> anyhow::Result<Arc<House>> {
    let store = Store::open(&config.database, &config.data).await?;
    let seal = Seal::open_or_create(&config.data)?;
    if store.was_unclean() {
        let jobs = job::recover(&store, clock.now()).await?;
        tracing::warn!(jobs, "the last stop was not a clean one; what was under way begins again");
    }
    signing::ensure(&store, &seal, &clock).await?;
    let runtime = Runtime::new(&config, clock.clone())?;
    let journal = journal_path(&config);
    let sandbox = Sandbox::new(config.sandbox.clone(), clock.clone(), &journal)?;
    let depot = Depot::open(&config)?;
    depot.check().await?;
    Ok(House::new(config, clock, store, Channels { sandbox }, runtime, seal, depot))
}

fn journal_path(config: &Config) -> PathBuf {
    let journal: &Path = &config.sandbox.journal;
    if journal.as_os_str().is_empty() {
        config.data.join("sandbox.jsonl")
    } else {
        journal.to_owned()
    }
}

async fn start_stages(
    house: &Arc<House>,
    stages: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let door = Arc::new(Door {
        house: house.clone(),
        receiver: Batcher::start(Arc::new(Receiver(house.clone()))),
    });
    forget_pairings(house, &door).await?;
    if house.config.sandbox.enabled {
        house.channels.sandbox.start(door.clone());
    }
    stages.spawn(inbound::run(door, stop.clone()));
    stages.spawn(dispatch::run(house.clone(), stop.clone()));
    stages.spawn(outbox::run(house.clone(), stop.clone()));
    stages.spawn(timers::run(house.clone(), stop.clone()));
    stages.spawn(notify::run(house.clone(), stop.clone()));
    stages.spawn(people::run(house.clone(), stop.clone()));
    stages.spawn(accounts::run(house.clone(), stop.clone()));
    stages.spawn(folder::run(house.clone(), stop.clone()));
    stages.spawn(bulk::run(house.clone(), stop.clone()));
    stages.spawn(upkeep::run(house.clone(), stop.clone()));
    stages.spawn(renew_leases(house.clone(), stop.clone()));
    stages.spawn(hear(house.clone(), stop.clone()));
    stages.spawn(http::metrics::run(stop.clone()));
    Ok(())
}

/// A QR code does not outlive the process that showed it.
async fn forget_pairings(house: &House, door: &Door) -> anyhow::Result<()> {
    let all =
        account::on_channel(&mut *house.store.read().await?, ChannelType::Sandbox.as_str()).await?;
    for account in all.iter().filter(|account| account.state == AccountState::Connecting) {
        let reason = "the host was restarted before the code was scanned";
        door.account_changed(&account.id, AccountState::Close, reason, None).await?;
    }
    Ok(())
}

/// Keep what this node has claimed (PostgreSQL); it runs on real time, as leases do.
async fn renew_leases(house: Arc<House>, stop: CancellationToken) {
    let lease = house.config.delivery.lease;
    let every = Duration::from_millis(u64::try_from(lease / 3).unwrap_or(0).max(100));
    while !stop.is_cancelled() {
        if let Err(error) = job::renew(&house.store, house.clock.now() + lease).await {
            tracing::warn!(%error, "claims could not be renewed; another node may take them over");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Wake the stages for what other nodes commit (PostgreSQL).
async fn hear(house: Arc<House>, stop: CancellationToken) {
    let heard = |heard| {
        if heard == Heard::Installs {
            house.registry.forget_all();
        }
        house.wake.all();
    };
    listen::run(&house.store, &house.config.database.url, stop, heard).await;
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("addr", &self.addr).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandboxs_journal_lies_in_the_data_folder_unless_named() {
        let mut config = Config { data: "/data".into(), ..Config::default() };
        assert_eq!(journal_path(&config), Path::new("/data/sandbox.jsonl"));
        config.sandbox.journal = "/elsewhere.jsonl".into();
        assert_eq!(journal_path(&config), Path::new("/elsewhere.jsonl"));
    }

    #[tokio::test]
    async fn a_port_in_use_is_one_clear_line() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = taken.local_addr().expect("an address").to_string();
        let refusal = listen_on(&address).await.expect_err("taken").to_string();
        assert!(
            refusal.contains(&address) && refusal.contains("--port") && !refusal.contains('\n'),
            "{refusal}"
        );
    }
}
