// Texts and bytes: UTF-8 both ways. What is no UTF-8 is replaced by �.

export function bytesOf(value) {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (typeof value !== "string") throw new TypeError("a body is a text or a Uint8Array");
  const bytes = [];
  for (const letter of value) {
    const code = letter.codePointAt(0);
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code));
    else if (code >= 0xd800 && code <= 0xdfff) bytes.push(0xef, 0xbf, 0xbd);
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
    else bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
  }
  return Uint8Array.from(bytes);
}

function tail(code) {
  return 0x80 | (code & 0x3f);
}

export function textOf(bytes) {
  const parts = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at];
    const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    let code = more <= 0 ? first : first & (0x3f >> more);
    let taken = 1;
    for (; taken <= more && (bytes[at + taken] & 0xc0) === 0x80; taken++) code = (code << 6) | (bytes[at + taken] & 0x3f);
    const least = [0, 0x80, 0x800, 0x10000][more];
    const whole = more >= 0 && taken === more + 1 && code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    parts.push(whole ? String.fromCodePoint(code) : "\ufffd");
    at += taken;
  }
  return parts.join("");
}
