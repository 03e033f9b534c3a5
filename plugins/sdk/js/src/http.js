// Outgoing HTTP, done at once: the answer is there when the call returns.

import * as host from "switchboard:plugin/http@0.1.0";
import { call, span, SwitchboardError, text } from "./error.js";
import { bytesOf, textOf } from "./bytes.js";

class Response {
  #headers;
  #body;

  constructor({ status, headers, body }) {
    this.status = status;
    this.ok = status >= 200 && status < 300;
    this.#headers = headers;
    this.#body = body;
  }

  header(name) {
    const found = this.#headers.find(([key]) => key.toLowerCase() === name.toLowerCase());
    return found?.[1];
  }

  bytes() {
    return this.#body;
  }

  text() {
    return textOf(this.#body);
  }

  json() {
    return JSON.parse(this.text());
  }

  orThrow() {
    if (this.ok) return this;
    throw new SwitchboardError({ code: "http", message: `the server answered ${this.status}` });
  }
}

function fetch(url, given = {}) {
  const headers = Object.entries(given.headers ?? {}).map(([name, value]) => [name, String(value)]);
  let body = given.body;
  if (given.json !== undefined) {
    body = JSON.stringify(given.json);
    if (!headers.some(([name]) => name.toLowerCase() === "content-type")) headers.push(["content-type", "application/json"]);
  }
  const method = given.method ?? (body === undefined ? "GET" : "POST");
  const timeoutMs = given.timeout === undefined ? null : span("timeout", given.timeout);
  const request = { method: method.toUpperCase(), url: text("url", url), headers, body: bytesOf(body ?? ""), timeoutMs };
  return new Response(call(host.send, request));
}

export const http = {
  fetch,
  get: (url, given) => fetch(url, { ...given, method: "GET" }),
  post: (url, json, given) => fetch(url, { ...given, method: "POST", json }),
};
