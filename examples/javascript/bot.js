// The smallest bot: it says what it hears.

import { reply } from "switchboard-sdk";

export function onMessage(event) {
  reply(event, `You said: ${event.text}`);
}
