import type { Event, Message, Timer } from "./events.js";
import type { Options, To } from "./messaging.js";

/** A person: an event with a contact, or a contact's id. */
export type Who = string | Message | Event | Timer;

export interface Contact {
  readonly id: string;
  readonly name: string;
  readonly phone: string;
  /** `unknown`, `in` or `out`. */
  readonly optIn: string;
  readonly tags: Record<string, string>;
  /** The whole contact as JSON. */
  readonly json: string;
}

/** People. */
export const contacts: {
  get(who: Who): Contact;
  /** Put a tag with a value, which may be empty. */
  tag(who: Who, tag: string, value?: string): void;
  untag(who: Who, tag: string): void;
  setName(who: Who, name: string): void;
  optIn(who: Who, reason?: string): void;
  /** Refuse every send to a person from now on, but for the messages of this same call. */
  optOut(who: Who, reason?: string): void;
};

export interface Chat {
  readonly id: string;
  readonly account: string;
  readonly contact: string;
  readonly unread: number;
  /** Who answers: empty or `bot` for plugins, otherwise a human. */
  readonly assigned: string;
  /** Until when any message may be sent, not only templates; 0 where closed. */
  readonly windowUntil: number;
  readonly json: string;
}

export interface Line {
  readonly id: string;
  readonly direction: "in" | "out";
  readonly kind: string;
  readonly text: string;
  readonly time: number;
  readonly status: string;
}

/** Chats. */
export const chats: {
  get(chat: To): Chat;
  /** The newest messages first, at most 100, older than the message `before`. */
  history(chat: To, options?: { before?: string; limit?: number }): Line[];
  /** From now on a human answers. */
  handOver(chat: To, reason?: string): void;
  /** Plugins answer again. */
  handBack(chat: To): void;
  /** Name the human who answers. */
  assign(chat: To, who: string): void;
};

export interface Template {
  readonly id: string;
  readonly name: string;
  readonly language: string;
  readonly category: string;
  readonly status: string;
  readonly body: string;
  readonly parameters: string[];
  readonly json: string;
}

/** What may be said also when the customer has not written for 24 hours. */
export const templates: {
  list(options?: { status?: string; after?: string; limit?: number }): Template[];
  get(name: string, language: string): Template;
  /** Send one with the values of its placeholders, in order or by name. */
  send(to: To, name: string, language: string, values?: unknown[] | Record<string, unknown>, options?: Options): string;
};

/** Events of your own, for other plugins, streams and customers' endpoints. */
export const events: {
  /** Emit an event, named in lower-case words joined by dots. Gives its id. */
  emit(name: string, data?: object): string;
};
