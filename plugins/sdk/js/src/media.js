// Stored files: what customers sent, and new ones to send.

import * as host from "switchboard:plugin/media@0.1.0";
import { bytesOf } from "./bytes.js";
import { call, SwitchboardError, text } from "./error.js";

// Bytes that one read asks for; the host may give fewer.
const PIECE = 256 * 1024;

export const media = {
  describe: (id) => call(host.describe, text("id", id)),
  read: (id, offset = 0, length = PIECE) => call(host.read, text("id", id), offset, length),
  whole: (id, most = 1024 * 1024) => {
    const { size } = media.describe(id);
    if (size > most) throw new SwitchboardError({ code: "limit", message: `the file has ${size} bytes, more than ${most}` });
    const all = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const piece = media.read(id, at);
      if (piece.length === 0) break;
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  },
  keep: (mimeType, filename, bytes) => call(host.keep, text("mimeType", mimeType), filename, bytesOf(bytes)),
};
