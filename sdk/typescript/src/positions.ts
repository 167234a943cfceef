/** How far each subscriber has come, kept over restarts. */

import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/** Where positions are kept. */
export interface Positions {
  /** The position that was saved last, undefined for a subscriber that is new. */
  load(subscriber: string): Promise<number | undefined>;
  /** Done once it is durable. */
  save(subscriber: string, position: number): Promise<void>;
}

/** One small file for each subscriber, in a folder that is made when it is needed. */
export class FilePositions implements Positions {
  constructor(private readonly folder: string = process.env.HMS_POSITIONS || ".hms/positions") {}

  async load(subscriber: string): Promise<number | undefined> {
    const path = join(this.folder, subscriber);
    let text: string;
    try {
      text = (await readFile(path, "utf8")).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    if (!/^[0-9]{1,15}$/.test(text)) {
      throw new Error(`${path} holds no position; delete it, and ${subscriber} begins anew`);
    }
    return Number(text);
  }

  async save(subscriber: string, position: number): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const draft = join(this.folder, `.${subscriber}.new`);
    const file = await open(draft, "w");
    try {
      await file.writeFile(`${position}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, join(this.folder, subscriber));
  }
}
