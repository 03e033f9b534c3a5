//! What travels with the code: the manifest, and the text that a generic component runs. Both are
//! custom sections at the end of the component, so that one file is the plugin.

use wasmparser::{Encoding, Parser, Payload};

use super::{Manifest, ManifestError};
use crate::plugin::PluginError;

/// The name of the custom section that holds the text of `plugin.toml`.
pub const SECTION: &str = "switchboard:manifest";

/// The name of the custom section that holds a [`Source`]: its name, a line feed, its text.
pub const SOURCE: &str = "switchboard:source";

/// The most bytes of a source.
const MAX_SOURCE: usize = 1 << 20;

/// A text that a plugin's file carries beside its code, such as a script or a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name of its file, such as `bot.js`.
    pub name: String,
    pub text: String,
}

/// The component with this manifest added; it takes the place of an earlier one. A source stays.
///
/// # Errors
/// When `wasm` is no component, or the manifest does not hold.
pub fn embed(wasm: &[u8], manifest: &str) -> Result<Vec<u8>, PluginError> {
    Manifest::parse(manifest)?;
    let carried = Carried::of(wasm)?;
    Ok(Carried { manifest: Some(manifest.as_bytes()), ..carried }.write(wasm))
}

/// The component with this source added; it takes the place of an earlier one. A manifest stays.
///
/// # Errors
/// When `wasm` is no component, or the source is too large or has no proper name.
pub fn embed_source(wasm: &[u8], source: &Source) -> Result<Vec<u8>, PluginError> {
    check(source)?;
    let carried = Carried::of(wasm)?;
    let content = format!("{}\n{}", source.name, source.text);
    Ok(Carried { source: Some(content.as_bytes()), ..carried }.write(wasm))
}

/// The manifest's text inside a component.
///
/// # Errors
/// When the file is cut short or no component, or holds no manifest.
pub fn extract(wasm: &[u8]) -> Result<String, PluginError> {
    let Some(text) = Carried::of(wasm)?.manifest else { return Err(PluginError::NoManifest) };
    String::from_utf8(text.to_vec())
        .map_err(|_| PluginError::Manifest(ManifestError::new("plugin.toml", "is not UTF-8 text")))
}

/// The source that a plugin's file carries.
///
/// # Errors
/// When the file is no component, or its source does not hold.
pub fn source(wasm: &[u8]) -> Result<Option<Source>, PluginError> {
    Carried::of(wasm)?.source.map(read_source).transpose()
}

/// Where the code ends and what it carries begins: plugins that differ only behind it are the same
/// code, and are compiled once.
///
/// # Errors
/// When the file is cut short or no component.
pub fn end_of_code(wasm: &[u8]) -> Result<usize, PluginError> {
    Ok(Carried::of(wasm)?.begins)
}

/// The source in what stands behind the code.
///
/// # Errors
/// When it does not hold.
pub(in crate::plugin) fn source_of_tail(tail: &[u8]) -> Result<Option<Source>, PluginError> {
    // Sections are read in a file: the shortest component before them makes one.
    source(&[b"\0asm\x0d\0\x01\0", tail].concat())
}

fn read_source(content: &[u8]) -> Result<Source, PluginError> {
    let bad =
        |problem: &str| PluginError::Source(format!("the text that the plugin carries: {problem}"));
    let content = str::from_utf8(content).map_err(|_| bad("it is not UTF-8 text"))?;
    let (name, text) = content.split_once('\n').ok_or_else(|| bad("it has no name"))?;
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    check(&source)?;
    Ok(source)
}

fn check(source: &Source) -> Result<(), PluginError> {
    let Source { name, text } = source;
    let strange = |letter: char| letter.is_control() || matches!(letter, '/' | '\\');
    if name.is_empty() || name.len() > 200 || name.contains(strange) {
        return Err(PluginError::Source(format!("{name:?} is no name of a file")));
    }
    if text.len() > MAX_SOURCE {
        let most = MAX_SOURCE >> 10;
        return Err(PluginError::Source(format!("{name} is larger than {most} KiB")));
    }
    Ok(())
}

/// The sections of ours in the outermost component; the last of a kind counts.
#[derive(Clone, Copy)]
struct Carried<'a> {
    manifest: Option<&'a [u8]>,
    /// Known at the end of the file alone.
    source: Option<&'a [u8]>,
    /// Nothing but sections of ours comes from here on.
    begins: usize,
}

impl<'a> Carried<'a> {
    fn of(wasm: &'a [u8]) -> Result<Self, PluginError> {
        let broken = |problem: String| PluginError::NotAComponent(problem);
        let mut depth = 0_usize;
        let mut found = Self { manifest: None, source: None, begins: 0 };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload
                .map_err(|e| broken(format!("it is damaged or cut short ({})", e.message())))?
            {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(broken(
                        "it is a core module: build it for the target wasm32-wasip2".to_owned(),
                    ));
                }
                Payload::Version { range, .. } if depth == 0 => found.passes(range.end),
                Payload::ModuleSection { unchecked_range, .. }
                | Payload::ComponentSection { unchecked_range, .. } => {
                    depth += 1;
                    found.passes(unchecked_range.end);
                }
                // The file's own end is no section.
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                    found.manifest = Some(section.data());
                }
                Payload::CustomSection(section) if depth == 0 && section.name() == SOURCE => {
                    found.source = Some(section.data());
                }
                other if depth == 0 => {
                    if let Some((_, range)) = other.as_section() {
                        found.passes(range.end);
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Something else stands up to here.
    fn passes(&mut self, end: usize) {
        self.begins = self.begins.max(end);
        self.source = None;
    }

    /// The code of `wasm` with what is carried behind it.
    fn write(&self, wasm: &[u8]) -> Vec<u8> {
        let mut out = wasm[..self.begins].to_vec();
        for (name, content) in [(SECTION, self.manifest), (SOURCE, self.source)] {
            if let Some(content) = content {
                write_section(&mut out, name, content);
            }
        }
        out
    }
}

fn write_section(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut section = Vec::with_capacity(content.len() + 32);
    write_leb128(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    out.push(0);
    write_leb128(out, section.len());
    out.extend_from_slice(&section);
}

fn write_leb128(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}
