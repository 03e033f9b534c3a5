//! Taking a plugin in: everything that can be wrong with it is found here, before its first event.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::artefact::Artefact;
use super::invoke::Loaded;
use super::manifest::{self, Grants, Manifest, On};
use super::runtime::Runtime;
use super::script;
use super::{
    Call, Fault, Host, Input, Install, NewFile, PluginError, Refusal, StateEntry, Verdict, incoming,
};
use crate::model::{
    Chat, Contact, Event, FaultClass, Message, Millis, Scope, StoredFile, Template, TemplateStatus,
    TimerSpec,
};

/// The contract that this host speaks.
const CONTRACT: &str = "switchboard:plugin@0.1";

/// A plugin that this host can run, and has kept.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// SHA-256 of the bytes, in hexadecimal: the version's name.
    pub hash: String,
    pub manifest: Manifest,
    /// The manifest as it was written.
    pub manifest_toml: String,
    /// Bytes of the component.
    pub size: usize,
}

impl Runtime {
    /// Check, compile and keep a plugin. Doing it again with the same bytes changes nothing.
    ///
    /// # Errors
    /// See [`PluginError`]: what is wrong, and what to change.
    pub async fn prepare(&self, bytes: Vec<u8>) -> Result<Prepared, PluginError> {
        let (manifest_toml, manifest) = self.read_manifest(&bytes)?;
        let hash = hex::encode(Sha256::digest(&bytes));
        let (end, source) = (manifest::end_of_code(&bytes)?, manifest::source(&bytes)?);
        let code = hex::encode(Sha256::digest(&bytes[..end]));
        let loaded = match self.artefacts().compiled(&code).await {
            Some(loaded) => loaded,
            None => self.load(&bytes[..end]).await?,
        };
        let artefact = Artefact { loaded, source: source.map(Arc::new) };
        check_exports(&artefact.loaded, &manifest)?;
        self.try_out(artefact.clone(), &hash, &manifest).await?;
        let size = bytes.len();
        self.artefacts().keep(&hash, &code, (&bytes, end), artefact).await?;
        Ok(Prepared { hash, manifest, manifest_toml, size })
    }

    /// Compile and link.
    pub(super) async fn load(&self, code: &[u8]) -> Result<Arc<Loaded>, PluginError> {
        let component = self.artefacts().compile(code.into()).await?;
        check_imports(&component)?;
        self.artefacts().link(&component).map(Arc::new)
    }

    /// What can be wrong with a plugin before it is compiled: its size and its manifest, which is
    /// given as it was written too.
    pub(super) fn read_manifest(&self, bytes: &[u8]) -> Result<(String, Manifest), PluginError> {
        let settings = self.settings();
        if bytes.len() > settings.max_size {
            return Err(PluginError::TooLarge { size: bytes.len(), max: settings.max_size });
        }
        let manifest_toml = manifest::extract(bytes)?;
        let manifest = Manifest::parse(&manifest_toml)?;
        manifest.check_limits(settings)?;
        check_host_version(&manifest)?;
        Ok((manifest_toml, manifest))
    }

    /// Make one instance, as every call does: some faults show nowhere else.
    pub(super) async fn try_out(
        &self,
        artefact: Artefact,
        hash: &str,
        manifest: &Manifest,
    ) -> Result<(), PluginError> {
        let carries = artefact.source.is_some();
        match self.start(artefact, call_of_nobody(hash, manifest)).await.verdict {
            Verdict::Failed(fault) => Err(PluginError::of_start(fault, carries)),
            _ => Ok(()),
        }
    }
}

/// A call for no team: to try a plugin out, or to ask it about itself.
pub(super) fn call_of_nobody(hash: &str, manifest: &Manifest) -> Call {
    let install = Install {
        id: String::new(),
        team_id: String::new(),
        plugin: manifest.id.clone(),
        hash: hash.to_owned(),
        generation: 0,
        manifest: Arc::new(manifest.clone()),
        config: Value::Object(serde_json::Map::new()),
        // What it may do where it runs, too; but nothing leaves the house before somebody agreed.
        grants: Grants { hosts: Vec::new(), reveal: Vec::new(), ..manifest.asks() },
        accounts: Vec::new(),
    };
    Call {
        install: Arc::new(install),
        event: Arc::new(no_event()),
        input: Input::Event,
        attempt: 1,
        job: String::new(),
        host: Arc::new(Nobody),
    }
}

fn check_host_version(manifest: &Manifest) -> Result<(), PluginError> {
    let is = env!("CARGO_PKG_VERSION");
    let fits = semver::Version::parse(is).is_ok_and(|is| manifest.host.matches(&is));
    if fits {
        Ok(())
    } else {
        Err(PluginError::HostVersion { needs: manifest.host.to_string(), is: is.to_owned() })
    }
}

/// Tell apart what no plugin may import from a contract of another version.
pub(super) fn check_imports(component: &Component) -> Result<(), PluginError> {
    let engine = component.engine();
    for (name, _) in component.component_type().imports(engine) {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        let package = interface.split('/').next().unwrap_or_default();
        match package {
            "switchboard:plugin" if !version.starts_with("0.1.") => {
                let found = format!("switchboard:plugin@{version}");
                return Err(PluginError::WitVersion { found, speaks: CONTRACT });
            }
            "switchboard:plugin" => {}
            "local:init" if name == script::LOADER => {}
            "wasi:cli" | "wasi:clocks" | "wasi:filesystem" | "wasi:http" | "wasi:io"
            | "wasi:random" | "wasi:sockets" => {
                if !version.starts_with("0.2.") {
                    return Err(PluginError::WitVersion {
                        found: name.to_owned(),
                        speaks: "WASI 0.2",
                    });
                }
            }
            _ => return Err(PluginError::ForbiddenImport(name.to_owned())),
        }
    }
    Ok(())
}

fn check_exports(loaded: &Loaded, manifest: &Manifest) -> Result<(), PluginError> {
    let missing = missing_exports(loaded.pre.component(), loaded, manifest);
    missing.into_iter().next().map_or(Ok(()), Err)
}

/// What the manifest receives and the component does not export.
pub(super) fn missing_exports(
    component: &Component,
    loaded: &Loaded,
    manifest: &Manifest,
) -> Vec<PluginError> {
    let received = |on: &On| manifest.events.iter().any(|subscription| subscription.on == *on);
    let missing = On::ALL.into_iter().filter(|on| received(on) && !loaded.handles(*on));
    let problem = |on: On| {
        let interface = format!("switchboard:plugin/on-{}", on.as_str());
        let standard = (on == On::Webhook).then(|| other_version(component, incoming::INTERFACE));
        match (other_version(component, &interface), standard.flatten()) {
            (Some(found), _) => PluginError::WitVersion { found, speaks: CONTRACT },
            (None, Some(found)) => PluginError::WitVersion { found, speaks: "WASI 0.2" },
            (None, None) => PluginError::MissingExport {
                on: on.as_str(),
                export: match on {
                    On::Webhook => format!("{interface}` or `{}", incoming::INTERFACE),
                    _ => interface,
                },
            },
        }
    };
    missing.map(problem).collect()
}

/// The same interface exported in a version that this host does not speak.
fn other_version(component: &Component, interface: &str) -> Option<String> {
    let exports = component.component_type();
    let mut names = exports.exports(component.engine()).map(|(name, _)| name.to_owned());
    names.find(|name| name.split_once('@').is_some_and(|(exported, _)| exported == interface))
}

fn no_event() -> Event {
    Event {
        id: String::new(),
        team_id: String::new(),
        cursor: 0,
        kind: String::new(),
        account_id: String::new(),
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: 0,
        depth: 0,
        data: Value::Null,
        trace: Default::default(),
    }
}

/// A host with nothing in it: for plugins that read while they start, and for measuring.
pub struct Nobody;

#[async_trait]
impl Host for Nobody {
    async fn state(&self, _: &str, _: &Scope, _: &str) -> anyhow::Result<Option<StateEntry>> {
        Ok(None)
    }

    async fn state_list(
        &self,
        _: &str,
        _: &Scope,
        _: &str,
        _: &str,
        _: i64,
    ) -> anyhow::Result<Vec<StateEntry>> {
        Ok(Vec::new())
    }

    async fn timers(&self, _: &str, _: &Scope) -> anyhow::Result<Vec<TimerSpec>> {
        Ok(Vec::new())
    }

    async fn contact(&self, _: &str, _: &str) -> anyhow::Result<Option<Contact>> {
        Ok(None)
    }

    async fn chat(&self, _: &str, _: &str) -> anyhow::Result<Option<Chat>> {
        Ok(None)
    }

    async fn message(&self, _: &str, _: &str) -> anyhow::Result<Option<Message>> {
        Ok(None)
    }

    async fn history(&self, _: &str, _: &str, _: &str, _: i64) -> anyhow::Result<Vec<Message>> {
        Ok(Vec::new())
    }

    async fn window_until(&self, _: &Chat) -> anyhow::Result<Millis> {
        Ok(0)
    }

    async fn templates(
        &self,
        _: &str,
        _: &str,
        _: Option<TemplateStatus>,
        _: &str,
        _: i64,
    ) -> anyhow::Result<Vec<Template>> {
        Ok(Vec::new())
    }

    async fn template(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: &str,
    ) -> anyhow::Result<Option<Template>> {
        Ok(None)
    }

    async fn file(&self, _: &str, _: &str) -> anyhow::Result<Option<StoredFile>> {
        Ok(None)
    }

    async fn file_bytes(
        &self,
        _: &str,
        _: &str,
        _: std::ops::Range<u64>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn write_file(&self, _: &str, _: NewFile) -> anyhow::Result<Result<StoredFile, Refusal>> {
        let message = "nothing is kept here".to_owned();
        Ok(Err(Refusal { code: "unavailable", message }))
    }

    async fn secret(&self, _: &str, _: &str) -> anyhow::Result<Option<String>> {
        Ok(None)
    }
}

impl Fault {
    pub(super) fn host(reason: impl Into<String>) -> Self {
        Self { class: FaultClass::Host, reason: reason.into(), backtrace: String::new() }
    }
}
