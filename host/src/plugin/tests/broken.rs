//! Files that are no good: each is refused before its first event, and told what to change.

use super::guest::{MANIFEST, assemble, component, guest};
use super::*;
use crate::plugin::manifest::embed;

async fn refusal(wasm: Vec<u8>) -> PluginError {
    Bench::new().runtime.prepare(wasm).await.expect_err("it should be refused")
}

#[track_caller]
fn assert_refusal(error: &PluginError, code: &str, word: &str) {
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(word), "{error}");
}

#[tokio::test]
async fn what_is_no_component_is_refused() {
    assert_refusal(&refusal(Vec::new()).await, "not_a_component", "component");
    assert_refusal(
        &refusal(b"#!/bin/sh\necho hello\n".to_vec()).await,
        "not_a_component",
        "component",
    );
    let module = wat::parse_str("(module)").expect("wat");
    assert_refusal(&refusal(module).await, "not_a_component", "wasm32-wasip2");
}

#[tokio::test]
async fn a_file_cut_short_anywhere_is_refused() {
    let whole = guest("global.get $ok");
    let bench = Bench::new();
    for length in (0..whole.len()).step_by(97) {
        let error = bench.runtime.prepare(whole[..length].to_vec()).await.expect_err("cut short");
        assert!(matches!(error.code(), "not_a_component" | "no_manifest"), "{length}: {error}");
    }
    assert!(bench.runtime.prepare(whole).await.is_ok());
}

#[tokio::test]
async fn the_manifest_must_be_there_and_hold() {
    let bare = wat::parse_str(component("global.get $ok", "")).expect("wat");
    assert_refusal(&refusal(bare.clone()).await, "no_manifest", "switchboard build");
    let with = |line: &str| {
        embed(&bare, &format!("id = \"x\"\nversion = \"1.0.0\"\n{line}")).expect("embeds")
    };
    assert_refusal(&refusal(with("host = \">=9\"")).await, "host_version", ">=9");
    assert_refusal(&refusal(with("[limits]\nmemory_mb = 4096")).await, "bad_manifest", "memory_mb");
    assert_refusal(
        &refusal(with("[[events]]\non = \"timer\"")).await,
        "missing_export",
        "on-timer",
    );
}

#[tokio::test]
async fn a_plugin_beyond_the_size_limit_is_refused() {
    let bench = Bench::with(|config| config.plugins.max_size = 100);
    let error = bench.runtime.prepare(guest("global.get $ok")).await.expect_err("too large");
    assert_refusal(&error, "plugin_too_large", "100");
}

#[tokio::test]
async fn a_forbidden_import_is_named() {
    let text = component("global.get $ok", "").replacen(
        "(component\n",
        "(component (import \"evil:raw/sockets@1.0.0\" (instance (export \"open\" (func))))\n",
        1,
    );
    assert_refusal(
        &refusal(assemble(MANIFEST, &text)).await,
        "forbidden_import",
        "evil:raw/sockets@1.0.0",
    );
}

#[tokio::test]
async fn another_version_of_the_contract_is_named() {
    let text =
        component("global.get $ok", "").replace("plugin/timers@0.1.0", "plugin/timers@0.2.0");
    assert_refusal(&refusal(assemble(MANIFEST, &text)).await, "wit_version", "0.2.0");
    let text = component("global.get $ok", "")
        .replace("plugin/on-message@0.1.0", "plugin/on-message@0.2.0");
    assert_refusal(&refusal(assemble(MANIFEST, &text)).await, "wit_version", "on-message@0.2.0");
}

#[tokio::test]
async fn a_function_of_another_type_is_refused() {
    let text = component("global.get $ok", "").replacen(
        "(export \"now\" (func (result u64)))",
        "(export \"now\" (func (result u32)))",
        1,
    );
    let text = text.replacen(
        "(import \"host\" \"now\" (func $now (result i64)))",
        "(import \"host\" \"now\" (func $now (result i32)))",
        1,
    );
    assert_refusal(&refusal(assemble(MANIFEST, &text)).await, "wit_mismatch", "now");
    // A record that differs shows only in an instance.
    let text =
        component("global.get $ok", "").replace("(field \"attempt\" u32)", "(field \"tries\" u32)");
    assert_refusal(&refusal(assemble(MANIFEST, &text)).await, "wit_mismatch", "SDK");
}

#[tokio::test]
async fn a_plugin_that_does_not_start_is_refused_with_its_fault() {
    let crash =
        assemble(MANIFEST, &component("global.get $ok", "(func $init unreachable) (start $init)"));
    assert_refusal(&refusal(crash).await, "does_not_start", "aborted");
    let hang = assemble(
        MANIFEST,
        &component("global.get $ok", "(func $init (loop $again (br $again))) (start $init)"),
    );
    assert_refusal(&refusal(hang).await, "does_not_start", "200 ms");
    let text = component("global.get $ok", "")
        .replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 1000)");
    assert_refusal(&refusal(assemble(MANIFEST, &text)).await, "does_not_start", "memory_mb");
}

#[tokio::test]
async fn a_version_that_is_not_stored_is_a_fault_of_the_host() {
    let bench = Bench::new();
    let install = bench.install(guest("global.get $ok")).await;
    for hash in ["0".repeat(64), "../../etc/passwd".to_owned(), String::new()] {
        let lost = Install { hash, ..Install::clone(&install) };
        let outcome = bench.call(&Arc::new(lost)).await;
        assert_eq!(fault(&outcome).class, FaultClass::Host);
        assert!(fault(&outcome).reason.contains("upload it again"), "{outcome:?}");
    }
}
