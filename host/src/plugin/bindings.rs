//! The Rust side of `wit/`: generated types, host traits and callers, and nothing else.

// Only what may have to read from the store is async: the rest costs no future per call.
wasmtime::component::bindgen!({
    path: "../wit",
    world: "full-plugin",
    imports: {
        "switchboard:plugin/messaging": async | trappable,
        "switchboard:plugin/timers": async | trappable,
        "switchboard:plugin/state": async | trappable,
        "switchboard:plugin/http": async | trappable,
        "switchboard:plugin/secrets": async | trappable,
        "switchboard:plugin/contacts": async | trappable,
        "switchboard:plugin/chats": async | trappable,
        "switchboard:plugin/templates": async | trappable,
        "switchboard:plugin/media": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
