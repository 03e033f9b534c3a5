//! Guests that behave: what they ask for comes home, and nothing else.

use super::guest::{assemble, component, guest, guest_with};
use super::*;
use crate::model::MAX_DEPTH;

#[tokio::test]
async fn effects_come_home_with_the_verdict() {
    let bench = Bench::new();
    let outcome = bench.run(guest("call $cancel_timer call $log call $stop global.get $ok")).await;
    assert!(matches!(outcome.verdict, Verdict::Done { stop: true, reply: None }), "{outcome:?}");
    assert_eq!(
        outcome.effects,
        [Effect::CancelTimer { scope: Scope::Plugin, name: "key".to_owned() }]
    );
    assert_eq!(outcome.logs, [LogLine { at: NOON, level: "info", message: "sorry".to_owned() }]);
    assert!(outcome.usage.memory_bytes >= 2 * 65536, "{:?}", outcome.usage);
}

#[tokio::test]
async fn an_error_keeps_nothing_but_logs() {
    let bench = Bench::new();
    let outcome = bench.run(guest("call $cancel_timer call $log global.get $error")).await;
    assert_eq!(
        fault(&outcome),
        &Fault {
            class: FaultClass::Exception,
            reason: "sorry".to_owned(),
            backtrace: String::new()
        }
    );
    assert_eq!(outcome.logs.len(), 1);
}

#[tokio::test]
async fn a_plugin_puts_its_event_off_or_gives_it_up() {
    let bench = Bench::new();
    let later = bench
        .run(guest("call $cancel_timer (call $retry (i64.const 5000)) global.get $error"))
        .await;
    assert!(matches!(later.verdict, Verdict::RetryAfter(5000)), "{later:?}");
    assert_eq!(later.effects, []);
    let never =
        bench.run(guest("(call $reject (i32.const 1024) (i32.const 5)) global.get $ok")).await;
    assert!(matches!(&never.verdict, Verdict::Rejected(reason) if reason == "sorry"), "{never:?}");
}

#[tokio::test]
async fn a_call_reads_its_own_writes_and_records_what_it_saw_of_the_store() {
    let bench = Bench::new();
    let entry =
        StateEntry { key: "key".to_owned(), value: "41".to_owned(), version: 9, expires_at: None };
    bench.house.state.lock().expect("a lock").push((Scope::Plugin, entry));
    let outcome = bench.run(guest("call $count call $count call $get_state global.get $ok")).await;
    assert!(is_done(&outcome), "{outcome:?}");
    let value = Some("43".to_owned());
    assert_eq!(
        outcome.effects,
        [Effect::SetState { scope: Scope::Plugin, key: "key".to_owned(), value, expires_at: None }]
    );
    assert_eq!(
        outcome.reads,
        [StateRead { scope: Scope::Plugin, key: "key".to_owned(), version: Some(9) }]
    );
}

#[tokio::test]
async fn an_expired_key_counts_from_nothing() {
    let bench = Bench::new();
    let entry = StateEntry {
        key: "key".to_owned(),
        value: "41".to_owned(),
        version: 9,
        expires_at: Some(NOON),
    };
    bench.house.state.lock().expect("a lock").push((Scope::Plugin, entry));
    let outcome = bench.run(guest("call $count global.get $ok")).await;
    assert!(
        matches!(&outcome.effects[..], [Effect::SetState { value: Some(value), .. }] if value == "1"),
        "{outcome:?}"
    );
    assert_eq!(outcome.reads[0].version, Some(9));
}

#[tokio::test]
async fn what_was_not_granted_is_denied_with_the_line_to_add() {
    let bench = Bench::new();
    let manifest = "id = \"guest\"\nversion = \"0.1.0\"\n[[events]]\non = \"message\"\n";
    let wasm = guest_with(
        manifest,
        "call $cancel_timer (if (call $failed) (then (call $log_error))) global.get $ok",
    );
    let outcome = bench.run(wasm).await;
    assert!(is_done(&outcome));
    assert_eq!(outcome.effects, []);
    assert!(outcome.logs[0].message.contains("timers = true"), "{:?}", outcome.logs);

    let body = "call $cancel_timer (if (call $failed) (then (call $log_error))) global.get $ok";
    let mut install = Install::clone(&*bench.install(guest(body)).await);
    install.grants.timers = false;
    let outcome = bench.call(&Arc::new(install)).await;
    assert!(outcome.logs[0].message.contains("did not grant"), "{:?}", outcome.logs);
}

#[tokio::test]
async fn plugins_do_not_answer_each_other_without_end() {
    let bench = Bench::new();
    let install = bench.install(send_text("cht_1")).await;
    let shallow = bench.call_at_depth(&install, MAX_DEPTH - 1).await;
    assert!(matches!(&shallow.effects[..], [Effect::Send { .. }]), "{shallow:?}");
    let deep = bench.call_at_depth(&install, MAX_DEPTH).await;
    assert_eq!(deep.effects, []);
    assert!(deep.logs[0].message.starts_with("loop"), "{deep:?}");
}

#[tokio::test]
async fn every_event_meets_a_fresh_instance() {
    let bench = Bench::new();
    let body = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (result i32) (i32.eq (global.get $calls) (i32.const 1)) (then global.get $ok) (else global.get $error))";
    let wasm =
        assemble(guest::MANIFEST, &component(body, "(global $calls (mut i32) (i32.const 0))"));
    let install = bench.install(wasm).await;
    for _ in 0..20 {
        assert!(is_done(&bench.call(&install).await));
    }
}

#[tokio::test]
async fn a_guest_that_computes_for_long_may_wait_afterwards() {
    let bench = Bench::with(|config| (config.plugins.cpu, config.plugins.wall) = (5000, 60_000));
    let body = "(local $n i32)
        (loop $again (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200000000))))
        (call $sleep (i64.const 20)) (call $sleep (i64.const 20)) call $cancel_timer global.get $ok";
    let outcome = bench.run(guest(body)).await;
    assert!(is_done(&outcome), "{outcome:?}");
    assert_eq!(outcome.effects.len(), 1);
}

#[tokio::test]
async fn a_chat_beyond_the_accounts_of_the_install_is_not_found() {
    let bench = Bench::new();
    let install = bench.install(send_text("cht_2")).await;
    assert_eq!(bench.call(&install).await.effects.len(), 1, "the install serves every account");
    let install = Install { accounts: vec!["acc_1".to_owned()], ..Install::clone(&install) };
    let outcome = bench.call(&Arc::new(install)).await;
    assert_eq!(outcome.effects, []);
    assert!(outcome.logs[0].message.contains("no chat"), "{outcome:?}");
    let nowhere = bench.run(send_text("cht_9")).await;
    assert_eq!(nowhere.effects, []);
}

#[tokio::test]
async fn only_a_phone_number_is_written_to() {
    let bench = Bench::new();
    let good = bench.run(send_text("+15550001")).await;
    let to = Recipient::Phone { account_id: "acc_1".to_owned(), phone: "+15550001".to_owned() };
    assert!(
        matches!(&good.effects[..], [Effect::Send { to: sent_to, .. }] if *sent_to == to),
        "{good:?}"
    );
    let bad = bench.run(send_text("+1555x001")).await;
    assert_eq!(bad.effects, []);
}

#[tokio::test]
async fn a_compiled_plugin_is_found_again_and_made_again() {
    let bench = Bench::new();
    let install = bench.install(guest("call $log global.get $ok")).await;
    let again = || Runtime::new(&bench.config, Clock::manual(NOON)).expect("a runtime");
    let call = || message_call(Arc::clone(&install), Arc::clone(&bench.house), 0);
    assert!(is_done(&again().call(call()).await), "from the compiled file");

    let folder = bench.config.data.join("plugins");
    let files = || std::fs::read_dir(&folder).expect("a folder").map(|f| f.expect("a file").path());
    let compiled = || files().filter(|path| path.extension().is_some_and(|e| e == "cwasm")).count();
    assert_eq!((files().count(), compiled()), (3, 1));
    for path in files().filter(|path| path.extension().is_some_and(|e| e == "cwasm")) {
        std::fs::write(path, b"not what it was").expect("written");
    }
    assert!(is_done(&again().call(call()).await), "compiled again");
    for path in files().filter(|path| path.extension().is_some_and(|e| e == "cwasm")) {
        std::fs::remove_file(path).expect("removed");
    }
    assert!(is_done(&again().call(call()).await), "compiled once more");
    assert_eq!(compiled(), 1);
}

#[tokio::test]
async fn more_plugins_run_than_are_kept_in_memory() {
    let bench = Bench::with(|config| config.plugins.cached = 1);
    let one = bench.install(guest("call $log global.get $ok")).await;
    let two = bench.install(guest("call $stop global.get $ok")).await;
    for install in [&one, &two, &one, &two] {
        assert!(is_done(&bench.call(install).await));
    }
}

/// A guest that sends "sorry" to somebody and logs the error, should there be one.
fn send_text(to: &str) -> Vec<u8> {
    let import = r#"
  (import "switchboard:plugin/messaging@0.1.0" (instance $messaging
    (alias outer 1 $error (type $error'))
    (export "error" (type $e (eq $error')))
    (type $opts (record (field "due-at" (option u64)) (field "reply-to" (option string)) (field "typing" bool)
      (field "randomise" bool) (field "cancel-if-replied" bool)))
    (export "options" (type $options (eq $opts)))
    (export "send-text" (func (param "to" string) (param "text" string) (param "options" (option $options)) (result (result string (error $e)))))
  ))
  (import "switchboard:plugin/timers@0.1.0""#;
    let no_options = "(i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)";
    let body = format!(
        "(call $send_text (i32.const 2048) (i32.const {}) (i32.const 1024) (i32.const 5) {no_options} (i32.const 64))
         (if (i32.load8_u (i32.const 64))
           (then (call $write (i32.load offset=8 (i32.const 64)) (i32.load offset=12 (i32.const 64))
                   (i32.load offset=16 (i32.const 64)) (i32.load offset=20 (i32.const 64)))))
         global.get $ok",
        to.len()
    );
    let lower = r#"(core func $send_text (canon lower (func $messaging "send-text") (memory $mem) (realloc (core func $realloc))))
  (core func $cancel (canon"#;
    let flat = "i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32 i32";
    let text = component(&body, &format!("(data (i32.const 2048) \"{to}\")"))
        .replacen("\n  (import \"switchboard:plugin/timers@0.1.0\"", import, 1)
        .replacen("(core func $cancel (canon", lower, 1)
        .replacen(
            "(import \"host\" \"cancel\"",
            &format!("(import \"host\" \"send_text\" (func $send_text (param {flat})))\n (import \"host\" \"cancel\""),
            1,
        )
        .replacen("(export \"cancel\" (func $cancel))", "(export \"cancel\" (func $cancel)) (export \"send_text\" (func $send_text))", 1);
    assemble(guest::MANIFEST, &text)
}

/// Two plugins that differ in what they carry: one code, one compiled form, and each its own text.
#[tokio::test]
async fn plugins_of_the_same_code_are_compiled_once() {
    use crate::plugin::manifest::{Source, embed, embed_source};

    let bench = Bench::new();
    let one = guest("global.get $ok");
    let source = Source { name: "bot.txt".to_owned(), text: "text".to_owned() };
    let two = embed_source(&one, &source).expect("embeds");
    let three = embed(&two, &guest::MANIFEST.replace("guest", "other")).expect("embeds");
    let mut hashes = Vec::new();
    for plugin in [one, two, three] {
        let install = bench.install(plugin).await;
        assert!(is_done(&bench.call(&install).await));
        hashes.push(install.hash.clone());
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 3, "each is a version of its own");
    let count = |kind: &str| {
        let files = std::fs::read_dir(bench.config.data.join("plugins")).expect("a folder");
        files.flatten().filter(|file| file.path().extension().is_some_and(|e| e == kind)).count()
    };
    assert_eq!([count("wasm"), count("cwasm"), count("plugin")], [1, 1, 3]);
}
