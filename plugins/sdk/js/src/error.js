// From the host's refusals to exceptions.

export class SwitchboardError extends Error {
  constructor({ code, message, retryAfterMs = null }) {
    super(message);
    this.name = "SwitchboardError";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

// Call the host; a refusal becomes a SwitchboardError.
export function call(host, ...args) {
  try {
    return host(...args);
  } catch (failure) {
    const refusal = failure?.payload;
    if (typeof refusal?.code === "string") throw new SwitchboardError(refusal);
    throw failure;
  }
}

// A text as the host takes it: what is no text is written as one, and what is absent is a mistake.
export function text(name, value) {
  if (value === undefined || value === null) throw new TypeError(`${name} is missing`);
  return typeof value === "string" ? value : String(value);
}

// A moment in Unix milliseconds, from a Date or a number.
export function moment(name, value) {
  const millis = value instanceof Date ? value.getTime() : Number(value);
  if (!Number.isFinite(millis) || millis < 0) throw new TypeError(`${name} is neither a Date nor Unix milliseconds`);
  return Math.round(millis);
}

// A span of milliseconds.
export function span(name, value) {
  const millis = Number(value);
  if (!Number.isFinite(millis) || millis < 0) throw new TypeError(`${name} is not a number of milliseconds`);
  return Math.round(millis);
}

// The id of a chat: an event's, or as given.
export function chatOf(to) {
  const id = typeof to === "string" ? to : to?.chat;
  if (!id) throw new TypeError("this needs an event with a chat, a chat's id or a phone number");
  return id;
}
