/**
 * How many entries one read may ask for: about a megabyte where entries are as large as the last ones were, and never more
 * than `MOST_ENTRIES`, for the next ones may be of 1 MB each. Begins with one. Pure.
 */
const READ_BYTES = 1024 * 1024;
const MOST_ENTRIES = 32;
const MOST_STREAMS = 8;

export class ReadSize {
  #entries = 1;

  /** Of how many streams a read takes so many of each. */
  get streams(): number {
    return Math.min(MOST_STREAMS, this.#entries);
  }

  get ofEach(): number {
    return Math.max(1, Math.floor(this.#entries / MOST_STREAMS));
  }

  /** Where there is one stream only. */
  get ofOne(): number {
    return this.#entries;
  }

  /** What the last read brought. */
  took(bytes: number): void {
    const fitting = bytes > READ_BYTES ? Math.floor((this.#entries * READ_BYTES) / bytes) : this.#entries * 2;
    this.#entries = Math.max(1, Math.min(MOST_ENTRIES, fitting));
  }
}

export function bytesOf(fields: readonly Buffer[]): number {
  return fields.reduce((sum, field) => sum + field.length, 0);
}
