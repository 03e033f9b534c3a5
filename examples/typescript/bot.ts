// The smallest bot: it says what it hears.

import { type Message, reply } from "switchboard-sdk";

export function onMessage(event: Message): void {
  reply(event, `You said: ${event.text}`);
}
