import type { Event, Message, Timer } from "./events.js";

/** Whom a message goes to: an event with a chat, a chat's id, or a phone number (`"+15550001"`). */
export type To = string | Message | Event | Timer;

/** When and how a message leaves. */
export interface Options {
  /** Send at a moment: a Date, or Unix milliseconds. */
  at?: Date | number;
  /** Send so many milliseconds later. */
  after?: number;
  /** The id of the message that this one answers. */
  quoting?: string;
  /** Show "typing…" for a moment before. */
  typing?: boolean;
  /** Vary spacing and punctuation a little, so that no two copies are alike. */
  randomise?: boolean;
  /** Drop the message if the customer writes before it is due. */
  cancelIfReplied?: boolean;
}

/** Answer in the chat of an event: `reply(event, "Hello!")`. Gives the new message's id. */
export function reply(event: To, text: string, options?: Options): string;

/** Write to a chat or a phone number: `send("+15550001", "Your order is ready")`. Gives the new message's id. */
export function send(to: To, text: string, options?: Options): string;

/** Every other kind of message. `media` is an `https:` address or the id of a stored file. */
export const messaging: {
  image(to: To, media: string, options?: Options & { caption?: string }): string;
  audio(to: To, media: string, options?: Options): string;
  video(to: To, media: string, options?: Options & { caption?: string }): string;
  document(to: To, media: string, options?: Options & { filename?: string; caption?: string }): string;
  sticker(to: To, media: string, options?: Options): string;
  location(
    to: To,
    place: { latitude: number; longitude: number; name?: string; address?: string },
    options?: Options,
  ): string;
  /** One to three buttons: `messaging.buttons(event, "Coming?", [{ id: "yes", title: "Yes" }])`. */
  buttons(to: To, text: string, buttons: { id: string; title: string }[], options?: Options): string;
  /** A list of one to ten rows behind a button. */
  list(
    to: To,
    text: string,
    button: string,
    rows: { id: string; title: string; description?: string }[],
    options?: Options,
  ): string;
  /** Any message, as the body of `POST /api/v1/messages` without `to`. */
  json(to: To, message: object | string, options?: Options): string;
  /** Answer a message with an emoji; an empty one takes it back. */
  react(messageId: string, emoji: string): string;
  /** A line for the people of the team in a chat; never sent. */
  note(chat: To, text: string): string;
  markRead(messageId: string): void;
  /** Show "typing…" now. */
  typing(chat: To): void;
  /** Cancel a message that has not left. */
  cancel(messageId: string): void;
};
