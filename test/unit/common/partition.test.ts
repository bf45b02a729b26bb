import { partitionOf, partitionOfSeries } from '@weir/common/partition';
import fc from 'fast-check';

function partition(username: string, partitions: number): number {
  const bytes = Buffer.from(username);
  return partitionOf(bytes, 0, bytes.length, partitions);
}

/** FNV-1a, then the finish of MurmurHash3, with exact integers. */
function slowly(bytes: Uint8Array, partitions: number): number {
  const word = (n: bigint) => BigInt.asUintN(32, n);
  let h = 0x811c9dc5n;
  for (const byte of bytes) h = word((h ^ BigInt(byte)) * 0x01000193n);
  h = word((h ^ (h >> 16n)) * 0x85ebca6bn);
  h = word((h ^ (h >> 13n)) * 0xc2b2ae35n);
  return Number((h ^ (h >> 16n)) % BigInt(partitions));
}

describe('the partition of a username', () => {
  // Never to be changed: all relays of a deployment agree on them, also those of other versions.
  test.each([
    ['', 1_000_000, 998_923],
    ['testusername1', 1_000_000, 43_302],
    ['testusername2', 1_000_000, 297_771],
    ['testusername3', 1_000_000, 747_330],
    ['__proto__', 1_000_000, 21_803],
    ['user 1', 1_000_000, 225_378],
    ['🦦', 1_000_000, 368_866],
    ['testusername1', 8, 6],
    ['testusername3', 8, 2],
  ])('of %j among %d is %d, for ever', (username, partitions, expected) => {
    expect(partition(username, partitions)).toBe(expected);
  });

  test('follows from its bytes alone, wherever they stand', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(7),
        fc.integer({ min: 1, max: 1024 }),
        (bytes, at, count) => {
          const within = new Uint8Array(at + bytes.length + 3).fill(0xff);
          within.set(bytes, at);
          expect(partitionOf(within, at, at + bytes.length, count)).toBe(slowly(bytes, count));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test.each([2, 7, 8, 16])('spreads counted names evenly over %d', (partitions) => {
    const users = 40_000;
    const loads = new Array<number>(partitions).fill(0);
    for (let i = 0; i < users; i++) loads[partition(`user${i}`, partitions)]!++;
    const fair = users / partitions;
    for (const load of loads) expect(Math.abs(load - fair)).toBeLessThan(fair * 0.1);
  });

  test('is 0 where there is only one', () => {
    expect(partition('anybody', 1)).toBe(0);
  });
});

describe('the partition of a series', () => {
  const of = (series: string, partitions = 1_000_000) => {
    const bytes = Buffer.from(`?${series} v=1`);
    return partitionOfSeries(bytes, 1, bytes.length - 4, partitions);
  };

  // Never to be changed, as those above.
  test.each([
    ['cpu', 715_281],
    ['cpu,host=a', 204_017],
    ['cpu,host=a,region=eu', 948_400],
    ['my\\ cpu,host=a\\,b', 177_123],
  ])('of %j among 1000000 is %d, for ever', (series, expected) => {
    expect(of(series)).toBe(expected);
  });

  test('is the same in whatever order its tags stand', () => {
    const tag = fc.stringMatching(/^[a-z]{1,5}=([a-z]|\\[, =]){1,5}$/);
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 6 }), fc.integer({ min: 1, max: 1024 }), (tags, count) => {
        const [there, back] = [tags, tags.toReversed()].map((order) => of(['m', ...order].join(','), count));
        expect(there).toBe(back);
      }),
    );
  });

  test('tells the measurement from a tag', () => {
    expect(of('a,b=c')).not.toBe(of('b=c,a'));
  });

  test.each([8, 16])('spreads hosts evenly over %d', (partitions) => {
    const loads = new Array<number>(partitions).fill(0);
    for (let i = 0; i < 40_000; i++) loads[of(`cpu,dc=eu,host=web-${i}`, partitions)]!++;
    for (const load of loads) expect(Math.abs(load - 40_000 / partitions)).toBeLessThan(4_000 / partitions);
  });
});
