// Timers. One is known by scope and name: setting it again replaces it.

import * as host from "switchboard:plugin/timers@0.1.0";
import { call, moment, span, text } from "./error.js";

class Timers {
  #scope;

  constructor(scope) {
    this.#scope = scope;
  }

  at(name, time, payload = "") {
    call(host.set, this.#scope, text("name", name), moment("time", time), content(payload));
  }

  after(name, millis, payload = "") {
    call(host.setAfter, this.#scope, text("name", name), span("millis", millis), content(payload));
  }

  cron(name, expression, { timeZone = "", payload = "" } = {}) {
    call(host.setCron, this.#scope, text("name", name), text("expression", expression), timeZone, content(payload));
  }

  cancel(name) {
    call(host.cancel, this.#scope, text("name", name));
  }

  list() {
    return call(host.list, this.#scope);
  }
}

function content(payload) {
  return typeof payload === "string" ? payload : JSON.stringify(payload);
}

function setIn(to, name, time, payload = "") {
  call(host.setIn, text("to", to), text("name", name), moment("time", time), content(payload));
}

export const timers = { chat: new Timers("chat"), plugin: new Timers("plugin"), setIn };
