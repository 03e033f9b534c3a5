//! Why a plugin cannot be loaded, with a stable code and what to do about it.

use super::Fault;
use super::manifest::ManifestError;
use crate::model::FaultClass;

/// Each says in one sentence what is wrong and what to change.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    #[error("the plugin has {size} bytes; this host takes at most {max}")]
    TooLarge { size: usize, max: usize },
    #[error("this file is not a WebAssembly component: {0}")]
    NotAComponent(String),
    #[error(
        "the component has no manifest: build it with `switchboard build`, which adds plugin.toml"
    )]
    NoManifest,
    #[error("plugin.toml: {0}")]
    Manifest(#[from] ManifestError),
    /// What a plugin's file carries beside its code: a script that does not parse, a flow that does
    /// not hold.
    #[error("{0}")]
    Source(String),
    #[error("the plugin needs a host {needs}; this one is {is}")]
    HostVersion { needs: String, is: String },
    #[error(
        "compiling took longer than {0} ms: make the plugin smaller, or raise plugins.compile_timeout"
    )]
    TooSlow(i64),
    /// It imports what no plugin may have.
    #[error("it imports {0:?}, which this host does not offer: remove what needs it")]
    ForbiddenImport(String),
    /// It was built against another contract.
    #[error(
        "it was built against {found}, and this host speaks {speaks}: rebuild it with the matching SDK"
    )]
    WitVersion { found: String, speaks: &'static str },
    /// A function or record differs from the contract's.
    #[error("it does not fit the contract of this host ({0}): rebuild it with the matching SDK")]
    WitMismatch(String),
    #[error("plugin.toml receives `{on}` events, but the component does not export `{export}`")]
    MissingExport { on: &'static str, export: String },
    /// It trapped, or ran out of a limit, before its first event.
    #[error("it does not start: {}", .0.reason)]
    DoesNotStart(Fault),
    #[error("no plugin with the hash {0} is stored here: upload it again")]
    NotFound(String),
    #[error("the plugin's file cannot be kept or read: {0}")]
    Storage(#[from] std::io::Error),
    #[error("the host cannot run plugins now: {0}")]
    Host(String),
}

impl PluginError {
    /// What a fault before the first event says of a plugin; of one that `carries` a source, an error
    /// is its source's.
    pub(super) fn of_start(fault: Fault, carries: bool) -> Self {
        match fault.class {
            FaultClass::Host => Self::WitMismatch(fault.reason),
            FaultClass::Exception if carries => Self::Source(fault.reason),
            _ => Self::DoesNotStart(fault),
        }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "plugin_too_large",
            Self::NotAComponent(_) => "not_a_component",
            Self::NoManifest => "no_manifest",
            Self::Manifest(_) => "bad_manifest",
            Self::Source(_) => "bad_source",
            Self::HostVersion { .. } => "host_version",
            Self::TooSlow(_) => "compile_timeout",
            Self::ForbiddenImport(_) => "forbidden_import",
            Self::WitVersion { .. } => "wit_version",
            Self::WitMismatch(_) => "wit_mismatch",
            Self::MissingExport { .. } => "missing_export",
            Self::DoesNotStart(_) => "does_not_start",
            Self::NotFound(_) => "plugin_not_found",
            Self::Storage(_) => "plugin_storage",
            Self::Host(_) => "plugin_host",
        }
    }

    /// True where the file is at fault and not the host: sending it again will not help.
    pub fn is_of_the_plugin(&self) -> bool {
        !matches!(self, Self::NotFound(_) | Self::Storage(_) | Self::Host(_))
    }
}
