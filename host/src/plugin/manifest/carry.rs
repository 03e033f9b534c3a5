//! How the manifest travels: as a custom section of the component, so that one file is the plugin.

use wasmparser::{Encoding, Parser, Payload};

use crate::plugin::PluginError;

/// The name of the custom section that holds the text of `plugin.toml`.
pub const SECTION: &str = "switchboard:manifest";

/// The component with this manifest added; it takes the place of an earlier one.
///
/// # Errors
/// When `wasm` is no component, or the manifest does not hold.
pub fn embed(wasm: &[u8], manifest: &str) -> Result<Vec<u8>, PluginError> {
    super::Manifest::parse(manifest)?;
    find(wasm)?;
    let mut content = Vec::with_capacity(manifest.len() + 32);
    write_leb128(&mut content, SECTION.len());
    content.extend_from_slice(SECTION.as_bytes());
    content.extend_from_slice(manifest.as_bytes());
    let mut out = wasm.to_vec();
    out.push(0);
    write_leb128(&mut out, content.len());
    out.extend_from_slice(&content);
    Ok(out)
}

/// The manifest's text inside a component.
///
/// # Errors
/// When the file is cut short or no component, or holds no manifest.
pub fn extract(wasm: &[u8]) -> Result<String, PluginError> {
    let Some(text) = find(wasm)? else { return Err(PluginError::NoManifest) };
    String::from_utf8(text.to_vec()).map_err(|_| {
        PluginError::Manifest(super::ManifestError::new("plugin.toml", "is not UTF-8 text"))
    })
}

/// The last manifest section of the outermost component.
fn find(wasm: &[u8]) -> Result<Option<&[u8]>, PluginError> {
    let broken = |problem: String| PluginError::NotAComponent(problem);
    let mut depth = 0_usize;
    let mut found = None;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload
            .map_err(|e| broken(format!("it is damaged or cut short ({})", e.message())))?
        {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(broken(
                    "it is a core module: build it for the target wasm32-wasip2".to_owned(),
                ));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                found = Some(section.data());
            }
            _ => {}
        }
    }
    Ok(found)
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
