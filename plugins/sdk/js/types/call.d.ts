/** An answer. */
export interface Response {
  readonly status: number;
  /** Whether the status is 2xx. */
  readonly ok: boolean;
  /** A header's first value, whatever its case. */
  header(name: string): string | undefined;
  bytes(): Uint8Array;
  text(): string;
  json<T = any>(): T;
  /** Itself where the status is 2xx; otherwise a SwitchboardError with the code `http`. */
  orThrow(): Response;
}

export interface Request {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** A body in JSON. */
  json?: unknown;
  /** Wait no longer than so many milliseconds. */
  timeout?: number;
}

/** Outgoing HTTP, done at once, to the hosts that the manifest asks for. */
export const http: {
  fetch(url: string, request?: Request): Response;
  get(url: string, request?: Request): Response;
  post(url: string, json: unknown, request?: Request): Response;
};

/** What the installer configured, checked against the schema in plugin.toml. */
export function config<T = Record<string, any>>(): T;
export namespace config {
  /** One value: a string as it is, anything else as JSON. */
  function get(key: string): string | undefined;
}

/** The text that this plugin's file carries beside its code, such as a flow; empty where there is none. */
export function source(): string;

export const secrets: {
  /** A word to put into a header or body of an outgoing request; the host puts the secret in its place on the way out. */
  placeholder(name: string): string;
  /** The secret itself, where the manifest says `reveal = true` and the installer agreed. */
  reveal(name: string): string;
};

/** Lines for the people who look after this plugin; `console` writes the same. They stay even if the call fails. */
export const log: {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};

/** This call: what happens after it. */
export const delivery: {
  /** 1 at the first attempt. */
  attempt(): number;
  /** The host's time in Unix milliseconds, as `Date.now()`. */
  now(): number;
  /** Try this event again after so many milliseconds; nothing that this call did is kept. */
  retryAfter(millis: number): void;
  /** Give this event up: it goes to the dead letters with this reason, and nothing is kept. */
  reject(reason: string): void;
  /** Keep this event from the plugins after this one. */
  stop(): void;
};
