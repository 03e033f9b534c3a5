//! The wasmtime engine: how guests are compiled, interrupted and given memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, Instance, InstanceAllocationStrategy, Module, PoolingAllocationConfig,
    Store,
};

/// How often the clock of guests moves: the grain of every CPU limit.
const TICK: Duration = Duration::from_millis(10);

/// An engine for at most `live` instances at once, of at most `memory_max` bytes each, and whether
/// it pools them.
///
/// Pooling makes instances several times cheaper, but reserves terabytes of address space, which
/// some machines refuse: it is tried, and where it fails instances are allocated on demand.
///
/// # Errors
/// When no engine can be made at all.
pub(super) fn build(live: u32, memory_max: usize) -> wasmtime::Result<(Engine, bool)> {
    match pooling(live, memory_max) {
        Ok(engine) => Ok((engine, true)),
        Err(e) => {
            tracing::warn!(reason = %format!("{e:#}"), "no pooling of plugin instances here");
            Ok((Engine::new(&base())?, false))
        }
    }
}

fn base() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    // Compiling is nobody's emergency: one core at a time leaves the others to the service.
    config.parallel_compilation(false);
    config
}

fn pooling(live: u32, memory_max: usize) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(live)
        .total_core_instances(live * 64)
        .total_memories(live * 4)
        .total_tables(live * 8)
        .total_stacks(live)
        .max_memory_size(memory_max)
        .table_elements(100_000)
        .max_tables_per_module(4)
        .max_core_instances_per_component(200)
        .max_tables_per_component(200)
        // JavaScript and Python guests are far above the defaults.
        .max_core_instance_size(10 << 20)
        .max_component_instance_size(10 << 20)
        // Keeping pages resident spares unmapping them after every call, which costs the most.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(128 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    // A module with one memory: the reservation may succeed where its use does not.
    let module = Module::new(&engine, b"\0asm\x01\0\0\0\x05\x03\x01\0\x01")?;
    Instance::new(&mut Store::new(&engine, ()), &module, &[])?;
    Ok(engine)
}

/// Moves an engine's epoch on until it is dropped.
pub(super) struct Ticker {
    stop: Arc<AtomicBool>,
}

impl Ticker {
    /// Start a thread of its own, so that no busy task can hold time up.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let engine = engine.weak();
        let stopped = Arc::clone(&stop);
        std::thread::Builder::new().name("plugin-clock".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })?;
        Ok(Self { stop })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
