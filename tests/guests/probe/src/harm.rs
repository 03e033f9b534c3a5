//! What a hostile plugin would try. Each must be stopped within its limit, with a plain reason.

use std::hint::black_box;

use switchboard_sdk::prelude::*;

/// Do the harm that a word names, and return (if at all) true; false for any other word.
pub fn does(word: &str, event: &Message) -> bool {
    match word {
        "trap" => panic!("trapped as asked"),
        "loop" => spin(),
        "memory" => hoard(),
        "stack" => assert!(call(1) > 0),
        "stack-memory" => assert!(dig(1) > 0),
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "flood-effects" => (0..100_000).for_each(|n| drop(reply(event, format!("flood {n}")))),
        "flood-calls" => (0..1_000_000).for_each(|_| assert!(black_box(delivery::attempt()) > 0)),
        "flood-logs" => (0..100_000).for_each(|n| info!("flood {n}")),
        _ => return false,
    }
    true
}

fn spin() {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn hoard() {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
    }
}

/// Calls without end that need no memory of the guest: the host's stack for it runs out.
#[expect(unconditional_recursion, reason = "it is to overflow the stack")]
#[inline(never)]
fn call(depth: u32) -> u64 {
    // What follows the call keeps it from becoming a loop.
    call(depth.wrapping_add(1)).rotate_left(depth)
}

/// Calls without end that keep data each: the guest's own stack runs out first.
#[expect(unconditional_recursion, reason = "it is to overflow the stack")]
fn dig(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    black_box(dig(here[0] + 1)) + here[63]
}
