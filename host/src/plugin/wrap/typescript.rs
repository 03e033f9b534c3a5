//! TypeScript to JavaScript: types become blanks, so that every line and column stays where it was. It
//! is done in the sandbox, by a component that is given the text as the body of a webhook.

use crate::plugin::artefact::Artefact;
use crate::plugin::manifest::Manifest;
use crate::plugin::prepare::call_of_nobody;
use crate::plugin::runtime::Runtime;
use crate::plugin::{Input, PluginError, Reply, Verdict};

/// The component, made by `cargo xtask engine` of the stripper that Node.js uses.
const STRIPPER: &[u8] = include_bytes!("../../../../plugins/sdk/engine/typescript.wasm");

/// What it may take for one file.
const MANIFEST: &str = "id = \"typescript\"\nversion = \"0.1.0\"\n\
                        [limits]\nmemory_mb = 128\ncpu_ms = 5000\nwall_ms = 60000\n";

impl Runtime {
    /// A program's text without its types.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with line and column.
    pub(super) async fn without_types(
        &self,
        name: &str,
        text: String,
    ) -> Result<String, PluginError> {
        let artefact = Artefact { loaded: self.generic(STRIPPER).await?, source: None };
        let mut call = call_of_nobody("", &Manifest::parse(MANIFEST)?);
        call.input = Input::Webhook {
            method: "POST".to_owned(),
            path: name.to_owned(),
            headers: Vec::new(),
            body: text.into_bytes(),
        };
        let source = |problem: String| Err(PluginError::Source(problem));
        match self.handle(artefact, call).await.verdict {
            Verdict::Done { reply: Some(Reply { status: 200, body, .. }), .. } => {
                String::from_utf8(body).or_else(|_| source(format!("{name}: is not UTF-8 text")))
            }
            Verdict::Done { reply: Some(Reply { body, .. }), .. } => {
                source(String::from_utf8_lossy(&body).into_owned())
            }
            Verdict::Failed(fault) => {
                source(format!("{name}: its types cannot be taken out: {}", fault.reason))
            }
            _ => source(format!("{name}: its types cannot be taken out")),
        }
    }
}
