//! Scripts: a plugin whose code is the generic QuickJS component, and whose program is the text that its
//! file carries. Each call gets a fresh instance of the component, then the program, then the event.

mod modules;

use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, Instance};

use super::invoke::Answered;
use super::manifest::On;
use super::run::Run;

pub(super) use modules::{LOADER, add_to_linker};

/// The component, made by `cargo xtask engine` of the contract and QuickJS.
pub(super) const ENGINE: &[u8] = include_bytes!("../../../../plugins/sdk/engine/engine.wasm");

/// What QuickJS expects to find before the first module.
const SHIM: &str = "globalThis.wit = {};\n";

/// The function that takes the program.
pub(super) struct Init(ComponentExportIndex);

impl Init {
    /// Where the component is one that is given its program.
    pub(super) fn of(component: &Component) -> Option<Self> {
        let engine = component.engine();
        component.component_type().imports(engine).find(|(name, _)| *name == LOADER)?;
        component.get_export_index(None, "init").map(Self)
    }

    /// Run the program's first lines, up to where it waits for events; the inner error is its own.
    ///
    /// # Errors
    /// A trap, or a component that only looks like the engine.
    pub(super) async fn begin(
        &self,
        store: &mut Store<Run>,
        instance: &Instance,
    ) -> wasmtime::Result<Answered> {
        type Given<'a> = (&'a str, &'a str, Option<&'a str>, bool);
        let program = program(store.data());
        let init = instance.get_typed_func::<Given, (Result<(), String>,)>(&mut *store, self.0)?;
        let given = (SHIM, &*program, Some(modules::PROGRAM), false);
        let (begun,) = init.call_async(&mut *store, given).await?;
        let source = store.data().source.as_ref().map_or("", |source| &source.name);
        Ok(begun.map(|()| None).map_err(|words| in_short(source, &words)))
    }
}

/// The program around the author's: the handlers that the manifest names. Where it names none, the
/// program logs those that there are.
fn program(run: &Run) -> String {
    let mut program = format!(
        "import {{ handler, handlers }} from \"switchboard-sdk/runtime\";\n\
         import * as bot from \"{}\";\n",
        modules::SOURCE
    );
    let events = &run.call.install.manifest.events;
    if events.is_empty() {
        program.push_str("console.log(handlers(bot).join(\",\"));\n");
    }
    for on in On::ALL {
        if events.iter().any(|subscription| subscription.on == on) {
            let (name, kind) = (handler_name(on), on.as_str());
            program.push_str(&format!("export const {name} = handler(\"{kind}\", bot);\n"));
        }
    }
    program
}

/// The function by which a script receives a kind of event.
pub(super) fn handler_name(on: On) -> &'static str {
    match on {
        On::Message => "onMessage",
        On::Status => "onStatus",
        On::Account => "onAccount",
        On::Timer => "onTimer",
        On::Event => "onEvent",
        On::Webhook => "onWebhook",
    }
}

/// How the engine begins to say that a program does not.
const PHRASES: [&str; 6] = [
    "Failed to evaluate user JavaScript module: ",
    "Failed to evaluate JavaScript module: ",
    "Failed to declare JavaScript module: ",
    "Failed to finish JavaScript module evaluation: ",
    "JavaScript module job failed: ",
    "Error: ",
];

/// What the engine says of a program that does not begin, in one line with the place first.
fn in_short(source: &str, words: &str) -> String {
    let mut lines = words.lines();
    let mut first = lines.next().unwrap_or_default();
    for phrase in PHRASES {
        first = first.strip_prefix(phrase).unwrap_or(first);
    }
    if let Some((_, own)) = first.split_once(&format!("' from '{source}': ")) {
        first = own;
    }
    let place = lines.find_map(|line| {
        let (_, place) = line.trim_end().trim_end_matches(')').split_once(&format!("{source}:"))?;
        place.bytes().all(|b| b.is_ascii_digit() || b == b':').then_some(place)
    });
    match place {
        Some(place) => format!("{source}:{place}: {first}"),
        None => format!("{source}: {first}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_becomes_one_line_with_its_place() {
        for (said, short) in [
            (
                "Failed to evaluate user JavaScript module: Failed to declare JavaScript module: \
                 Error: unexpected token\n    at bot.js:2:11\n",
                "bot.js:2:11: unexpected token",
            ),
            (
                "Failed to evaluate user JavaScript module: Failed to finish JavaScript module \
                 evaluation: Error: foo is not defined\n    at <anonymous> (bot.js:3:1)\n",
                "bot.js:3:1: foo is not defined",
            ),
            (
                "Failed to evaluate user JavaScript module: Failed to declare JavaScript module: \
                 Error: Error resolving module './a.js' from 'bot.js': \"./a.js\": not here\n",
                "bot.js: \"./a.js\": not here",
            ),
            ("something else", "bot.js: something else"),
        ] {
            assert_eq!(in_short("bot.js", said), short);
        }
    }
}
