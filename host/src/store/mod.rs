//! All SQL, and nothing but: plain functions over a connection. The caller owns the transaction.

pub mod account;
pub mod account_day;
pub mod bulk;
pub mod chat;
pub mod contact;
pub mod contact_list;
pub mod conversation;
pub mod credential;
pub mod dead_letter;
pub mod department;
pub mod endpoint;
pub mod endpoint_stats;
pub mod erase;
pub mod event;
pub mod forget;
pub mod group;
pub mod history;
pub mod import;
pub mod job;
pub mod ledger;
pub mod listen;
pub mod media;
pub mod merge;
pub mod message;
pub mod plugin;
pub mod plugin_call;
pub mod plugin_change;
pub mod plugin_hour;
pub mod plugin_log;
pub mod removal;
pub mod resend;
pub mod search;
pub mod session;
pub mod signing_key;
pub mod sql;
pub mod state;
pub mod team;
pub mod team_removal;
pub mod template;
pub mod timer;
pub mod usage;
pub mod user;
pub mod webhook;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Executor, SqlSafeStr, Transaction};

use crate::config;

/// A transaction; it rolls back when it is dropped uncommitted.
pub type Tx = Transaction<'static, Any>;
pub type Conn = AnyConnection;
pub use sqlx::Error as StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The database: SQLite in the data folder, or PostgreSQL.
#[derive(Clone)]
pub struct Store {
    /// Many connections, which on SQLite only read. A pool of their own: a transaction that needs to
    /// read beside itself must not wait for connections held by those that wait for its locks.
    readers: AnyPool,
    /// For transactions; on SQLite the one connection that writes.
    writers: AnyPool,
    backend: Backend,
    leases: job::Leases,
    /// Names this data folder's process in claims; the same after a restart.
    node: i64,
    folder: Arc<Folder>,
}

/// The data folder, held by this process alone.
struct Folder {
    /// There while a process runs; who finds it at start follows one that did not stop cleanly.
    running: PathBuf,
    /// Whether it was found at start.
    unclean: bool,
    /// The lock ends with the process.
    _lock: File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Store {
    /// Open (and migrate) the database of these settings.
    ///
    /// # Errors
    /// When another process holds the data folder, when the database cannot be reached, or when it
    /// was written by a newer version.
    pub async fn open(settings: &config::Database, data: &Path) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        std::fs::create_dir_all(data)
            .with_context(|| format!("cannot create {}", data.display()))?;
        let folder = Arc::new(hold_folder(data)?);
        let node = node_token(data)?;
        let (readers, writers, backend) = if settings.url.is_empty() {
            let (readers, writers) = Self::open_sqlite(settings, data).await?;
            (readers, writers, Backend::Sqlite)
        } else {
            let (readers, writers) = Self::open_postgres(settings).await?;
            (readers, writers, Backend::Postgres)
        };
        Ok(Self { readers, writers, backend, leases: job::Leases::default(), node, folder })
    }

    async fn open_sqlite(
        settings: &config::Database,
        data: &Path,
    ) -> anyhow::Result<(AnyPool, AnyPool)> {
        let path = data.join("switchboard.db");
        let url = sqlite_url(&path)?;
        let writers = AnyPoolOptions::new()
            .max_connections(1)
            .after_connect(|conn, _| Box::pin(sqlite_pragmas(conn)))
            .connect(&url)
            .await
            .with_context(|| format!("cannot open {}", path.display()))?;
        migrate(&writers, Backend::Sqlite).await?;
        let readers = AnyPoolOptions::new()
            .max_connections(settings.connections)
            .after_connect(|conn, _| Box::pin(sqlite_pragmas(conn)))
            .connect(&url)
            .await?;
        Ok((readers, writers))
    }

    async fn open_postgres(settings: &config::Database) -> anyhow::Result<(AnyPool, AnyPool)> {
        let options = AnyPoolOptions::new().max_connections(settings.connections);
        let writers = options
            .clone()
            .connect(&settings.url)
            .await
            .context("cannot reach the database that database.url names")?;
        migrate(&writers, Backend::Postgres).await?;
        let readers = options.connect(&settings.url).await?;
        Ok((readers, writers))
    }

    /// Whether the process before this one ended without [`Store::close`].
    pub fn was_unclean(&self) -> bool {
        self.folder.unclean
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// A connection to read what is committed.
    pub async fn read(&self) -> sqlx::Result<PoolConnection<Any>> {
        self.readers.acquire().await
    }

    /// A transaction to write in. On SQLite there is one at a time.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        match self.backend {
            Backend::Sqlite => self.writers.begin_with("BEGIN IMMEDIATE").await,
            Backend::Postgres => self.writers.begin().await,
        }
    }

    /// Commit, and tell the other nodes that there is news (PostgreSQL). On `Err` nothing is written.
    pub async fn commit(&self, mut tx: Tx) -> sqlx::Result<()> {
        if self.backend == Backend::Postgres {
            tx.execute("SELECT pg_notify('switchboard', '')").await?;
        }
        tx.commit().await
    }

    /// Close all connections, and note that nothing was left running.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
        if let Err(error) = std::fs::remove_file(&self.folder.running) {
            tracing::warn!(%error, "the next start will take this stop for a crash");
        }
    }
}

/// A file's address; the path may hold spaces and question marks.
fn sqlite_url(path: &Path) -> anyhow::Result<String> {
    let absolute: PathBuf = std::path::absolute(path)?;
    let file =
        url::Url::from_file_path(&absolute).ok().context("the data folder has no absolute path")?;
    Ok(format!("sqlite://{}?mode=rwc", file.path()))
}

fn hold_folder(data: &Path) -> anyhow::Result<Folder> {
    let lock = File::options().create(true).truncate(false).write(true).open(data.join("lock"))?;
    lock.try_lock().map_err(|_| {
        anyhow::anyhow!(
            "{} is in use by another switchboard; stop it, or choose another --data",
            data.display()
        )
    })?;
    let running = data.join("running");
    let unclean = running.exists();
    File::create(&running)?;
    Ok(Folder { running, unclean, _lock: lock })
}

/// The number that names this data folder's process in claims.
fn node_token(data: &Path) -> anyhow::Result<i64> {
    let path = data.join("node");
    if let Ok(text) = std::fs::read_to_string(&path)
        && let Ok(node) = text.trim().parse()
    {
        return Ok(node);
    }
    let node = rand::random_range(1..i64::MAX);
    std::fs::write(&path, node.to_string())?;
    Ok(node)
}

async fn sqlite_pragmas(conn: &mut AnyConnection) -> sqlx::Result<()> {
    // FULL: a commit is on the disk before it is answered.
    conn.execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA busy_timeout = 10000; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; \
         PRAGMA journal_size_limit = 67108864; PRAGMA mmap_size = 1073741824;",
    )
    .await?;
    Ok(())
}

async fn migrate(pool: &AnyPool, backend: Backend) -> anyhow::Result<()> {
    let migrations = MIGRATIONS.iter().map(|migration| for_backend(migration, backend)).collect();
    Migrator::with_migrations(migrations)
        .run(pool)
        .await
        .context("cannot bring the database's schema up to date")
}

/// The same text for both, but for blocks that name one of them, and that PostgreSQL must be told to
/// sort texts by their bytes.
fn for_backend(migration: &Migration, backend: Backend) -> Migration {
    let own = own_lines(migration.sql.as_str(), backend);
    let text = match backend {
        Backend::Sqlite => own,
        Backend::Postgres => own.replace(" TEXT", " TEXT COLLATE \"C\""),
    };
    let description: Cow<'static, str> = migration.description.clone();
    let sql = AssertSqlSafe(text).into_sql_str();
    Migration::new(migration.version, description, migration.migration_type, sql, migration.no_tx)
}

/// A migration without the blocks of the other database: from `-- only sqlite` (or `postgres`) to
/// `-- end`.
fn own_lines(text: &str, backend: Backend) -> String {
    let other = match backend {
        Backend::Sqlite => "-- only postgres",
        Backend::Postgres => "-- only sqlite",
    };
    let mut skipping = false;
    let keep = |line: &&str| {
        let word = line.trim();
        skipping = (skipping || word == other) && word != "-- end";
        !skipping
    };
    text.split_inclusive('\n').filter(keep).collect()
}

/// True for failures that pass by themselves when the transaction is run again: a deadlock, a
/// serialisation failure, a busy database.
pub fn is_transient(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().and_then(|error| error.code()) else { return false };
    matches!(code.as_ref(), "40P01" | "40001" | "5" | "517")
}
