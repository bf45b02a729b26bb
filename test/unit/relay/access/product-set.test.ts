import { Span } from '@weir/common/line-protocol';
import { ProductSet } from '@weir/relay/access/product-set';

/** In the middle of other bytes, as in a line. */
function span(text: string): Span {
  const made = new Span();
  made.bytes = Buffer.from(`product=${text},more`);
  made.start = 8;
  made.end = 8 + Buffer.byteLength(text);
  return made;
}

test('only what is in it is allowed, in whatever order it is asked', () => {
  const products = new ProductSet(['shop', 'cart', 'größe', '__proto__', 'shop']);
  for (const product of ['shop', 'shop', 'cart', 'größe', '__proto__', 'shop']) {
    expect(products.allows(span(product))).toBe(true);
  }
  for (const product of ['sho', 'shops', 'Shop', 'carp', 'grosse', 'constructor', 'größe'.normalize('NFD')]) {
    expect(products.allows(span(product))).toBe(false);
    expect(products.allows(span('cart'))).toBe(true);
  }
});
