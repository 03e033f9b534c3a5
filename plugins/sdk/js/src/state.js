// A key-value store of the install, in four scopes. Values are JSON.

import * as host from "switchboard:plugin/state@0.1.0";
import { call, span, text } from "./error.js";

class State {
  #scope;

  constructor(scope) {
    this.#scope = scope;
  }

  get(key) {
    const json = this.getText(key);
    return json === undefined ? undefined : JSON.parse(json);
  }

  set(key, value, given) {
    const json = JSON.stringify(value);
    if (json === undefined) throw new TypeError("a value of state is anything that JSON can hold");
    this.setText(key, json, given);
  }

  getText(key) {
    return call(host.get, this.#scope, text("key", key)) ?? undefined;
  }

  setText(key, value, given = {}) {
    const ttl = given.ttl === undefined ? null : span("ttl", given.ttl);
    call(host.set, this.#scope, text("key", key), text("value", value), ttl);
  }

  delete(key) {
    call(host.delete, this.#scope, text("key", key));
  }

  list({ prefix = "", after = "", limit = 100 } = {}) {
    return call(host.list, this.#scope, prefix, after, limit).map(({ key, value }) => [key, value]);
  }

  increment(key, delta = 1) {
    return Number(call(host.increment, this.#scope, text("key", key), delta));
  }

  compareAndSet(key, expected, value) {
    return call(host.compareAndSet, this.#scope, text("key", key), expected ?? null, text("value", value));
  }
}

export const state = {
  plugin: new State("plugin"),
  account: new State("account"),
  chat: new State("chat"),
  contact: new State("contact"),
};
