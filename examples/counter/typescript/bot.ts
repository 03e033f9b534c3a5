// Counts, reminds, copies files, asks another service, and fails when it is told to.

import {
  type Message,
  type Timer,
  type Webhook,
  type WebhookReply,
  config,
  contacts,
  log,
  media,
  messaging,
  reply,
  state,
  SwitchboardError,
  timers,
} from "switchboard-sdk";
import { ask, total } from "./orders";

interface Settings {
  greeting: string;
  minutes: number;
}

export function onMessage(event: Message): void {
  if (event.file) return copy(event, event.file);
  const { greeting, minutes } = config<Settings>();
  const [word, ...rest] = event.text.split(" ");
  const commands: Record<string, () => string> = {
    count: () => counted(),
    remind: () => {
      timers.chat.after("reminder", minutes * 60_000, rest.slice(1).join(" "));
      return `In ${minutes} minutes`;
    },
    hello: () => `${greeting}!`,
    time: () => `${Date.now()}`,
    chance: () => `${Math.random()}`,
    order: () => ask(rest[0] ?? ""),
    tag: () => refused(event),
    fail: () => {
      throw new Error("no such order");
    },
    crash: () => `${total(null)}`,
  };
  reply(event, commands[word ?? ""]?.() ?? `You said: ${event.text}`);
}

export function onTimer(timer: Timer): void {
  reply(timer, `Reminder: ${timer.payload}`);
}

// A webhook is answered with what it brought, back to front.
export function onWebhook(request: Webhook): WebhookReply {
  const type = request.header("content-type") ?? "application/octet-stream";
  const headers = { "content-type": type, "x-length": `${request.body.length}` };
  return { status: 201, headers, body: request.body.slice().reverse() };
}

function copy(event: Message, file: string): void {
  const { mimeType, size } = media.describe(file);
  const kept = media.keep(mimeType, "copy.png", media.whole(file));
  messaging.image(event, kept, { caption: `${mimeType}, ${size} bytes` });
}

function counted(): string {
  const count = state.chat.increment("count");
  log.info("counted", count);
  return `${count}`;
}

// What plugin.toml does not ask for is refused; the error names the line to add.
function refused(event: Message): string {
  try {
    contacts.tag(event, "regular");
    return "tagged";
  } catch (error) {
    if (error instanceof SwitchboardError) return `${error.code}: ${error.message}`;
    throw error;
  }
}
