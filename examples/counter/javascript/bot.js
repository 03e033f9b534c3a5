// Counts, reminds, copies files, asks another service, and fails when it is told to.

import { config, contacts, http, log, media, messaging, reply, state, timers } from "switchboard-sdk";

export function onMessage(event) {
  if (event.file) return void copy(event);
  const [word, ...rest] = event.text.split(" ");
  switch (word) {
    case "count": {
      const count = state.chat.increment("count");
      log.info("counted", count);
      return void reply(event, `${count}`);
    }
    case "remind":
      timers.chat.after("reminder", config().minutes * 60_000, rest.slice(1).join(" "));
      return void reply(event, `In ${config().minutes} minutes`);
    case "hello":
      return void reply(event, `${config().greeting}!`);
    case "time":
      return void reply(event, `${Date.now()}`);
    case "chance":
      return void reply(event, `${Math.random()}`);
    case "order": {
      const answer = http.get(rest[0]);
      return void reply(event, `${answer.status} ${answer.text()}`);
    }
    case "tag":
      return void refused(event);
    case "fail":
      throw new Error("no such order");
    case "crash":
      return void crash(null);
    default:
      reply(event, `You said: ${event.text}`);
  }
}

export function onTimer(timer) {
  reply(timer, `Reminder: ${timer.payload}`);
}

// A webhook is answered with what it brought, back to front.
export function onWebhook(request) {
  const headers = { "content-type": request.header("content-type"), "x-length": request.body.length };
  return { status: 201, headers, body: request.body.toReversed() };
}

function copy(event) {
  const { mimeType, size } = media.describe(event.file);
  const kept = media.keep(mimeType, "copy.png", media.whole(event.file));
  messaging.image(event, kept, { caption: `${mimeType}, ${size} bytes` });
}

// What plugin.toml does not ask for is refused; the error names the line to add.
function refused(event) {
  try {
    contacts.tag(event, "regular");
  } catch (error) {
    reply(event, `${error.code}: ${error.message}`);
  }
}

function crash(order) {
  return order.total;
}
