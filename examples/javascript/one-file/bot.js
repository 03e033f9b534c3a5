// A bot in one file: it counts what it hears, and reminds.
//
// plugin.toml
// id = "one-file"
// description = "Counts what it hears, and reminds in ten minutes"

import { reply, state, timers } from "switchboard-sdk";

export function onMessage(event) {
  const [word, ...rest] = event.text.split(" ");
  if (word === "remind") {
    timers.chat.after("reminder", 10 * 60_000, rest.join(" "));
    reply(event, "In ten minutes.");
    return;
  }
  const count = state.chat.increment("count");
  reply(event, `${event.text}, for the ${count}. time`);
}

export function onTimer(timer) {
  reply(timer, `Reminder: ${timer.payload}`);
}
