/** An event as a handler gets it. */

/** A CloudEvent, and its position in the log. */
export interface Event<Data = any> {
  readonly seq: number;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly subject?: string;
  readonly data: Data;
  /** Extension attributes. */
  readonly [attribute: string]: unknown;
}

/** The step that is to be undone. `context` is its own output; undefined if nobody knows whether it took effect. */
export interface Step {
  readonly name: string;
  readonly context: any;
}

/** `saga.compensate`: a step of a run is to be undone. */
export interface Undo extends Event {
  readonly sagaId: string;
  readonly saga: string;
  readonly step: Step;
  /** One for all attempts. */
  readonly key: string;
  readonly attempt: number;
  /** `event` if somebody who hears it has to undo, `http` if the orchestrator calls for it. */
  readonly mode: "event" | "http";
}

export const COMPENSATE = "saga.compensate";

/** An event from its JSON, an Undo if it is one. */
export function eventOf(text: string): Event {
  const event = JSON.parse(text) as Event;
  if (event.type !== COMPENSATE) return event;
  const { sagaId, saga, step, key, attempt, mode } = event.data;
  return { ...event, sagaId, saga, step, key, attempt, mode };
}

export function isUndo(event: Event): event is Undo {
  return event.type === COMPENSATE;
}
