// What the engine has beyond the language itself: what a program expects of any engine, with chance and
// time that are real in every call. There is no fetch, setTimeout, process or require.

interface Console {
  /** A line about something ordinary. */
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  /** A line for whoever looks for a fault. */
  debug(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  /** A line about something that should be looked at. */
  warn(...values: unknown[]): void;
  /** A line about something that went wrong. */
  error(...values: unknown[]): void;
}

declare var console: Console;

interface Crypto {
  getRandomValues<T extends ArrayBufferView>(into: T): T;
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
}

declare var crypto: Crypto;

interface TextEncoder {
  readonly encoding: string;
  encode(text?: string): Uint8Array;
}

declare var TextEncoder: { prototype: TextEncoder; new (): TextEncoder };

interface TextDecoder {
  readonly encoding: string;
  decode(bytes?: ArrayBufferView | ArrayBuffer): string;
}

declare var TextDecoder: { prototype: TextDecoder; new (): TextDecoder };

/** Milliseconds since the call began. */
declare var performance: { now(): number; readonly timeOrigin: number };
