//! The WASI that guests get: clocks of the house, real chance, output as log lines, nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::logs::{Logs, Stream};
use super::run::Run;
use crate::clock::Clock;
use crate::model::Millis;

/// Offer WASI 0.2 and outgoing HTTP. What a guest may not do is linked all the same, and refused
/// when it is called: languages import whole worlds.
pub(super) fn add_to_linker(linker: &mut Linker<Run>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

impl WasiView for Run {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| context(&self.clock, &self.logs));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for Run {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// No arguments, no environment, no files; the defaults refuse every address and name.
fn context(clock: &Clock, logs: &Logs) -> WasiCtx {
    WasiCtx::builder()
        .wall_clock(Wall(clock.clone()))
        .monotonic_clock(Monotonic {
            start: clock.now(),
            last: AtomicU64::new(0),
            clock: clock.clone(),
        })
        .stdout(Output { logs: logs.clone(), stream: Stream::Out })
        .stderr(Output { logs: logs.clone(), stream: Stream::Error })
        // What a guest asks for is made in the host's memory first.
        .max_random_size(1 << 20)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

struct Wall(Clock);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now()).unwrap_or(0))
    }
}

/// Time since the call began. The house's clock may be set back; this one stands still then.
struct Monotonic {
    clock: Clock,
    start: Millis,
    last: AtomicU64,
}

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        let now =
            u64::try_from(self.clock.now() - self.start).unwrap_or(0).saturating_mul(1_000_000);
        self.last.fetch_max(now, Ordering::Relaxed).max(now)
    }
}

/// A standard stream that becomes log lines.
#[derive(Clone)]
struct Output {
    logs: Logs,
    stream: Stream,
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    /// For other generations of WASI, which are not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.logs.write(self.stream, &bytes).map_err(|stop| StreamError::Trap(stop.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}
