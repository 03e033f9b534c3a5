// Contacts, chats, templates, and events of one's own.

import * as contact from "switchboard:plugin/contacts@0.1.0";
import * as chat from "switchboard:plugin/chats@0.1.0";
import * as template from "switchboard:plugin/templates@0.1.0";
import * as event from "switchboard:plugin/events@0.1.0";
import { call, chatOf, text } from "./error.js";
import { options } from "./messaging.js";

// The id of a person: an event's, or as given.
function contactOf(who) {
  const id = typeof who === "string" ? who : who?.contact;
  if (!id) throw new TypeError("this needs an event with a contact, or a contact's id");
  return id;
}

export const contacts = {
  get: (who) => {
    const { tags, ...entry } = call(contact.get, contactOf(who));
    return { ...entry, tags: Object.fromEntries(tags) };
  },
  tag: (who, tag, value = "") => call(contact.tag, contactOf(who), text("tag", tag), text("value", value)),
  untag: (who, tag) => call(contact.untag, contactOf(who), text("tag", tag)),
  setName: (who, name) => call(contact.setName, contactOf(who), text("name", name)),
  optIn: (who, reason = "") => call(contact.optIn, contactOf(who), text("reason", reason)),
  optOut: (who, reason = "") => call(contact.optOut, contactOf(who), text("reason", reason)),
};

export const chats = {
  get: (of) => call(chat.get, chatOf(of)),
  history: (of, { before = "", limit = 20 } = {}) => call(chat.history, chatOf(of), before, limit),
  handOver: (of, reason = "") => call(chat.handOver, chatOf(of), text("reason", reason)),
  handBack: (of) => call(chat.handBack, chatOf(of)),
  assign: (of, who) => call(chat.assign, chatOf(of), text("who", who)),
};

export const templates = {
  list: ({ status = "", after = "", limit = 100 } = {}) => call(template.list, status, after, limit),
  get: (name, language) => call(template.get, text("name", name), text("language", language)),
  send: (to, name, language, values = [], given) => {
    const pairs = Array.isArray(values) ? values.map((value, index) => [String(index + 1), value]) : Object.entries(values);
    const parameters = pairs.map(([placeholder, value]) => [placeholder, String(value)]);
    return call(template.send, chatOf(to), text("name", name), text("language", language), parameters, options(given));
  },
};

export const events = {
  emit: (name, data = {}) => call(event.emit, text("name", name), JSON.stringify(data)),
};
