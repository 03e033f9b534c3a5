// Values as people read them in the log, and stacks that name the lines of the sources.

// Made by `switchboard build` at the end of the bundle: for each of its lines the source and line.
const LINES = Symbol.for("switchboard.lines");

export function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${said(value)}\n${stack(value)}`.trimEnd();
  if (typeof value === "function") return `[function ${value.name || "anonymous"}]`;
  try {
    return JSON.stringify(value, plain) ?? String(value);
  } catch {
    return String(value);
  }
}

// An error in one line: its class where that says more than "Error".
export function said(error) {
  if (typeof error.code === "string" && error.name === "SwitchboardError") return `${error.code}: ${error.message}`;
  if (error.name && error.name !== "Error") return `${error.name}: ${error.message}`;
  return error.message || "Error";
}

// A stack in lines of the sources, without the SDK's own frames.
export function stack(error) {
  const lines = globalThis[LINES];
  const frames = String(error?.stack ?? "").split("\n").map((frame) => frame.trimEnd()).filter(Boolean);
  // A bot in one file runs as it was written.
  if (!lines) return frames.filter((frame) => !/\((switchboard-sdk\/|\(switchboard\):)|\(native\)/.test(frame)).join("\n");
  const mapped = frames.map((frame) => {
    const place = /\(?[^\s(]*:(\d+):\d+\)?$/.exec(frame);
    if (!place) return frame;
    const [source, line] = lines[place[1]] ?? [];
    if (source === undefined) return null;
    const name = /at (\S+) \(/.exec(frame)?.[1] ?? "<anonymous>";
    return `    at ${name} (${source}:${line})`;
  });
  return mapped.filter((frame) => frame !== null).join("\n");
}

function plain(_key, value) {
  if (typeof value === "bigint") return `${value}`;
  if (value instanceof Error) return said(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}
