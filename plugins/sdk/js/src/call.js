// This call: what is configured, what is secret, what is logged, what happens after it.

import * as configured from "switchboard:plugin/config@0.1.0";
import * as secret from "switchboard:plugin/secrets@0.1.0";
import * as host from "switchboard:plugin/delivery@0.1.0";
import * as lines from "switchboard:plugin/log@0.1.0";
import { call, span, text } from "./error.js";
import { shown } from "./shown.js";

export function config() {
  return JSON.parse(configured.all());
}

config.get = (key) => configured.get(text("key", key)) ?? undefined;

export const source = () => configured.source();

export const secrets = {
  placeholder: (name) => call(secret.placeholder, text("name", name)),
  reveal: (name) => call(secret.reveal, text("name", name)),
};

const level = (word) => (...values) => lines.write(word, values.map(shown).join(" "));

export const log = { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };

export const delivery = {
  attempt: () => host.attempt(),
  now: () => host.now(),
  retryAfter: (millis) => host.retryAfter(span("millis", millis)),
  reject: (reason) => host.reject(text("reason", reason)),
  stop: () => host.stop(),
};
