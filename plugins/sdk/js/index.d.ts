/**
 * Write Switchboard plugins in JavaScript and TypeScript.
 *
 * ```js
 * import { reply } from "switchboard-sdk";
 *
 * export function onMessage(event) {
 *   reply(event, `You said: ${event.text}`);
 * }
 * ```
 *
 * Export a function for each kind of event that `plugin.toml` names: `onMessage`, `onStatus`,
 * `onAccount`, `onTimer`, `onEvent`, `onWebhook`. Whatever a handler does (send, schedule, set a timer,
 * write state) happens when it has returned, all together; after an exception nothing of it happened, and
 * the event is tried again. Every call answers at once: handlers are not async. What `plugin.toml` does
 * not ask for under `[permissions]` throws a {@link SwitchboardError} whose message names the line to add.
 */

/// <reference path="./src/globals.d.ts" />

export * from "./types/call.js";
export * from "./types/events.js";
export * from "./types/keep.js";
export * from "./types/messaging.js";
export * from "./types/people.js";
