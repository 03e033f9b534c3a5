//! What the tests stand on: a server in the process, a client for it, receivers, databases.

mod browser;
mod bucket;
mod client;
mod database;
pub mod description;
mod receiver;
mod seeds;
mod server;
mod tables;

pub use browser::Browser;
pub use bucket::Bucket;
pub use client::{Answer, Client};
pub use database::{Database, On};
pub use receiver::{Receiver, Request};
pub use seeds::Seeds;
pub use server::Server;
pub use tables::Found;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Write every test once and run it on both databases, as `…::sqlite::name` and `…::postgres::name`.
macro_rules! both {
    ($($(#[$doc:meta])* async fn $name:ident($on:ident: On) $body:block)+) => {
        $($(#[$doc])* async fn $name($on: $crate::support::On) $body)+

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                Box::pin(super::$name($crate::support::On::Sqlite)).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                Box::pin(super::$name($crate::support::On::Postgres)).await;
            })+
        }
    };
}

/// What a test may take for something to come about, in real time. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ask again and again until there is an answer.
///
/// # Panics
/// When there is none within the patience of a test; `what` says what was waited for.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    match patiently(ask).await {
        Some(answer) => answer,
        None => panic!("waited {} s for {what}", PATIENCE.as_secs()),
    }
}

/// The same, but `None` when the patience is over.
pub async fn patiently<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}

/// Something that `cargo xtask test` provides.
pub fn provided(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test`"))
}

/// The file of a built plugin, by its package's name.
pub fn plugin_file(name: &str) -> PathBuf {
    let file = PathBuf::from(provided("SWITCHBOARD_TEST_PLUGINS")).join(format!("{name}.wasm"));
    assert!(
        file.is_file(),
        "{} is not there: run the tests with `cargo xtask test`",
        file.display()
    );
    file
}

/// The bytes of a built plugin.
pub fn plugin(name: &str) -> Vec<u8> {
    std::fs::read(plugin_file(name)).expect("a built plugin can be read")
}

/// A built plugin with another manifest: `old` replaced by `new` in the one that it has.
pub fn with_manifest(name: &str, old: &str, new: &str) -> Vec<u8> {
    let toml = std::fs::read_to_string(format!(
        "{}/../tests/guests/{name}/plugin.toml",
        env!("CARGO_MANIFEST_DIR")
    ));
    let toml = toml.expect("its manifest");
    assert!(toml.contains(old), "{toml}");
    switchboard::plugin::manifest::embed(&plugin(name), &toml.replace(old, new)).expect("embedded")
}
