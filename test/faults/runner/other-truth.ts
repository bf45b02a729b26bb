/**
 * What the clients know of the other lines they sent: each is a point of its own, so that at rest a database holds every one
 * that was answered 2xx, and nothing that was not sent. Lines are named as they stand in a database.
 */
export class OtherTruth {
  readonly #sent = new Set<string>();
  readonly #acked = new Set<string>();

  get sent(): ReadonlySet<string> {
    return this.#sent;
  }

  /** Answered 2xx. */
  get acked(): ReadonlySet<string> {
    return this.#acked;
  }

  addSent(line: string): void {
    this.#sent.add(line);
  }

  addAcked(lines: readonly string[]): void {
    for (const line of lines) this.#acked.add(line);
  }
}
