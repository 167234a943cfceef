/** `on`: a function that is called with each event of its types. */

import { basename, extname } from "node:path";

import { COMPENSATE, type Event, type Undo } from "./events.js";
import { Follower, type Subscription } from "./follower.js";
import { FilePositions, type Positions } from "./positions.js";
import { serverOf } from "./server.js";

export interface Options {
  /** What its position is kept under. Default: the program's file and the types. */
  name?: string;
  /** Only events about runs of this saga. */
  saga?: string;
  /** Only events about steps of this name. */
  step?: string;
  /** Hear of undos that the orchestrator calls for itself, too. */
  allModes?: boolean;
  /** How often a function that throws is called for one event. Default: until it does not; for an undo 5 times. */
  attempts?: number;
  /** Where to begin without a position. Default: the beginning. */
  start?: "beginning" | "end";
  /** Where positions are kept. Default: files under HMS_POSITIONS, else `.hms/positions`. */
  positions?: Positions;
  /** Default: HMS_URL, else http://localhost:7600. */
  url?: string;
  /** Default: HMS_TOKEN. */
  token?: string;
}

/** How often a function is called for one undo in a row; the orchestrator asks again by itself. */
const UNDO_ATTEMPTS = 5;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const names = new Set<string>();

/**
 * Calls `handler` with each event of these types: in the order of the log, one at a time, at least once, from now until
 * `stop()`. If it throws, it is called again, after longer and longer pauses, and later events wait; after `attempts`
 * times the event is passed over with an error on the console.
 *
 * `saga.compensate` is heard where `mode` is `event`, unless `allModes`; once `handler` is done, the undo is
 * acknowledged. Throw NotMine for one that is not yours: else it counts as undone.
 */
export function on(type: typeof COMPENSATE, handler: (ev: Undo) => unknown, options?: Options): Subscription;
export function on(types: string | readonly string[], handler: (ev: Event) => unknown, options?: Options): Subscription;
export function on(
  types: string | readonly string[],
  handler: ((ev: Undo) => unknown) | ((ev: Event) => unknown),
  options: Options = {},
): Subscription {
  const kinds = typeof types === "string" ? [types] : [...types];
  if (!kinds.length || !kinds.every(Boolean)) throw new TypeError('on() needs the types of events to hear');
  const name = options.name ?? `${program()}.${kinds.join("-")}`;
  if (!NAME.test(name)) {
    throw new TypeError(`a subscriber cannot be called ${JSON.stringify(name)}: give a name of letters, digits, . _ -`);
  }
  if (names.has(name)) throw new TypeError(`there is a subscriber ${name} already: give one of them another name`);
  names.add(name);
  const undos = kinds.length === 1 && kinds[0] === COMPENSATE;
  const follower = new Follower({
    name,
    kinds,
    handler: handler as (ev: Event) => unknown,
    saga: options.saga,
    step: options.step,
    allModes: options.allModes ?? false,
    attempts: options.attempts ?? (undos ? UNDO_ATTEMPTS : Infinity),
    start: options.start ?? "beginning",
    positions: options.positions ?? new FilePositions(),
    server: serverOf(options),
    ended: () => names.delete(name),
  });
  follower.start();
  return follower;
}

function program(): string {
  const file = process.argv[1] ?? "main";
  return basename(file, extname(file)).replace(/[^A-Za-z0-9_.-]/g, "_") || "main";
}
