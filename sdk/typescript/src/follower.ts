/** One subscriber at work: follows the log, calls the function, acknowledges undos, keeps the position. */

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { NotMine } from "./errors.js";
import { type Event, eventOf, isUndo, type Undo } from "./events.js";
import type { Positions } from "./positions.js";
import { ask, headersOf, noAnswer, pauseAfter, retryAfterMs, type Server, wordsOf } from "./server.js";
import { type Message, Messages } from "./sse.js";

/** A function and what it hears. */
export interface Subscriber {
  readonly name: string;
  readonly kinds: readonly string[];
  readonly handler: (ev: Event) => unknown;
  readonly saga: string | undefined;
  readonly step: string | undefined;
  readonly allModes: boolean;
  readonly attempts: number;
  readonly start: "beginning" | "end";
  readonly positions: Positions;
  readonly server: Server;
  readonly ended: () => void;
}

/** What `on` gives back. */
export interface Subscription {
  readonly name: string;
  /** Ends it: the function under way gets a few seconds; what was not finished is heard again next time. */
  stop(): Promise<void>;
}

/** How long a function under way gets at a stop. */
const GRACE_MS = 5_000;

/** How long a stream may be silent; it has a heartbeat every 15 seconds. */
const QUIET_MS = 60_000;

/** How often a position is kept that only passes over what nobody wants. */
const SKIPPED_MS = 10_000;

/** The stream has ended and is to be opened again, at the earliest after `pauseMs`. */
class Interrupted extends Error {
  constructor(why: string, readonly pauseMs = 0) {
    super(why);
  }
}

export class Follower implements Subscription {
  readonly name: string;
  /** Nothing new begins. */
  private readonly stopping = new AbortController();
  /** What is under way has had its time. */
  private readonly ending = new AbortController();
  private position: number | undefined;
  private kept: number | undefined;
  private keptAt = 0;
  private failures = 0;
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly subscriber: Subscriber) {
    this.name = subscriber.name;
  }

  start(): void {
    this.work = this.follow();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    const grace = setTimeout(() => this.ending.abort(), GRACE_MS);
    await Promise.race([this.work, once(this.ending.signal, "abort")]);
    clearTimeout(grace);
    await this.keep();
    this.subscriber.ended();
  }

  /** Until it is stopped: whatever happens is told on the console, and tried again. */
  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      let told = 0;
      try {
        const position = await this.begin();
        for await (const message of this.messages(position)) await this.take(message);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Interrupted) told = error.pauseMs;
        console.warn(`${this.name}: ${this.subscriber.server.url}: ${error instanceof Error ? error.message : error}`);
      }
      await sleep(Math.max(pauseAfter(this.failures), told), undefined, { signal }).catch(() => {});
      this.failures += 1;
    }
  }

  /** Where to go on. A position behind the end of the log is one of another log. */
  private async begin(): Promise<number> {
    this.kept = await this.subscriber.positions.load(this.name);
    let reached = Math.max(this.kept ?? 0, this.position ?? 0);
    const last = await this.last(reached);
    if (this.kept === undefined && this.position === undefined) {
      this.position = reached = this.subscriber.start === "end" ? last : 0;
      await this.keep();
    }
    if (reached > last) {
      console.warn(`${this.name} was at ${reached}, but the log ends at ${last}: it is another`);
      reached = 0;
    }
    this.position = reached;
    return reached;
  }

  /** The last position of the log, asked for with as little of it as can be. */
  private async last(after: number): Promise<number> {
    const path = `/v1/events?after=${after}&limit=1`;
    const answer = await this.get(path, "application/json", AbortSignal.timeout(QUIET_MS));
    const { last } = (await answer.json()) as { last?: unknown };
    if (typeof last !== "number") throw new Interrupted("this is no orchestrator: it tells no position");
    return last;
  }

  /** The stream behind a position. Throws Interrupted, at its end too. */
  private async *messages(position: number): AsyncGenerator<Message> {
    const silence = new AbortController();
    const watch = () => setTimeout(() => silence.abort(new Interrupted("nothing was heard for too long")), QUIET_MS);
    let watching = watch();
    try {
      const query = new URLSearchParams(this.subscriber.kinds.map((kind): [string, string] => ["type", kind]));
      const answer = await this.get(`/v1/events?${query}`, "text/event-stream", silence.signal, position);
      this.failures = 0;
      const messages = new Messages();
      for await (const received of answer.body ?? []) {
        clearTimeout(watching); // how long a function takes is no silence
        yield* messages.feed(received);
        watching = watch();
      }
    } catch (error) {
      throw error instanceof TypeError ? new Interrupted(noAnswer(error)) : error;
    } finally {
      clearTimeout(watching);
    }
    throw new Interrupted("the stream has ended");
  }

  private async get(path: string, accept: string, limit: AbortSignal, position?: number): Promise<Response> {
    const { server } = this.subscriber;
    const headers = headersOf(server, { accept, ...(position === undefined ? {} : { "last-event-id": `${position}` }) });
    const signal = AbortSignal.any([this.stopping.signal, limit]);
    let answer: Response;
    try {
      answer = await fetch(server.url + path, { headers, redirect: "manual", signal });
    } catch (error) {
      throw new Interrupted(noAnswer(error));
    }
    if (answer.status !== 200) throw new Interrupted(`${answer.status} ${await wordsOf(answer)}`, retryAfterMs(answer));
    return answer;
  }

  /** One message: afterwards the position stands behind it. */
  private async take(message: Message): Promise<void> {
    if (!message.id) return;
    const event = message.data ? eventOf(message.data) : undefined;
    const wanted = event !== undefined && this.wants(event);
    for (let attempt = 1; ; attempt += 1) {
      this.stopping.signal.throwIfAborted();
      if (await this.settle(wanted ? event : undefined, attempt, Number(message.id))) return;
      await sleep(pauseAfter(attempt), undefined, { signal: this.stopping.signal });
    }
  }

  private wants(event: Event): boolean {
    const { allModes, saga, step } = this.subscriber;
    if (isUndo(event) && event.mode !== "event" && !allModes) return false;
    const about = (typeof event.data === "object" ? event.data : undefined) ?? {};
    return (saga === undefined || about.saga === saga) && (step === undefined || about.step?.name === step);
  }

  /** One attempt: calls the function, acknowledges an undo, keeps the position; whether the event is over with. */
  private async settle(event: Event | undefined, attempt: number, position: number): Promise<boolean> {
    if (event !== undefined && !(await this.handle(event, attempt))) return false;
    this.position = position;
    if (event !== undefined || Date.now() - this.keptAt > SKIPPED_MS) await this.keep();
    return true;
  }

  private async handle(event: Event, attempt: number): Promise<boolean> {
    const named = `${event.type} ${JSON.stringify(event.id)} at ${event.seq}`;
    try {
      await this.subscriber.handler(event);
    } catch (error) {
      if (error instanceof NotMine) return true;
      console.error(`${this.name}: ${named}, attempt ${attempt}`, error);
      if (attempt < this.subscriber.attempts) return false;
      console.error(`${this.name}: ${named} is passed over`);
      return true;
    }
    if (isUndo(event) && event.mode === "event") await this.acknowledge(event);
    return true;
  }

  /** Until the orchestrator has taken it, or says that it waits for it no more: a person was quicker. */
  private async acknowledge(undo: Undo): Promise<void> {
    const path = `/v1/sagas/${encodeURIComponent(undo.sagaId)}/steps/${encodeURIComponent(undo.step.name)}/compensated`;
    const { signal } = this.ending;
    for (let failures = 0; ; failures += 1) {
      const answer = await ask(this.subscriber.server, path, Infinity, "", undefined, signal);
      const words = await wordsOf(answer);
      if (answer.ok || answer.status === 404 || answer.status === 409) return;
      console.error(`${this.name}: ${undo.step.name} is undone, but not acknowledged: ${answer.status} ${words}`);
      await sleep(pauseAfter(failures), undefined, { signal });
    }
  }

  /** Makes the position durable. */
  private async keep(): Promise<void> {
    if (this.position === undefined || this.position === this.kept) return;
    await this.subscriber.positions.save(this.name, this.position);
    this.kept = this.position;
    this.keptAt = Date.now();
  }
}
