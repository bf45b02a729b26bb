/**
 * What a request waits for: that every batch its lines went into is in Redis, or synced to the journal. A batch tells all
 * its receipts once; a receipt counts. Pure.
 */
export class Receipt {
  readonly confirmed: Promise<void>;
  #resolve: () => void = () => undefined;
  /** The request itself is one, so that the receipt does not settle while its lines are still being read. */
  #awaited = 1;

  constructor() {
    this.confirmed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  expect(): void {
    this.#awaited++;
  }

  /** Once per `expect`, and once by the request when all its lines are read. */
  settle(): void {
    this.#awaited--;
    if (this.#awaited === 0) this.#resolve();
  }
}
