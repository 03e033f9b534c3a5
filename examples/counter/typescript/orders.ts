// Another file, to show that a plugin may have several.

import { http } from "switchboard-sdk";

export interface Order {
  total: number;
}

export function ask(url: string): string {
  const answer = http.get(url);
  return `${answer.status} ${answer.text()}`;
}

export function total(order: Order | null): number {
  return order!.total;
}
