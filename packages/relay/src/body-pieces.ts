/**
 * The pieces of a body as they come, until it is whole. A piece of one byte costs a hundred as an object of its own, so small
 * ones are copied together: what is held is what came, however finely a client cuts it. Pure.
 */
const BLOCK_BYTES = 64 * 1024;
/** Larger ones are kept as they are: copying costs more than what they hold on to. */
const COPIED_BELOW_BYTES = 32 * 1024;

export class BodyPieces {
  readonly #pieces: Buffer[] = [];
  /** Being filled: [runStart, filled) holds what came since the last piece. */
  #block: Buffer = Buffer.alloc(0);
  #runStart = 0;
  #filled = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (piece.length >= COPIED_BELOW_BYTES) {
      this.#endRun();
      this.#pieces.push(piece);
      return;
    }
    for (let from = 0; from < piece.length; ) {
      if (this.#filled === this.#block.length) this.#startBlock();
      const copied = piece.copy(this.#block, this.#filled, from);
      this.#filled += copied;
      from += copied;
    }
  }

  /** The body. Nothing may be added after it. */
  whole(): Buffer {
    this.#endRun();
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#bytes);
  }

  #startBlock(): void {
    this.#endRun();
    this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#runStart = 0;
    this.#filled = 0;
  }

  #endRun(): void {
    if (this.#filled > this.#runStart) this.#pieces.push(this.#block.subarray(this.#runStart, this.#filled));
    this.#runStart = this.#filled;
  }
}
