/** `emit`: says that something happened; the promise is kept once it is durable. */

import { randomUUID } from "node:crypto";

import { ask, refusal, serverOf } from "./server.js";

/** Where the event stands in the log; `duplicate` if it stood there before. */
export interface Emitted {
  readonly position: number;
  readonly duplicate: boolean;
}

export interface EmitOptions {
  /** The event's id; with one of your own an event that is sent again after a crash counts once. Default: a new one. */
  id?: string;
  /** Default: HMS_SOURCE, else `hms-sdk`. */
  source?: string;
  subject?: string;
  /** How long to try while the orchestrator is away or overloaded. Default: 30 s. */
  patienceMs?: number;
  /** Default: HMS_URL, else http://localhost:7600. */
  url?: string;
  /** Default: HMS_TOKEN. */
  token?: string;
}

/**
 * Emits an event of this type with `data`, any JSON. While the orchestrator is away or overloaded it is sent again,
 * always with the same id, so that it counts once. Throws Refused, and Unreachable if it is not known whether the event
 * was taken.
 */
export async function emit(type: string, data?: unknown, options: EmitOptions = {}): Promise<Emitted> {
  const { id = randomUUID(), source = process.env.HMS_SOURCE || "hms-sdk", subject, patienceMs = 30_000 } = options;
  const body = JSON.stringify({ specversion: "1.0", id, source, type, subject, data });
  const answer = await ask(serverOf(options), "/v1/events", patienceMs, body, "application/cloudevents+json");
  if (answer.status !== 202) throw await refusal(answer);
  const { position, duplicate } = (await answer.json()) as Emitted;
  return { position, duplicate };
}
