// Sending. Messages leave when the handler has ended well; their ids are final at once.

import * as host from "switchboard:plugin/messaging@0.1.0";
import * as delivery from "switchboard:plugin/delivery@0.1.0";
import { call, chatOf, moment, span, text } from "./error.js";

// Options as the host takes them: every field there.
export function options(given = {}) {
  let dueAt = null;
  if (given.at !== undefined) dueAt = moment("at", given.at);
  else if (given.after !== undefined) dueAt = delivery.now() + span("after", given.after);
  return {
    dueAt,
    replyTo: given.quoting ?? null,
    typing: given.typing ?? false,
    randomise: given.randomise ?? false,
    cancelIfReplied: given.cancelIfReplied ?? false,
  };
}

export function send(to, words, given) {
  return call(host.sendText, chatOf(to), text("text", words), options(given));
}

export const reply = send;

export const messaging = {
  image: (to, media, given = {}) =>
    call(host.sendImage, chatOf(to), text("media", media), given.caption ?? "", options(given)),
  audio: (to, media, given) => call(host.sendAudio, chatOf(to), text("media", media), options(given)),
  video: (to, media, given = {}) =>
    call(host.sendVideo, chatOf(to), text("media", media), given.caption ?? "", options(given)),
  document: (to, media, given = {}) =>
    call(host.sendDocument, chatOf(to), text("media", media), given.filename ?? "", given.caption ?? "", options(given)),
  sticker: (to, media, given) => call(host.sendSticker, chatOf(to), text("media", media), options(given)),
  location: (to, { latitude, longitude, name = "", address = "" }, given) =>
    call(host.sendLocation, chatOf(to), Number(latitude), Number(longitude), name, address, options(given)),
  buttons: (to, words, buttons, given) =>
    call(host.sendButtons, chatOf(to), text("text", words), buttons.map(({ id, title }) => ({ id, title })), options(given)),
  list: (to, words, button, rows, given) => {
    const all = rows.map(({ id, title, description = "" }) => ({ id, title, description }));
    return call(host.sendList, chatOf(to), text("text", words), text("button", button), all, options(given));
  },
  json: (to, message, given) => {
    const json = typeof message === "string" ? message : JSON.stringify(message);
    return call(host.send, chatOf(to), json, options(given));
  },
  react: (messageId, emoji) => call(host.react, text("messageId", messageId), text("emoji", emoji)),
  note: (chat, words) => call(host.note, chatOf(chat), text("text", words)),
  markRead: (messageId) => call(host.markRead, text("messageId", messageId)),
  typing: (chat) => call(host.typing, chatOf(chat)),
  cancel: (messageId) => call(host.cancel, text("messageId", messageId)),
};
