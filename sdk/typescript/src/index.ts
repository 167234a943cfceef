/** For services: say that something happened (`emit`), and hear of it (`on`). */

export { emit, type Emitted, type EmitOptions } from "./emit.js";
export { NotMine, Refused, Unreachable } from "./errors.js";
export type { Event, Step, Undo } from "./events.js";
export { on, type Options } from "./on.js";
export { FilePositions, type Positions } from "./positions.js";
export type { Subscription } from "./follower.js";
