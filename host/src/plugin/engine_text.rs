//! Engines: components that run plugins written as text, and make a manifest of such a text.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::artefact::Artefact;
use super::invoke::Loaded;
use super::manifest::{self, Source};
use super::prepare::call_of_nobody;
use super::runtime::Runtime;
use super::{PluginError, Verdict};

impl Runtime {
    /// The plugin that a text is: the engine's code, with the text and the manifest that the engine
    /// makes of it.
    ///
    /// # Errors
    /// What is wrong with the text, or with the engine.
    pub async fn wrap(&self, engine: &[u8], text: &Source) -> Result<Vec<u8>, PluginError> {
        let (_, manifest) = self.read_manifest(engine)?;
        let end = manifest::end_of_code(engine)?;
        let loaded = self.generic(&engine[..end]).await?;
        let call = call_of_nobody("", &manifest);
        let artefact = Artefact { loaded, source: None };
        match self.describe(artefact, call, Arc::from(text.text.as_str())).await.verdict {
            Verdict::Done { reply: Some(reply), .. } => {
                let words = String::from_utf8_lossy(&reply.body).into_owned();
                if reply.status != 200 {
                    return Err(PluginError::Source(words));
                }
                manifest::embed_source(&manifest::embed(&engine[..end], &words)?, text)
            }
            Verdict::Failed(fault) => Err(PluginError::DoesNotStart(fault)),
            _ => Err(PluginError::Host("the engine did not answer".to_owned())),
        }
    }

    /// The code of a component that many plugins share, compiled once and kept like any other.
    pub(super) async fn generic(&self, component: &[u8]) -> Result<Arc<Loaded>, PluginError> {
        let code = hex::encode(Sha256::digest(component));
        if let Some(loaded) = self.artefacts().compiled(&code).await {
            return Ok(loaded);
        }
        let loaded = self.load(component).await?;
        self.artefacts().keep_compiled(&code, &loaded).await?;
        Ok(loaded)
    }
}
