import type { Span } from '@weir/common/line-protocol';
import type { ProductFilter } from '../lines.ts';

/** The products a token may write. Asked once per line: lines of one product come in runs, so the last one is tried first. */
export class ProductSet implements ProductFilter {
  readonly #byLength = new Map<number, Buffer[]>();
  #last: Buffer | undefined;

  constructor(products: Iterable<string>) {
    for (const product of products) {
      const bytes = Buffer.from(product);
      this.#byLength.set(bytes.length, [...(this.#byLength.get(bytes.length) ?? []), bytes]);
    }
  }

  allows(product: Span): boolean {
    if (this.#last !== undefined && equal(this.#last, product)) return true;
    const found = this.#byLength.get(product.end - product.start)?.find((one) => equal(one, product));
    if (found !== undefined) this.#last = found;
    return found !== undefined;
  }
}

function equal(one: Uint8Array, { bytes, start, end }: Span): boolean {
  const length = one.length;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== one[i]) return false;
  return true;
}
