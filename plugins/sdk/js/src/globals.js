// What programs expect of an engine: a console, chance that differs, and words instead of silence where
// something cannot be. An engine's state is frozen when a plugin is built, its seed too: chance comes of
// the host, once the plugin runs.

import { getRandomBytes } from "wasi:random/random@0.2.0";
import { bytesOf, textOf } from "./bytes.js";
import { log } from "./call.js";

const console = { log: log.info, info: log.info, debug: log.debug, trace: log.debug, warn: log.warn, error: log.error };
globalThis.console = console;

const atBuild = Math.random;
const now = performance.now.bind(performance);
let running = false;
let seed = null;

// From now on the host can be asked. What the engine's own clock counts from is frozen too.
export function begin() {
  running = true;
  const start = now();
  const performance = { now: () => now() - start, timeOrigin: Date.now() };
  Object.defineProperty(globalThis, "performance", { value: performance, configurable: true });
}

// sfc32, seeded by the host when it is first asked for in an instance.
Math.random = function random() {
  if (!running) return atBuild();
  if (seed === null) seed = new Uint32Array(getRandomBytes(16).slice().buffer);
  const next = (seed[0] + seed[1] + seed[3]) | 0;
  seed[3] += 1;
  seed[0] = seed[1] ^ (seed[1] >>> 9);
  seed[1] = seed[2] + (seed[2] << 3);
  seed[2] = ((seed[2] << 21) | (seed[2] >>> 11)) + next;
  return (next >>> 0) / 4294967296;
};

globalThis.crypto = {
  getRandomValues(into) {
    const bytes = getRandomBytes(into.byteLength);
    new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(bytes);
    return into;
  },
  randomUUID() {
    const bytes = getRandomBytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  },
};

globalThis.TextEncoder = class TextEncoder {
  encoding = "utf-8";
  encode(text = "") {
    return bytesOf(String(text));
  }
};

globalThis.TextDecoder = class TextDecoder {
  encoding = "utf-8";
  decode(bytes = new Uint8Array()) {
    return textOf(ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes));
  }
};

function absent(name, instead) {
  globalThis[name] = () => {
    throw new TypeError(`a plugin has no ${name}(), since a handler cannot wait: ${instead}`);
  };
}

absent("fetch", "http.fetch() of switchboard-sdk answers at once");
absent("setTimeout", "timers.chat.after() of switchboard-sdk calls onTimer later");
absent("setInterval", "timers.plugin.cron() of switchboard-sdk calls onTimer again and again");
