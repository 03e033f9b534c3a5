//! Plugins on disk and in memory: the bytes by content hash, the compiled form beside them by
//! engine, and the linked form in memory while it is in use.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::{OnceCell, Semaphore};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::PluginError;
use super::invoke::Loaded;
use super::run::Run;
use crate::config;

pub(super) struct Artefacts {
    folder: PathBuf,
    engine: Engine,
    linker: Linker<Run>,
    /// Part of the compiled files' names: another engine does not see them.
    engine_hash: String,
    compile_timeout: Duration,
    /// One at a time: compiling must not take the machine from the service.
    compiling: Arc<Semaphore>,
    cached: usize,
    cache: Mutex<HashMap<String, Slot>>,
    uses: AtomicU64,
    serial: AtomicU64,
}

/// A plugin in memory, or on its way there: who comes while it loads waits for the same one.
struct Slot {
    loaded: Arc<OnceCell<Arc<Loaded>>>,
    last_use: u64,
}

impl Artefacts {
    /// # Errors
    /// When the folder cannot be made.
    pub(super) fn new(
        settings: &config::Plugins,
        folder: PathBuf,
        engine: Engine,
        linker: Linker<Run>,
    ) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder,
            engine_hash: format!("{:016x}", hasher.finish()),
            engine,
            linker,
            compile_timeout: Duration::from_millis(
                u64::try_from(settings.compile_timeout).unwrap_or(0),
            ),
            compiling: Arc::new(Semaphore::new(1)),
            cached: settings.cached.max(1),
            cache: Mutex::default(),
            uses: AtomicU64::new(0),
            serial: AtomicU64::new(0),
        })
    }

    /// The plugin with this hash, from memory or from disk.
    ///
    /// # Errors
    /// When it is stored nowhere, or does not load any more.
    pub(super) async fn get(&self, hash: &str) -> Result<Arc<Loaded>, PluginError> {
        let cell = self.slot(hash);
        if let Some(loaded) = cell.get() {
            return Ok(Arc::clone(loaded));
        }
        let loaded = cell.get_or_try_init(|| async {
            let component = self.component(hash).await?;
            self.link(&component).map(Arc::new)
        });
        loaded.await.map(Arc::clone)
    }

    /// Link a component against everything that a plugin may import.
    ///
    /// # Errors
    /// When an import is not offered, or has another type.
    pub(super) fn link(&self, component: &Component) -> Result<Loaded, PluginError> {
        let pre = self.linker.instantiate_pre(component);
        pre.map(Loaded::new).map_err(|e| PluginError::WitMismatch(format!("{e:#}")))
    }

    /// Compile, away from the threads of the service.
    ///
    /// # Errors
    /// When the bytes are no component, or it takes too long. The compiler cannot be stopped: what
    /// takes too long goes on in the background, and holds up other compilations, not calls.
    pub(super) async fn compile(&self, bytes: Arc<[u8]>) -> Result<Component, PluginError> {
        let turn =
            tokio::time::timeout(self.compile_timeout, Arc::clone(&self.compiling).acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(PluginError::Host(
                "another plugin is still compiling: try again in a minute".to_owned(),
            ));
        };
        let engine = self.engine.clone();
        let compiling = tokio::task::spawn_blocking(move || {
            let component = Component::from_binary(&engine, &bytes);
            drop(turn);
            component
        });
        match tokio::time::timeout(self.compile_timeout, compiling).await {
            Ok(Ok(component)) => {
                component.map_err(|e| PluginError::NotAComponent(format!("{e:#}")))
            }
            Ok(Err(panic)) => {
                Err(PluginError::NotAComponent(format!("the compiler gave up: {panic}")))
            }
            Err(_) => Err(PluginError::TooSlow(
                i64::try_from(self.compile_timeout.as_millis()).unwrap_or(i64::MAX),
            )),
        }
    }

    /// Keep a plugin that has been found good: its bytes, then its compiled form, then in memory.
    pub(super) async fn keep(
        &self,
        hash: &str,
        bytes: &[u8],
        component: &Component,
        loaded: Arc<Loaded>,
    ) -> Result<(), PluginError> {
        self.write(&self.source(hash), bytes).await?;
        self.write_compiled(hash, component).await?;
        let cell = self.slot(hash);
        // Another upload of the same bytes may have been first: both are the same.
        let _ = cell.set(loaded);
        Ok(())
    }

    async fn component(&self, hash: &str) -> Result<Component, PluginError> {
        if !is_hash(hash) {
            return Err(PluginError::NotFound(hash.to_owned()));
        }
        if let Some(component) = self.read_compiled(hash).await {
            return Ok(component);
        }
        let bytes: Arc<[u8]> = match tokio::fs::read(self.source(hash)).await {
            Ok(bytes) => bytes.into(),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(PluginError::NotFound(hash.to_owned()));
            }
            Err(e) => return Err(e.into()),
        };
        let component = self.compile(bytes).await?;
        if let Err(e) = self.write_compiled(hash, &component).await {
            tracing::warn!(hash, error = %e, "a compiled plugin could not be kept; it runs all the same");
        }
        Ok(component)
    }

    /// The compiled form, where this engine has left one that it can read.
    pub(super) async fn read_compiled(&self, hash: &str) -> Option<Component> {
        let path = self.compiled(hash);
        let engine = self.engine.clone();
        let read = tokio::task::spawn_blocking(move || {
            if !path.exists() {
                return None;
            }
            load_compiled(&engine, &path)
                .inspect_err(|e| tracing::warn!(path = %path.display(), error = %e, "a compiled plugin does not load; compiling it again"))
                .ok()
        });
        read.await.ok().flatten()
    }

    async fn write_compiled(&self, hash: &str, component: &Component) -> Result<(), PluginError> {
        let compiled = component.serialize().map_err(|e| PluginError::Host(format!("{e:#}")))?;
        Ok(self.write(&self.compiled(hash), &compiled).await?)
    }

    /// Whole or not at all, and on the disk when this returns.
    async fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!("{}.{serial}.tmp", std::process::id()));
        let mut file = tokio::fs::File::create(&temporary).await?;
        file.write_all(bytes).await?;
        file.sync_all().await?;
        drop(file);
        tokio::fs::rename(&temporary, path).await?;
        // The new name is on the disk only when the folder is.
        tokio::fs::File::open(&self.folder).await?.sync_all().await
    }

    fn source(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.wasm"))
    }

    fn compiled(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.{}.cwasm", self.engine_hash))
    }

    /// The place in memory of a plugin; makes room by dropping the one unused for longest.
    fn slot(&self, hash: &str) -> Arc<OnceCell<Arc<Loaded>>> {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut cache = self.lock();
        if let Some(slot) = cache.get_mut(hash) {
            slot.last_use = now;
            return Arc::clone(&slot.loaded);
        }
        if cache.len() >= self.cached {
            let oldest =
                cache.iter().min_by_key(|(_, slot)| slot.last_use).map(|(hash, _)| hash.clone());
            oldest.and_then(|hash| cache.remove(&hash));
        }
        let loaded = Arc::new(OnceCell::new());
        cache.insert(hash.to_owned(), Slot { loaded: Arc::clone(&loaded), last_use: now });
        loaded
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    unsafe_code,
    reason = "wasmtime trusts compiled code: this folder is written by nobody but us"
)]
fn load_compiled(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was made by `Component::serialize` in `write_compiled`, renamed into place
    // when whole, and wasmtime itself refuses the work of other versions and settings.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Hashes come back from the store and become file names.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
