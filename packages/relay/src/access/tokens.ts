import { createHash, timingSafeEqual } from 'node:crypto';
import { LineRate } from './line-rate.ts';
import { ProductSet } from './product-set.ts';
import type { TokenEntry } from './token-file.ts';

/**
 * The tokens in force, and whose a credential is. What a client sends is hashed and compared with every hash, each
 * comparison in constant time and none left out, so that an answer's time tells nothing of how near a guess was or of
 * which token it was. Pure: the time is an argument.
 */
export interface Token {
  readonly name: string;
  /** Undefined: all, and lines that are no user events. */
  readonly products: ProductSet | undefined;
  readonly rate: LineRate | undefined;
}

export class Tokens {
  #tokens: readonly (Token & { readonly digest: Buffer })[] = [];

  constructor(entries: readonly TokenEntry[], nowMs: number) {
    this.replace(entries, nowMs);
  }

  get size(): number {
    return this.#tokens.length;
  }

  /** Rates go on where they were for tokens of the same name: reading a file again is no way to a new burst. */
  replace(entries: readonly TokenEntry[], nowMs: number): void {
    const before = new Map(this.#tokens.map(({ name, rate }) => [name, rate]));
    this.#tokens = entries.map(({ name, digest, products, rate }) => ({
      name,
      digest,
      products: products && new ProductSet(products),
      rate: rate && new LineRate(rate, nowMs, before.get(name)),
    }));
  }

  /** Of the first credential that is a token's. */
  find(credentials: readonly Uint8Array[]): Token | undefined {
    let found: Token | undefined;
    for (const credential of credentials) {
      const digest = createHash('sha256').update(credential).digest();
      for (const token of this.#tokens) {
        if (timingSafeEqual(digest, token.digest)) found ??= token;
      }
    }
    return found;
  }
}
