import { createHash } from 'node:crypto';
import { readTokenFile } from '@weir/relay/access/token-file';

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');
const read = (text: string) => readTokenFile('tokens.yaml', () => text);
const [shop, cart] = [hashOf('shop-token'), hashOf('cart-token')];

function fault(text: string): string {
  try {
    read(text);
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-setting' });
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

test('entries are read with all they may have', () => {
  const text = `
# who may write
- name: shop
  hash: ${shop}
- name: cart
  hash: "${cart.toUpperCase()}"
  products: [cart, 42, off, "größe"]
  rate: 500
  burst: 2000
- {name: slow, hash: ${hashOf('slow')}, rate: 1}
`;
  expect(read(text)).toEqual([
    { name: 'shop', digest: Buffer.from(shop, 'hex') },
    {
      name: 'cart',
      digest: Buffer.from(cart, 'hex'),
      products: ['cart', '42', 'off', 'größe'],
      rate: { linesPerSec: 500, burstLines: 2000 },
    },
    { name: 'slow', digest: Buffer.from(hashOf('slow'), 'hex'), rate: { linesPerSec: 1, burstLines: 1 } },
  ]);
});

test('an empty list is one, an empty file is a mistake', () => {
  expect(read('[]')).toEqual([]);
  expect(fault('')).toBe('--tokens: got "tokens.yaml", expected a list of entries "- name: …"');
});

test.each<[string, string, RegExp]>([
  ['no YAML', '- name: "shop', /, MISSING_CHAR in line 1, expected YAML$/],
  ['the same key twice', `- name: a\n  name: b\n`, /, DUPLICATE_KEY in line 2, expected YAML$/],
  ['a map', `shop: ${shop}`, /expected a list of entries/],
  ['a text for an entry', '- secret-token', /, entry 1, expected an entry of name, hash/],
  ['an entry without a name', `- hash: ${shop}`, /, entry 1: name, expected a name of 1 to 128 bytes/],
  ['a name with spaces', `- {name: my shop, hash: ${shop}}`, /, entry 1: name, expected a name/],
  ['no hash', '- name: shop', /, entry 1: hash, expected 64 hexadecimal digits, the SHA-256 of the token$/],
  ['a token for a hash', '- {name: shop, hash: secret-token}', /, entry 1: hash, expected 64 hexadecimal digits/],
  ['the hash of nothing', `- {name: shop, hash: ${hashOf('')}}`, /, entry 1: hash, expected .* not of nothing$/],
  ['another key', `- {name: shop, hash: ${shop}, token: secret-token}`, /, entry 1, expected an entry of name, hash/],
  ['no product', `- {name: shop, hash: ${shop}, products: []}`, /, entry 1: products, expected at least one/],
  ['one product, no list', `- {name: shop, hash: ${shop}, products: shop}`, /, entry 1: products, expected a list/],
  ['a product too long', `- {name: a, hash: ${shop}, products: [${'x'.repeat(129)}]}`, /, entry 1: products, expected/],
  ['a rate of nothing', `- {name: shop, hash: ${shop}, rate: 0}`, /, entry 1: rate, expected a whole number from 1/],
  ['a rate that is none', `- {name: shop, hash: ${shop}, rate: 5/s}`, /, entry 1: rate, expected a whole number/],
  ['a burst without a rate', `- {name: shop, hash: ${shop}, burst: 5}`, /, entry 1: burst, expected a rate beside it$/],
  [
    'a name twice',
    `- {name: a, hash: ${shop}}\n- {name: a, hash: ${cart}}`,
    /, entry 2: name, expected each name once$/,
  ],
  [
    'a hash twice',
    `- {name: a, hash: ${shop}}\n- {name: b, hash: ${shop.toUpperCase()}}`,
    /, entry 2: hash, expected each/,
  ],
  ['aliases', `- &a {name: a, hash: ${shop}}\n- *a`, /expected YAML without aliases$/],
  ['too many', '- {}\n'.repeat(1001), /expected at most 1000 entries$/],
  ['too much', `# ${'x'.repeat(2 ** 20)}`, /expected at most 1048576 bytes$/],
])('refuses %s in one line that shows no value', (_, text, line) => {
  const message = fault(text);
  expect(message).toMatch(line);
  expect(message).toMatch(/^--tokens: got "tokens\.yaml"/);
  expect(message).not.toMatch(/\n|secret-token/);
});

test('refuses a file that cannot be read', () => {
  const missing = Object.assign(new Error('no'), { code: 'ENOENT' });
  const readMissing = () => {
    throw missing;
  };
  expect(() => readTokenFile('none.yaml', readMissing)).toThrow(
    '--tokens: got "none.yaml" (ENOENT), expected a readable file',
  );
});
