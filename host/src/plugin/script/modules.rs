//! What a script may import: the SDK, and the contract (which the engine knows itself).

use wasmtime::component::Linker;

use crate::plugin::run::Run;

/// The interface by which the engine asks for modules.
pub(in crate::plugin) const LOADER: &str = "local:init/module-loader";

/// The name of the program around the author's.
pub(super) const PROGRAM: &str = "(switchboard)";

/// By this name it imports the author's.
pub(super) const SOURCE: &str = "(source)";

/// The folder of the SDK's modules.
const SDK: &str = "switchboard-sdk/";

macro_rules! modules {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!("../../../../plugins/sdk/js/", $name)))),+]
    };
}

/// The modules of the SDK, by their paths in it.
const MODULES: [(&str, &str); 13] = modules!("index.js" "src/bytes.js" "src/call.js" "src/error.js"
    "src/globals.js" "src/http.js" "src/media.js" "src/messaging.js" "src/people.js" "src/runtime.js"
    "src/shown.js" "src/state.js" "src/timers.js");

/// The module that has everything of the others.
const INDEX: &str = "index.js";

/// The index without the modules of which a script mentions no word: what is loaded is read anew in every
/// call, and most scripts need little.
fn needed(index: &str, script: &str) -> String {
    let all = script.contains("* as");
    let mentions = |line: &str| {
        let names = line.strip_prefix("export {").and_then(|rest| rest.split_once('}'));
        names.is_none_or(|(names, _)| names.split(',').any(|name| script.contains(name.trim())))
    };
    let lines = index.lines().filter(|line| all || mentions(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Answer the engine's questions for modules.
pub(in crate::plugin) fn add_to_linker(linker: &mut Linker<Run>) -> wasmtime::Result<()> {
    let mut loader = linker.instance(LOADER)?;
    loader.func_wrap("resolve", |mut store, (from, asked): (String, String)| {
        store.data_mut().enter(from.len() + asked.len())?;
        Ok((store.data().resolve(&from, &asked),))
    })?;
    loader.func_wrap("load", |mut store, (path,): (String,)| {
        store.data_mut().enter(path.len())?;
        Ok((store.data().module(&path),))
    })
}

impl Run {
    /// The path of a module that another one asks for.
    fn resolve(&self, from: &str, asked: &str) -> Result<String, String> {
        match asked {
            "switchboard-sdk" => return Ok(format!("{SDK}{INDEX}")),
            "switchboard-sdk/runtime" => return Ok(format!("{SDK}src/runtime.js")),
            SOURCE => return self.source_name().map(str::to_owned),
            _ => {}
        }
        if from.starts_with(SDK) {
            let name = asked.rsplit('/').next().unwrap_or_default();
            return Ok(format!("{SDK}src/{name}"));
        }
        Err(format!(
            "{asked:?}: a bot in one file imports \"switchboard-sdk\" alone; \
             several files, or packages, need a folder with plugin.toml and `switchboard build`"
        ))
    }

    fn module(&self, path: &str) -> Result<String, String> {
        if let Some(name) = path.strip_prefix(SDK) {
            let found = MODULES.iter().find(|(known, _)| *known == name);
            let (_, text) = found.ok_or_else(|| format!("there is no {path}"))?;
            let script = self.source.as_ref().map_or("", |source| &source.text);
            return Ok(if name == INDEX { needed(text, script) } else { (*text).to_owned() });
        }
        let source = self.source.as_ref().filter(|source| source.name == path);
        source.map(|source| source.text.clone()).ok_or_else(|| format!("there is no {path}"))
    }

    fn source_name(&self) -> Result<&str, String> {
        let source = self.source.as_ref().ok_or("the plugin's file carries no script")?;
        Ok(&source.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_loads_what_it_mentions() {
        let (_, index) = MODULES[0];
        let little = needed(index, "import { reply } from \"switchboard-sdk\";");
        assert!(little.contains("messaging.js") && little.contains("globals.js"), "{little}");
        assert!(!little.contains("http.js") && !little.contains("media.js"), "{little}");
        assert_eq!(needed(index, "import * as sdk from \"switchboard-sdk\";"), index);
    }

    #[test]
    fn the_sdk_is_carried_whole() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk/js/src");
        let files = std::fs::read_dir(folder).expect("a folder").flatten();
        let names = files.map(|file| format!("src/{}", file.file_name().to_string_lossy()));
        for name in names.filter(|name| name.ends_with(".js")) {
            assert!(MODULES.iter().any(|(known, _)| *known == name), "{name}");
        }
    }
}
