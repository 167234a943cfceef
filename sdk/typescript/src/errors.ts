/** What can go wrong. */

/** The orchestrator said no: trying again says the same. */
export class Refused extends Error {
  override readonly name = "Refused";

  constructor(readonly status: number, words: string) {
    super(`${status} ${words}`);
  }
}

/** No answer that counts, for as long as the caller was patient. Whether what was sent was taken is not known. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** Thrown by a handler: the event is somebody else's. It is passed over, and an undo is not acknowledged. */
export class NotMine extends Error {
  override readonly name = "NotMine";
}
