/** A call that the host refused. */
export class SwitchboardError extends Error {
  /** An open, stable word: `denied`, `not-found`, `invalid`, `opted-out`, `window-closed`, `quota`, `limit`, … */
  readonly code: string;
  readonly retryAfterMs: number | null;
  constructor(refusal: { code: string; message: string; retryAfterMs?: number | null });
}

/** A message from a customer. Times are Unix milliseconds; ids are opaque. */
export interface Message {
  /** The id of the event, the same at every attempt. */
  readonly id: string;
  readonly messageId: string;
  readonly account: string;
  readonly chat: string;
  readonly contact: string;
  /** When the customer sent it. */
  readonly time: number;
  /** `text`, `image`, `audio`, `video`, `document`, `location`, `interactive`, `reaction`, …: an open word. */
  readonly kind: string;
  /** The text, caption, or title of the chosen button; empty where there is none. */
  readonly text: string;
  /** 1 at the first attempt. */
  readonly attempt: number;
  /** The whole event as JSON; `details` is the same, read. */
  readonly json: string;
  /** The whole event. */
  readonly details: any;
  /** The id of the button or row that the customer tapped; absent for any other message. */
  readonly choice: string | undefined;
  /** The id of the file that this message carries, for `media`; absent where it has none. */
  readonly file: string | undefined;
}

/** A status of a message of ours, something that happened to the account, or any other fact by name. */
export interface Event {
  readonly id: string;
  readonly account: string;
  /** Empty where the event has no chat. */
  readonly chat: string;
  readonly contact: string;
  readonly time: number;
  /** For a status `sent`, `delivered`, `read` or `error`; otherwise the name of the event. */
  readonly kind: string;
  readonly attempt: number;
  readonly json: string;
  readonly details: any;
}

/** A timer that came due. */
export interface Timer {
  readonly id: string;
  readonly account: string;
  /** The chat that it was set for; empty for a timer of the whole plugin. */
  readonly chat: string;
  readonly contact: string;
  /** When it was due. */
  readonly time: number;
  readonly name: string;
  /** What was given when it was set. */
  readonly payload: string;
  readonly attempt: number;
  readonly json: string;
  readonly details: any;
}

/** A call of a webhook address of this plugin, whole. */
export interface Webhook {
  readonly id: string;
  readonly time: number;
  readonly method: string;
  /** The path below the plugin's address, with a leading slash, and the query. */
  readonly path: string;
  readonly headers: [string, string][];
  readonly body: Uint8Array;
  readonly attempt: number;
  /** The body, read as UTF-8. */
  text(): string;
  /** The body, read as JSON. */
  parse<T = any>(): T;
  /** A header's first value, whatever its case. */
  header(name: string): string | undefined;
}

/** What answers a webhook that is configured as `sync`. A plain text is a 200. */
export type WebhookReply =
  | string
  | void
  | { status?: number; headers?: Record<string, string>; body?: string | Uint8Array; json?: unknown };
