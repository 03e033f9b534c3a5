//! A database of a test's own: a file in its folder, or a new one on the tests' PostgreSQL.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::provided;

/// Which kind of database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

/// An empty database; its address goes into the settings. Empty for SQLite.
pub struct Database {
    pub url: String,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl Database {
    pub async fn new(on: On) -> Self {
        if on == On::Sqlite {
            return Self { url: String::new() };
        }
        let server = provided("SWITCHBOARD_TEST_POSTGRES");
        let name = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut conn = PgConnection::connect(&server).await.expect("the tests' PostgreSQL answers");
        conn.execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .expect("a new database");
        let (server, _) = server.rsplit_once('/').expect("an address ends in a database's name");
        Self { url: format!("{server}/{name}") }
    }
}
