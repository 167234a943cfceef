/** A stream of server-sent events, as its bytes come in. */

/** One message; without data it only says how far the sender has looked. */
export interface Message {
  readonly id: string;
  readonly data: string;
}

/** Puts messages together. Lines end with a new line and nothing else: JSON may hold the other separators. */
export class Messages {
  private readonly decoder = new TextDecoder();
  private rest = "";
  private id = "";
  private data: string[] = [];

  /** The messages that end within these bytes. */
  *feed(received: Uint8Array): Generator<Message> {
    const lines = (this.rest + this.decoder.decode(received, { stream: true })).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line && line !== "\r") {
        this.field(line.replace(/\r$/, ""));
      } else {
        yield { id: this.id, data: this.data.join("\n") };
        this.data = [];
      }
    }
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "id") this.id = value;
  }
}
