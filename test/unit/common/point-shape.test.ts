import { formatPointTags, measurementName, type PointTag, pointTags } from '@weir/common/point-shape';
import fc from 'fast-check';

const read = (text: string) => pointTags.schema.safeParse(text).data;

const name = fc
  .oneof(
    fc.string({ unit: fc.constantFrom('\\', ',', ' ', '=', '"', 'a', 'é', '😀'), minLength: 1, maxLength: 12 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
    fc.constantFrom('__proto__', 'constructor', '#', '1'),
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what no tag holds
  .filter((text) => !/[\u0000-\u001f\u007f]|\\$/.test(text) && Buffer.byteLength(text) <= 128);

describe('tags of every point', () => {
  test.each<[string, PointTag[]]>([
    ['', []],
    ['region=eu', [{ key: 'region', value: 'eu' }]],
    [
      'region=eu,env=prod',
      [
        { key: 'env', value: 'prod' },
        { key: 'region', value: 'eu' },
      ],
    ],
    ['a b=c d', [{ key: 'a b', value: 'c d' }]],
    ['a=b\\,c\\=d\\ e', [{ key: 'a', value: 'b,c=d e' }]],
    ['a\\=b=c\\d', [{ key: 'a=b', value: 'c\\d' }]],
    [`${'k'.repeat(128)}=é`, [{ key: 'k'.repeat(128), value: 'é' }]],
  ])('are read from %j, sorted by key', (text, tags) => {
    expect(read(text)).toEqual(tags);
  });

  test.each([
    'region',
    'region=',
    '=eu',
    'region=eu,',
    ',region=eu',
    'region=eu,,env=prod',
    'region=eu=us',
    'region=eu,region=us',
    'region=eu\\',
    'region=a\nb',
    'event_type=a',
    'product=a',
    'time=a',
    'value=a',
    'result=a',
    'table=a',
    '_field=a',
    `region=${'v'.repeat(129)}`,
    Array.from({ length: 17 }, (_, i) => `k${i}=v`).join(','),
  ])('are not read from %j', (text) => {
    expect(read(text)).toBeUndefined();
  });

  test('are read back from the text they are recorded as', () => {
    const tag = fc.record({ key: name, value: name });
    fc.assert(
      fc.property(fc.uniqueArray(tag, { maxLength: 8, selector: ({ key }) => key }), (tags) => {
        const taken = tags.some(({ key }) => read(`${formatPointTags([{ key, value: 'x' }])}`) === undefined);
        fc.pre(!taken);
        const sorted = read(formatPointTags(tags));
        expect(sorted).toEqual([...tags].sort((a, b) => (a.key < b.key ? -1 : 1)));
        expect(read(formatPointTags(sorted!))).toEqual(sorted);
      }),
    );
  });
});

describe('a measurement name', () => {
  test.each(['unique_user_event', 'a b', 'a,b=c', '"', 'a\\b', 'é😀', 'a#', 'm'.repeat(128)])('may be %j', (text) => {
    expect(measurementName.schema.parse(text)).toBe(text);
  });

  test.each(['', '#a', 'a\\', 'a\\,b', 'a\\ b', 'a\\=b', 'a\\"', 'a\tb', '\ud800', 'm'.repeat(129)])(
    'is not %j',
    (text) => {
      expect(measurementName.schema.safeParse(text).success).toBe(false);
    },
  );
});
