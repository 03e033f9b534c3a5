// Counts, reminds, asks another service, and fails when it is told to.

import {
  type Message,
  type Timer,
  config,
  contacts,
  log,
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
