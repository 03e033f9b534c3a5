//! Looking at a plugin before it is installed: the checks of an upload, all of them, and what the
//! component says of itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::PluginError;
use super::artefact::Artefact;
use super::manifest::{self, Access, Grants, Manifest, Source};
use super::prepare::{check_imports, missing_exports};
use super::runtime::Runtime;

/// What is to be seen of a plugin.
#[derive(Debug, Default)]
pub struct Inspection {
    pub size: usize,
    pub manifest: Option<Manifest>,
    /// Names of interfaces, sorted, with the functions of each.
    pub imports: Vec<(String, Vec<String>)>,
    pub exports: Vec<String>,
    /// What its sources call of these interfaces, where they were looked at: in a language whose
    /// components import the whole contract, the imports say nothing.
    pub called: Option<Vec<(String, Vec<String>)>>,
    /// It is a text for an engine: what the engine could call says nothing either.
    pub is_text: bool,
    pub compiled_in: Option<Duration>,
    /// Why an upload would be refused; empty where it would not.
    pub problems: Vec<PluginError>,
}

/// The interfaces of the contract that need a permission.
const GUARDED: [&str; 9] =
    ["messaging", "timers", "state", "contacts", "chats", "templates", "media", "events", "http"];

/// The functions that change something where others only read.
const CHANGES: [&str; 8] =
    ["tag", "untag", "set-name", "opt-in", "opt-out", "hand-over", "hand-back", "assign"];

impl Runtime {
    /// Make every check of an upload, and go on after one that fails as far as that makes sense.
    /// Nothing is kept.
    pub async fn inspect(&self, bytes: Vec<u8>) -> Inspection {
        let mut seen = Inspection { size: bytes.len(), ..Inspection::default() };
        match self.read_manifest(&bytes) {
            Ok((_, manifest)) => seen.manifest = Some(manifest),
            Err(problem) => seen.problems.push(problem),
        }
        let source = match manifest::source(&bytes) {
            Ok(source) => source.map(Arc::new),
            Err(PluginError::NotAComponent(_)) => None,
            Err(problem) => {
                seen.problems.push(problem);
                None
            }
        };
        seen.is_text = source.is_some();
        let begun = Instant::now();
        let component = match self.artefacts().compile(bytes.into()).await {
            Ok(component) => component,
            Err(problem) => {
                // A file that is no component has no manifest either: one reason is enough.
                seen.problems.retain(|other| !matches!(other, PluginError::NoManifest));
                seen.problems.push(problem);
                return seen;
            }
        };
        seen.compiled_in = Some(begun.elapsed());
        seen.imports = imports(&component);
        seen.exports = exports(&component);
        if let Err(problem) = self.try_component(&component, source, seen.manifest.as_ref()).await {
            seen.problems.extend(problem);
        }
        seen
    }

    async fn try_component(
        &self,
        component: &Component,
        source: Option<Arc<Source>>,
        manifest: Option<&Manifest>,
    ) -> Result<(), Vec<PluginError>> {
        check_imports(component).map_err(|problem| vec![problem])?;
        let loaded = self.artefacts().link(component).map_err(|problem| vec![problem])?;
        let Some(manifest) = manifest else { return Ok(()) };
        let missing = missing_exports(component, &loaded, manifest);
        if !missing.is_empty() {
            return Err(missing);
        }
        let artefact = Artefact { loaded: Arc::new(loaded), source };
        self.try_out(artefact, "", manifest).await.map_err(|problem| vec![problem])
    }
}

impl Inspection {
    /// What would be denied when the plugin calls it, and what is asked for without need: one
    /// sentence each. Languages that import the whole contract say nothing by it; there it goes by
    /// what the sources call.
    pub fn warnings(&self) -> Vec<String> {
        let Some(manifest) = &self.manifest else { return Vec::new() };
        if (self.imports_all() || self.is_text) && self.called.is_none() {
            return Vec::new();
        }
        let asked = manifest.asks();
        let mut warnings = Vec::new();
        for name in GUARDED {
            match (self.needs(name), allows(name, &asked)) {
                (Access::None, granted) if granted > Access::None && !self.calls_out(name) => {
                    warnings.push(format!(
                        "it asks for `{}`, and calls nothing that needs it",
                        line(name, granted)
                    ));
                }
                (needed, granted) if needed > granted => {
                    warnings.push(format!(
                        "it calls `{name}`, which will be denied: add `{}` under [permissions]",
                        line(name, needed)
                    ));
                }
                _ => {}
            }
        }
        if self.functions("secrets").is_some() && manifest.secrets.is_empty() {
            warnings.push(
                "it calls `secrets`, and plugin.toml names none: add [secrets.<name>]".to_owned(),
            );
        }
        warnings
    }

    /// HTTP may go by the standard interface instead.
    fn calls_out(&self, name: &str) -> bool {
        name == "http"
            && self
                .imports
                .iter()
                .any(|(import, _)| import.starts_with("wasi:http/outgoing-handler@"))
    }

    /// The access that its imports of an interface need.
    fn needs(&self, name: &str) -> Access {
        let Some(functions) = self.functions(name) else { return Access::None };
        let changes = functions.iter().any(|function| CHANGES.contains(&function.as_str()));
        if changes { Access::Write } else { Access::Read }
    }

    fn imports_all(&self) -> bool {
        GUARDED.iter().all(|name| self.imported(name).is_some())
    }

    /// The functions that it calls of an interface of the contract, as far as can be seen.
    fn functions(&self, name: &str) -> Option<&[String]> {
        match &self.called {
            Some(called) if self.imports_all() => {
                let found = called.iter().find(|(interface, _)| interface == name);
                found.map(|(_, functions)| functions.as_slice())
            }
            _ => self.imported(name),
        }
    }

    /// The functions that it imports of an interface of the contract.
    fn imported(&self, name: &str) -> Option<&[String]> {
        let wanted = format!("switchboard:plugin/{name}@");
        let found = self.imports.iter().find(|(import, _)| import.starts_with(&wanted));
        found.map(|(_, functions)| functions.as_slice()).filter(|functions| !functions.is_empty())
    }
}

/// How far grants go for an interface; what is all or nothing goes all the way.
fn allows(name: &str, grants: &Grants) -> Access {
    let whole = |granted| if granted { Access::Write } else { Access::None };
    match name {
        "messaging" => whole(grants.messaging),
        "timers" => whole(grants.timers),
        "state" => whole(grants.state),
        "contacts" => grants.contacts,
        "chats" => grants.chats,
        "templates" => whole(grants.templates),
        "media" => whole(grants.media),
        "events" => whole(grants.events),
        _ => whole(!grants.hosts.is_empty()),
    }
}

/// The line of a manifest.
fn line(name: &str, access: Access) -> String {
    match (name, access) {
        ("http", _) => "hosts = [\"…\"]".to_owned(),
        ("contacts" | "chats", Access::Write) => format!("{name} = \"write\""),
        ("contacts" | "chats", _) => format!("{name} = \"read\""),
        _ => format!("{name} = true"),
    }
}

fn imports(component: &Component) -> Vec<(String, Vec<String>)> {
    let engine = component.engine();
    let kind = component.component_type();
    let mut imports: Vec<(String, Vec<String>)> = kind
        .imports(engine)
        .map(|(name, import)| (name.to_owned(), functions(engine, &import.ty)))
        .collect();
    imports.sort();
    imports
}

fn functions(engine: &wasmtime::Engine, item: &ComponentItem) -> Vec<String> {
    let ComponentItem::ComponentInstance(instance) = item else { return Vec::new() };
    let is_function = |item: &ComponentItem| matches!(item, ComponentItem::ComponentFunc(_));
    let named = instance.exports(engine).filter(|(_, export)| is_function(&export.ty));
    named.map(|(name, _)| name.to_owned()).collect()
}

fn exports(component: &Component) -> Vec<String> {
    let mut exports: Vec<String> = component
        .component_type()
        .exports(component.engine())
        .map(|(name, _)| name.to_owned())
        .collect();
    exports.sort();
    exports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(permissions: &str, imports: &[(&str, &[&str])]) -> Inspection {
        let manifest = format!("id = \"a\"\nversion = \"0.1.0\"\n[permissions]\n{permissions}");
        let named = |(name, functions): &(&str, &[&str])| {
            let functions = functions.iter().map(ToString::to_string).collect();
            (format!("switchboard:plugin/{name}@0.1.0"), functions)
        };
        Inspection {
            manifest: Some(Manifest::parse(&manifest).expect("a manifest")),
            imports: imports.iter().map(named).collect(),
            ..Inspection::default()
        }
    }

    #[test]
    fn a_call_that_will_be_denied_names_the_line_to_add() {
        let warnings = seen(
            "messaging = true\ncontacts = \"read\"",
            &[
                ("messaging", &["send-text"]),
                ("contacts", &["get", "tag"]),
                ("timers", &["set"]),
                ("types", &[]),
            ],
        )
        .warnings();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("`timers = true`"), "{warnings:?}");
        assert!(warnings[1].contains("`contacts = \"write\"`"), "{warnings:?}");
    }

    #[test]
    fn a_permission_without_need_is_named_and_the_whole_contract_says_nothing() {
        let warnings = seen("state = true", &[("messaging", &["send-text"])]).warnings();
        assert!(warnings.iter().any(|warning| warning.contains("`state = true`")), "{warnings:?}");
        let whole: Vec<(&str, &[&str])> =
            GUARDED.iter().map(|name| (*name, &["get"] as &[&str])).collect();
        let mut all = seen("state = true", &whole);
        assert_eq!(all.warnings(), Vec::<String>::new());
        all.called = Some(vec![("contacts".to_owned(), vec!["tag".to_owned()])]);
        let warnings = all.warnings();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings.iter().any(|warning| warning.contains("`contacts = \"write\"`")));
    }
}
