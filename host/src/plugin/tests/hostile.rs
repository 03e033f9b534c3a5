//! Guests that do not behave: each is stopped within its limit, with the right class and a reason
//! that a person can act on, and what it did is gone.

use super::guest::{MANIFEST, assemble, component, guest, guest_with};
use super::*;

#[tokio::test]
async fn an_endless_loop_ends_at_its_cpu_limit() {
    let bench = Bench::new();
    let install =
        bench.install(guest("call $cancel_timer (loop $again (br $again)) unreachable")).await;
    let (outcome, took) = timed(bench.call(&install)).await;
    let fault = fault(&outcome);
    assert_eq!(fault.class, FaultClass::Cpu, "{fault:?}");
    assert!(fault.reason.contains("200 ms") && fault.reason.contains("cpu_ms"), "{}", fault.reason);
    assert!(fault.backtrace.contains("handle"), "{}", fault.backtrace);
    assert!(took >= Duration::from_millis(200), "{took:?}");
}

#[tokio::test]
async fn a_busy_guest_leaves_the_servers_worker_and_a_quick_one_never_does() {
    let bench = Bench::with(|config| (config.plugins.cpu, config.plugins.wall) = (5000, 60_000));
    let threads = || std::mem::take(&mut *bench.house.threads.lock().expect("a lock"));
    assert!(is_done(&bench.run(guest("call $get_state global.get $ok")).await));
    let here = std::thread::current().name().map(str::to_owned);
    assert_eq!(threads(), [here]);

    let body = "(local $n i32)
        (loop $again (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200000000))))
        call $get_state global.get $ok";
    assert!(is_done(&bench.run(guest(body)).await));
    assert_eq!(threads(), [Some("plugin".to_owned())]);
}

#[tokio::test]
async fn waiting_is_not_computing_but_has_its_own_limit() {
    let bench = Bench::with(|config| config.plugins.wall = 300);
    let (outcome, took) =
        timed(bench.run(guest("(call $sleep (i64.const 3600000)) global.get $ok"))).await;
    let fault = fault(&outcome);
    assert_eq!(fault.class, FaultClass::WallClock, "{fault:?}");
    assert!(
        fault.reason.contains("300 ms") && fault.reason.contains("wall_ms"),
        "{}",
        fault.reason
    );
    assert!(took < Duration::from_secs(60), "{took:?}");

    let bench = Bench::with(|config| config.plugins.cpu = 100);
    let patient = bench.run(guest("(call $sleep (i64.const 400)) global.get $ok")).await;
    assert!(is_done(&patient), "400 ms of sleep are no computing: {patient:?}");
}

#[tokio::test]
async fn a_host_that_does_not_answer_ends_the_call_too() {
    let mut bench = Bench::with(|config| config.plugins.wall = 200);
    bench.house = Arc::new(House { hangs: true, ..House::default() });
    let outcome = bench.run(guest("call $get_state global.get $ok")).await;
    assert_eq!(fault(&outcome).class, FaultClass::WallClock);
}

#[tokio::test]
async fn a_panic_of_the_host_ends_one_call_and_not_the_process() {
    let mut bench = Bench::new();
    bench.house = Arc::new(House { panics: true, ..House::default() });
    let install = bench.install(guest("call $get_state global.get $ok")).await;
    let outcome = bench.call(&install).await;
    assert_eq!(fault(&outcome).class, FaultClass::Host);
    bench.house = Arc::new(House::default());
    assert!(is_done(&bench.call(&install).await));
}

#[tokio::test]
async fn a_memory_bomb_ends_at_its_limit() {
    let bench = Bench::new();
    let body = "(loop $again (drop (memory.grow (i32.const 16))) (br $again)) unreachable";
    let outcome = bench.run(guest(body)).await;
    let fault = fault(&outcome);
    assert_eq!(fault.class, FaultClass::Memory, "{fault:?}");
    assert!(fault.reason.contains("32") && fault.reason.contains("memory_mb"), "{}", fault.reason);
    assert!(outcome.usage.memory_bytes <= 32 << 20);
}

#[tokio::test]
async fn tables_count_as_memory() {
    let bench = Bench::with(|config| config.plugins.memory = 512 << 10);
    let grow = "(drop (table.grow $big (ref.null func) (i32.const 60000))) global.get $ok";
    let wasm = assemble(MANIFEST, &component(grow, "(table $big 1 60001 funcref)"));
    let outcome = bench.run(wasm).await;
    assert_eq!(fault(&outcome).class, FaultClass::Memory, "{outcome:?}");
}

#[tokio::test]
async fn a_trap_has_a_reason_and_a_backtrace_with_names() {
    let bench = Bench::new();
    let wasm =
        assemble(MANIFEST, &component("call $inner global.get $ok", "(func $inner unreachable)"));
    let outcome = bench.run(wasm).await;
    let fault = fault(&outcome);
    assert_eq!(fault.class, FaultClass::Exception, "{fault:?}");
    assert!(fault.reason.contains("aborted"), "{}", fault.reason);
    assert!(fault.backtrace.contains("inner"), "{}", fault.backtrace);
}

#[tokio::test]
async fn endless_recursion_overflows_its_own_stack_only() {
    let bench = Bench::new();
    let wasm = assemble(
        MANIFEST,
        &component("call $deep global.get $ok", "(func $deep call $deep call $log)"),
    );
    let outcome = bench.run(wasm).await;
    let fault = fault(&outcome);
    assert_eq!(fault.class, FaultClass::Exception);
    assert!(fault.reason.contains("stack overflowed"), "{}", fault.reason);
}

#[tokio::test]
async fn a_flood_of_host_calls_is_stopped() {
    let bench = Bench::new();
    let outcome =
        bench.run(guest("(loop $again (drop (call $now)) (br $again)) unreachable")).await;
    let fault = fault(&outcome);
    assert_eq!(fault.class, FaultClass::Limit, "{fault:?}");
    assert!(fault.reason.contains("1000 times"), "{}", fault.reason);
}

#[tokio::test]
async fn a_flood_of_log_lines_is_stopped_and_a_few_are_kept() {
    let bench = Bench::new();
    let outcome = bench.run(guest("(loop $again (call $log) (br $again)) unreachable")).await;
    assert_eq!(fault(&outcome).class, FaultClass::Limit, "{outcome:?}");
    assert_eq!(outcome.logs.len(), 11, "ten lines and a note");
}

#[tokio::test]
async fn one_call_cannot_pass_the_host_a_mountain() {
    let bench = Bench::with(|config| config.plugins.host_call_bytes = 100_000);
    let body = "(call $write (i32.const 1072) (i32.const 4) (i32.const 0) (i32.const 131072)) global.get $ok";
    let outcome = bench.run(guest(body)).await;
    let fault = fault(&outcome);
    assert_eq!(fault.class, FaultClass::Limit, "{fault:?}");
    assert!(fault.reason.contains("KiB"), "{}", fault.reason);
}

#[tokio::test]
async fn too_many_effects_are_refused_and_a_flood_of_them_is_stopped() {
    let bench = Bench::new();
    let some = |times: u32| {
        guest_with(MANIFEST, &format!(
            "(local $n i32) (loop $again (call $cancel_timer)
               (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {times}))))
             (if (call $failed) (then (call $log_error))) global.get $ok"
        ))
    };
    let few = bench.run(some(11)).await;
    assert!(is_done(&few), "{few:?}");
    assert_eq!(few.effects.len(), 10);
    assert!(few.logs[0].message.contains("10 effects"), "{few:?}");
    let flood = bench.run(some(500)).await;
    assert_eq!(fault(&flood).class, FaultClass::Limit, "{flood:?}");
}

#[tokio::test]
async fn a_host_that_was_not_granted_is_not_called() {
    let bench = Bench::new();
    let body = "call $fetch (if (call $failed) (then (call $log_error))) global.get $ok";
    let outcome = bench.run(guest(body)).await;
    assert!(outcome.logs[0].message.contains("hosts = [\"http://127.0.0.1:9\"]"), "{outcome:?}");

    let granted = format!("{MANIFEST}hosts = [\"http://127.0.0.1:9\"]\n");
    let outcome = bench.run(guest_with(&granted, body)).await;
    assert!(
        outcome.logs[0].message.contains("private"),
        "granted, and private all the same: {outcome:?}"
    );
    assert_eq!(outcome.usage.http_calls, 1);
}

#[tokio::test]
async fn a_flood_of_requests_is_stopped() {
    let bench = Bench::new();
    let outcome = bench.run(guest("(loop $again (call $fetch) (br $again)) unreachable")).await;
    assert_eq!(fault(&outcome).class, FaultClass::Limit, "{outcome:?}");
}

#[tokio::test]
async fn a_flood_of_handles_is_stopped() {
    let bench = Bench::new();
    let body = "(loop $again (drop (call $subscribe (i64.const 1))) (br $again)) unreachable";
    let outcome = bench.run(guest(body)).await;
    assert_eq!(fault(&outcome).class, FaultClass::Limit, "{outcome:?}");
}

#[tokio::test]
async fn a_hostile_plugin_does_not_take_its_neighbours_turn() {
    let bench = Arc::new(Bench::with(|config| {
        config.delivery.concurrency = 3;
        config.delivery.concurrency_per_install = 2;
        (config.plugins.cpu, config.plugins.wall) = (500, 60_000);
    }));
    let greedy = bench.install(guest("(loop $again (br $again)) unreachable")).await;
    let honest = Install {
        id: "ins_2".to_owned(),
        ..Install::clone(&*bench.install(guest("global.get $ok")).await)
    };
    let honest = Arc::new(honest);
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let (bench, greedy) = (Arc::clone(&bench), Arc::clone(&greedy));
            tokio::spawn(async move { bench.call(&greedy).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(is_done(&bench.call(&honest).await));
    assert!(
        calls.iter().all(|call| !call.is_finished()),
        "the neighbour did not wait for the greedy ones"
    );
    for call in calls {
        assert_eq!(fault(&call.await.expect("no panic")).class, FaultClass::Cpu);
    }
}
