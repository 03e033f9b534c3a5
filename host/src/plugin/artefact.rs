//! Plugins on disk and in memory: the code by its hash, its compiled form beside it by engine, and the
//! linked form in memory while it is in use; for each plugin which code it is and what it carries, by
//! the hash of the whole file. Plugins of the same code share all of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::PluginError;
use super::cache::Cache;
use super::invoke::Loaded;
use super::manifest::{self, Source};
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
    /// By the hash of the code, which many plugins may share.
    codes: Cache<Arc<Loaded>>,
    /// By the hash of the whole file.
    plugins: Cache<Kept>,
    serial: AtomicU64,
}

/// A plugin in memory: its code, linked, and the text that it carries.
#[derive(Clone)]
pub(super) struct Artefact {
    pub loaded: Arc<Loaded>,
    pub source: Option<Arc<Source>>,
}

/// What is kept of a plugin beside the code that it shares.
struct Kept {
    code: String,
    source: Option<Arc<Source>>,
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
            codes: Cache::new(settings.cached),
            plugins: Cache::new(settings.cached),
            serial: AtomicU64::new(0),
        })
    }

    /// The plugin with this hash, from memory or from disk.
    ///
    /// # Errors
    /// When it is stored nowhere, or does not load any more.
    pub(super) async fn get(&self, hash: &str) -> Result<Artefact, PluginError> {
        let cell = self.plugins.slot(hash);
        let Kept { code, source } = cell.get_or_try_init(|| self.kept(hash)).await?;
        let cell = self.codes.slot(code);
        let loaded = cell.get_or_try_init(|| async {
            let component = self.component(code).await?;
            self.link(&component).map(Arc::new)
        });
        Ok(Artefact { loaded: Arc::clone(loaded.await?), source: source.clone() })
    }

    /// The code with this hash, where it is in memory or was compiled for this engine.
    pub(super) async fn compiled(&self, code: &str) -> Option<Arc<Loaded>> {
        if let Some(loaded) = self.codes.slot(code).get() {
            return Some(Arc::clone(loaded));
        }
        let component = self.read_compiled(code).await?;
        self.link(&component).ok().map(Arc::new)
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

    /// Keep a plugin that has been found good: its code, its code's compiled form, what it carries,
    /// then in memory. `bytes` is the whole file, of which the code are the first `end`.
    pub(super) async fn keep(
        &self,
        hash: &str,
        code: &str,
        (bytes, end): (&[u8], usize),
        artefact: Artefact,
    ) -> Result<(), PluginError> {
        let path = self.code(code);
        if !tokio::fs::try_exists(&path).await? {
            self.write(&path, &bytes[..end]).await?;
        }
        self.keep_compiled(code, &artefact.loaded).await?;
        let tail = [code.as_bytes(), b"\n", &bytes[end..]].concat();
        self.write(&self.carried(hash), &tail).await?;
        // Another upload of the same bytes may have been first: both are the same.
        let kept = Kept { code: code.to_owned(), source: artefact.source };
        let _ = self.plugins.slot(hash).set(kept);
        Ok(())
    }

    /// What is kept of a plugin: which code, and its source.
    async fn kept(&self, hash: &str) -> Result<Kept, PluginError> {
        let missing = || PluginError::NotFound(hash.to_owned());
        if !is_hash(hash) {
            return Err(missing());
        }
        if let Some(carried) = read(&self.carried(hash)).await? {
            let end = carried.iter().position(|byte| *byte == b'\n').ok_or_else(missing)?;
            let code = str::from_utf8(&carried[..end]).ok().filter(|code| is_hash(code));
            let source = manifest::source_of_tail(&carried[end + 1..])?.map(Arc::new);
            return Ok(Kept { code: code.ok_or_else(missing)?.to_owned(), source });
        }
        // Earlier hosts kept the whole file under its own hash.
        let whole = read(&self.code(hash)).await?.ok_or_else(missing)?;
        let source = manifest::source(&whole)?.map(Arc::new);
        Ok(Kept { code: hash.to_owned(), source })
    }

    async fn component(&self, code: &str) -> Result<Component, PluginError> {
        if let Some(component) = self.read_compiled(code).await {
            return Ok(component);
        }
        let Some(bytes) = read(&self.code(code)).await? else {
            return Err(PluginError::NotFound(code.to_owned()));
        };
        let component = self.compile(bytes.into()).await?;
        if let Err(e) = self.write_compiled(code, &component).await {
            tracing::warn!(code, error = %e, "a compiled plugin could not be kept; it runs all the same");
        }
        Ok(component)
    }

    /// The compiled form, where this engine has left one that it can read.
    async fn read_compiled(&self, code: &str) -> Option<Component> {
        let path = self.compiled_code(code);
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

    /// Keep code that any plugin may share: its compiled form, then in memory.
    pub(super) async fn keep_compiled(
        &self,
        code: &str,
        loaded: &Arc<Loaded>,
    ) -> Result<(), PluginError> {
        if !tokio::fs::try_exists(self.compiled_code(code)).await? {
            self.write_compiled(code, loaded.pre.component()).await?;
        }
        let _ = self.codes.slot(code).set(Arc::clone(loaded));
        Ok(())
    }

    async fn write_compiled(&self, code: &str, component: &Component) -> Result<(), PluginError> {
        let compiled = component.serialize().map_err(|e| PluginError::Host(format!("{e:#}")))?;
        Ok(self.write(&self.compiled_code(code), &compiled).await?)
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

    fn code(&self, code: &str) -> PathBuf {
        self.folder.join(format!("{code}.wasm"))
    }

    fn compiled_code(&self, code: &str) -> PathBuf {
        self.folder.join(format!("{code}.{}.cwasm", self.engine_hash))
    }

    /// The hash of a plugin's code in one line, then what its file carries behind the code.
    fn carried(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.plugin"))
    }
}

/// A file's bytes, where it is there.
async fn read(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match tokio::fs::read(path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
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
