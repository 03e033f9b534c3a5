//! From a bare file to a plugin: one text, put beside the generic component that runs it. This is the
//! one place that knows which files those are; another kind is another arm of [`Runtime::wrap_script`].

mod head;
mod typescript;

use std::path::Path;
use std::sync::Arc;

use self::head::Head;
use super::artefact::Artefact;
use super::manifest::{Manifest, On, Source, embed, embed_source};
use super::prepare::call_of_nobody;
use super::runtime::Runtime;
use super::{PluginError, Verdict, script};

/// The name of a file that was sent without one.
const NAMELESS: &str = "bot.js";

/// What a bare file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    Javascript,
    Typescript,
}

impl Bare {
    /// By the extension of a file's name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "js" | "mjs" => Some(Self::Javascript),
            "ts" | "mts" => Some(Self::Typescript),
            _ => None,
        }
    }
}

impl Bare {
    /// As the field writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Javascript => "javascript",
            Self::Typescript => "typescript",
        }
    }
}

impl Runtime {
    /// The plugin in a file's bytes: a component as it is, a bare text wrapped. A text without a name
    /// is JavaScript.
    ///
    /// # Errors
    /// As [`Self::wrap_script`].
    pub async fn open(&self, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, PluginError> {
        let is_binary = bytes.is_empty() || bytes.contains(&0);
        if is_binary || name.ends_with(".wasm") {
            return Ok(bytes);
        }
        match String::from_utf8(bytes) {
            Ok(text) => self.wrap_script(if name.is_empty() { NAMELESS } else { name }, text).await,
            // Neither: what is wrong with it is said when it is looked at.
            Err(error) => Ok(error.into_bytes()),
        }
    }

    /// Make a plugin of a bare file: its manifest is the comment at its top, and what that leaves out
    /// is taken from the file.
    ///
    /// # Errors
    /// What is wrong with it, with its line; also when no component runs such files.
    pub async fn wrap_script(&self, name: &str, text: String) -> Result<Vec<u8>, PluginError> {
        let head = Head::read(name, &text)?;
        let text = match Bare::of(Path::new(name)) {
            Some(Bare::Javascript) => text,
            Some(Bare::Typescript) => self.without_types(name, text).await?,
            None => {
                return Err(PluginError::Source(format!(
                    "{name}: a bare file is JavaScript or TypeScript, and its name ends in .js or .ts"
                )));
            }
        };
        let source = Source { name: name.to_owned(), text };
        let file = embed_source(script::ENGINE, &source)?;
        let exported = self.exported(&head, source).await?;
        let manifest = head.manifest(&exported)?;
        check_handlers(name, &Manifest::parse(&manifest)?, &exported)?;
        embed(&file, &manifest)
    }

    /// The handlers of a script, found by running it up to where it waits for events.
    async fn exported(&self, head: &Head, source: Source) -> Result<Vec<On>, PluginError> {
        let mut manifest = Manifest::parse(&head.manifest(&[On::Message])?)?;
        manifest.check_limits(self.settings())?;
        // One that receives nothing tells its handlers.
        manifest.events.clear();
        manifest.schedules.clear();
        let loaded = self.generic(script::ENGINE).await?;
        let artefact = Artefact { loaded, source: Some(Arc::new(source)) };
        let outcome = self.start(artefact, call_of_nobody("", &manifest)).await;
        match outcome.verdict {
            Verdict::Failed(fault) => Err(PluginError::of_start(fault, true)),
            _ => {
                let told = outcome.logs.last().map_or("", |line| line.message.as_str());
                let kinds: Vec<&str> = told.split(',').collect();
                Ok(On::ALL.into_iter().filter(|on| kinds.contains(&on.as_str())).collect())
            }
        }
    }
}

/// What the manifest receives must be there, and a file without any handler is a mistake.
fn check_handlers(name: &str, manifest: &Manifest, exported: &[On]) -> Result<(), PluginError> {
    let received = |on: &On| manifest.events.iter().any(|subscription| subscription.on == *on);
    let missing = On::ALL.into_iter().find(|on| received(on) && !exported.contains(on));
    match missing {
        Some(on) => Err(PluginError::Source(format!(
            "{name}: it receives {} events: write `export function {}(event) {{ … }}`",
            on.as_str(),
            script::handler_name(on)
        ))),
        None if manifest.events.is_empty() => Err(PluginError::Source(format!(
            "{name}: it handles nothing: write `export function onMessage(event) {{ … }}`"
        ))),
        None => Ok(()),
    }
}
