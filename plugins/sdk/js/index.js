// Write Switchboard plugins in JavaScript and TypeScript. The words to each function: index.d.ts.

import "./src/globals.js";

export { SwitchboardError } from "./src/error.js";
export { reply, send, messaging } from "./src/messaging.js";
export { media } from "./src/media.js";
export { state } from "./src/state.js";
export { timers } from "./src/timers.js";
export { http } from "./src/http.js";
export { contacts, chats, templates, events } from "./src/people.js";
export { config, source, secrets, log, delivery } from "./src/call.js";
