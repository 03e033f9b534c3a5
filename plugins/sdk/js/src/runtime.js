// From the contract's exports to a plugin's own functions. `switchboard build` makes a file that calls
// `handler` for each kind of event that the manifest names.

import { begin } from "./globals.js";
import { bytesOf, textOf } from "./bytes.js";
import { log } from "./call.js";
import { said, shown } from "./shown.js";

const NAMES = {
  message: "onMessage",
  status: "onStatus",
  account: "onAccount",
  timer: "onTimer",
  event: "onEvent",
  webhook: "onWebhook",
};

// The exported interface for a kind of event. What is wrong with a function is said when it is built.
export function handler(kind, bot) {
  const name = NAMES[kind];
  const own = bot[name] ?? bot.default?.[name];
  if (typeof own !== "function") {
    throw new Error(`plugin.toml receives ${kind} events: write \`export function ${name}(event) { … }\``);
  }
  if (own.constructor.name === "AsyncFunction") throw new Error(waits(name));
  return { handle: (event) => run(name, own, kind, event) };
}

// The kinds of events that a bot has functions for.
export function handlers(bot) {
  return Object.keys(NAMES).filter((kind) => typeof (bot[NAMES[kind]] ?? bot.default?.[NAMES[kind]]) === "function");
}

function waits(name) {
  return `${name} is async, and what it awaits would never happen: write it without async, since every call of the SDK answers at once`;
}

function run(name, own, kind, event) {
  try {
    begin();
    const answer = own(withDetails(kind, event));
    if (typeof answer?.then === "function") throw new Error(waits(name));
    return kind === "webhook" ? response(answer) : undefined;
  } catch (failure) {
    log.error(failure instanceof Error ? failure : `thrown: ${shown(failure)}`);
    // A plain Error: that is what becomes the failure's text.
    throw new Error(failure instanceof Error ? said(failure) : shown(failure));
  }
}

// What an event's JSON says beyond its fields, read when it is asked for.
function withDetails(kind, event) {
  if (kind === "webhook") {
    event.text = () => textOf(event.body);
    event.parse = () => JSON.parse(event.text());
    event.header = (name) => event.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
    return event;
  }
  let details;
  const read = () => (details ??= JSON.parse(event.json));
  Object.defineProperty(event, "details", { get: read });
  Object.defineProperty(event, "choice", { get: () => read().data?.content?.interactive?.reply?.id });
  Object.defineProperty(event, "file", { get: () => read().data?.content?.[event.kind]?.id });
  return event;
}

// The answer to a webhook: nothing, a text, or an object with status, headers and body.
function response(answer) {
  if (answer === undefined || answer === null) return { status: 200, headers: [], body: new Uint8Array() };
  if (typeof answer === "string") return response({ body: answer });
  if (typeof answer !== "object") throw new TypeError("a webhook is answered by a text, an object with status, headers, body or json, or nothing");
  const headers = Object.entries(answer.headers ?? {}).map(([name, value]) => [name, String(value)]);
  const isJson = answer.json !== undefined;
  const body = isJson ? JSON.stringify(answer.json) : (answer.body ?? "");
  if (body !== "" && typeof body === "string" && !headers.some(([name]) => name.toLowerCase() === "content-type")) {
    headers.push(["content-type", isJson ? "application/json" : "text/plain; charset=utf-8"]);
  }
  return { status: answer.status ?? 200, headers, body: bytesOf(body) };
}
