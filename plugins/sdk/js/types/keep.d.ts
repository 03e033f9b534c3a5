/**
 * The keys of one scope. Values are anything that JSON holds. Reads see the call's own writes; a call
 * that read what another call changed meanwhile runs again, so two calls that both increment give two.
 */
export interface State {
  /** Read a value: `state.chat.get("step") ?? 1`. */
  get<T = any>(key: string): T | undefined;
  /** Keep a value, for so many milliseconds where given. */
  set(key: string, value: unknown, options?: { ttl?: number }): void;
  /** Read a text as it is. */
  getText(key: string): string | undefined;
  /** Keep a text as it is. */
  setText(key: string, value: string, options?: { ttl?: number }): void;
  delete(key: string): void;
  /** Up to `limit` keys (at most 100) with their values as kept. */
  list(options?: { prefix?: string; after?: string; limit?: number }): [string, string][];
  /** Add to a number (0 where there is none) and give the sum. */
  increment(key: string, delta?: number): number;
  /** Set a text only where the present one is `expected` (absent: no value). True where it was set. */
  compareAndSet(key: string, expected: string | null | undefined, value: string): boolean;
}

/** A key-value store of this install. */
export const state: {
  readonly plugin: State;
  /** Of the account of this event. */
  readonly account: State;
  readonly chat: State;
  readonly contact: State;
};

/** A timer that is set. */
export interface TimerEntry {
  readonly scope: string;
  readonly name: string;
  readonly dueAt: number;
  /** Empty for a one-shot timer. */
  readonly cron: string;
  readonly payload: string;
}

/** The timers of one scope. One is known by its name: setting it again replaces it. */
export interface Timers {
  /** Fire at a moment. What is no text is kept as JSON. */
  at(name: string, time: Date | number, payload?: unknown): void;
  /** Fire so many milliseconds later: `timers.chat.after("nudge", 60_000)`. */
  after(name: string, millis: number, payload?: unknown): void;
  /** Fire again and again: a cron expression of five to seven fields, in an IANA time zone (absent: UTC). */
  cron(name: string, expression: string, options?: { timeZone?: string; payload?: unknown }): void;
  cancel(name: string): void;
  list(): TimerEntry[];
}

export const timers: {
  /** Of the chat of this event. */
  readonly chat: Timers;
  readonly plugin: Timers;
  /** Fire once in another chat (its id, or a phone number), as a timer of that chat. */
  setIn(to: string, name: string, time: Date | number, payload?: unknown): void;
};

/** What is known of a stored file. */
export interface File {
  readonly id: string;
  /** Such as `image/png`. */
  readonly mimeType: string;
  /** In bytes. */
  readonly size: number;
  /** Empty where it has none. */
  readonly filename: string;
  /** SHA-256 of its bytes, hexadecimal. */
  readonly sha256: string;
  readonly json: string;
}

/** Stored files: what customers sent (`event.file`), and new ones to send. */
export const media: {
  describe(id: string): File;
  /** Up to `length` bytes from `offset`; none behind the end. */
  read(id: string, offset?: number, length?: number): Uint8Array;
  /** A whole file, where it has at most `most` bytes (1 MiB where absent). */
  whole(id: string, most?: number): Uint8Array;
  /** Keep a new file and give its id: `messaging.image(event, media.keep("image/png", "chart.png", png))`. */
  keep(mimeType: string, filename: string, bytes: Uint8Array | string): string;
};
