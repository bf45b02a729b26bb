import { AnswerTimes } from '@weir/cli/load/answer-times';
import { LoadBatches } from '@weir/cli/load/load-batches';
import { MadeEvents, type MadeEventsOptions } from '@weir/cli/load/made-events';
import { Zipf } from '@weir/cli/load/zipf';
import { LINE, LineScanner } from '@weir/common/line-protocol';
import { Random } from '@weir/common/random';

const NOW_MS = 1_478_507_534_415.5;
const OPTIONS: MadeEventsOptions = {
  seed: 7,
  productPrefix: 'load-',
  products: 3,
  types: 2,
  users: 50,
  zipf: 1,
  duplicates: 0,
  late: 0,
  spreadMs: 1_000,
  lateByMs: 3_600_000,
};

function made(count: number, options: Partial<MadeEventsOptions> = {}) {
  const events = new MadeEvents({ ...OPTIONS, ...options });
  return Array.from({ length: count }, () => events.next(NOW_MS));
}

describe('made-up events', () => {
  test('are the same for the same seed, and others for another', () => {
    expect(made(100)).toEqual(made(100));
    expect(made(100)).not.toEqual(made(100, { seed: 8 }));
  });

  test('are user events, each of its own, of groups that say what they are', () => {
    const scanner = new LineScanner();
    const events = made(2_000);
    const groups = new Set<string>();
    for (const { line } of events) {
      const bytes = Buffer.from(line);
      expect(scanner.scan(bytes, 0, bytes.length, 'ns')).toBe(LINE.userEvent);
      expect(scanner.hasId && scanner.hasTimestamp).toBe(true);
      const { product, eventType } = scanner;
      groups.add([product, eventType].map((span) => Buffer.from(span.bytes.subarray(span.start, span.end))).join(' '));
      const ms = scanner.timestampSec * 1_000 + scanner.timestampNanos / 1e6;
      expect(NOW_MS - ms).toBeGreaterThanOrEqual(0);
      expect(NOW_MS - ms).toBeLessThanOrEqual(1_000.001);
    }
    expect(new Set(events.map(({ line }) => /id=\S+/.exec(line)![0])).size).toBe(2_000);
    expect([...groups].sort()).toEqual([1, 2, 3].flatMap((p) => [1, 2].map((t) => `load-${p} type-${t}`)));
  });

  test.each([
    [20_000, 0.1, 2_000],
    [100, 0.29, 29],
    [1_000, 0.000_001, 0],
    [7, 1, 7],
    [999, 0, 0],
  ])('of %d a share of %d is exactly %d', (count, share, wanted) => {
    const events = made(count, { duplicates: share, late: share });
    expect(events.filter(({ again }) => again)).toHaveLength(wanted);
    expect(events.filter(({ late }) => late)).toHaveLength(wanted);
  });

  test('late ones are as late as they shall be', () => {
    const sec = made(10, { late: 0.5 }).map(({ line, late }) => ({ late, sec: Number(line.slice(-19, -9)) }));
    for (const each of sec) expect(Math.round((NOW_MS / 1_000 - each.sec) / 3_600)).toBe(each.late ? 1 : 0);
  });
});

describe('users come', () => {
  const draws = (n: number, s: number, count: number) => {
    const [zipf, random] = [new Zipf(n, s), new Random(1)];
    const seen = new Array<number>(n + 1).fill(0);
    for (let i = 0; i < count; i++) seen[zipf.draw(random)]!++;
    return seen;
  };

  test.each([0, 0.5, 1, 1.5, 3])('by their rank to the power of -%d', (s) => {
    const [n, count] = [20, 200_000];
    const seen = draws(n, s, count);
    const sum = Array.from({ length: n }, (_, i) => (i + 1) ** -s).reduce((a, b) => a + b);
    for (let k = 1; k <= n; k++) {
      const wanted = (count * k ** -s) / sum;
      // Five standard deviations of a count, and of small ones some more.
      expect(Math.abs(seen[k]! - wanted)).toBeLessThan(5 * Math.sqrt(wanted) + 5);
    }
  });

  test('from millions, and from one', () => {
    const [zipf, random] = [new Zipf(50_000_000, 1.2), new Random(3)];
    const ranks = Array.from({ length: 10_000 }, () => zipf.draw(random));
    expect(Math.min(...ranks)).toBe(1);
    expect(Math.max(...ranks)).toBeLessThanOrEqual(50_000_000);
    expect(Math.max(...ranks)).toBeGreaterThan(100_000);
    expect(draws(1, 1, 100)).toEqual([0, 100]);
  });
});

test('what is sent again goes to another relay, every line once, and no request is larger than it shall be', () => {
  const batches = new LoadBatches(new MadeEvents({ ...OPTIONS, duplicates: 0.5 }), { batchLines: 10, relays: 3 });
  const all = [];
  for (let left = 95; left > 0; left -= 10) all.push(...batches.next(NOW_MS, left));
  all.push(...batches.rest());
  const first = new Map<string, number>();
  const linesOf = ({ body }: { body: string }) => body.split('\n').slice(0, -1);
  for (const batch of all.filter(({ duplicates }) => duplicates === 0)) {
    for (const line of linesOf(batch)) first.set(line, batch.turn);
  }
  expect(first.size).toBe(95);
  const again = all
    .filter(({ events }) => events === 0)
    .flatMap((batch) => linesOf(batch).map((line) => [line, batch.turn] as const));
  expect(new Set(again.map(([line]) => line)).size).toBe(47);
  expect(again).toHaveLength(47);
  for (const [line, turn] of again) expect(turn).toBe((first.get(line)! + 1) % 3);
  for (const batch of all) expect(linesOf(batch)).toHaveLength(batch.events + batch.duplicates);
  expect(Math.max(...all.map((batch) => linesOf(batch).length))).toBe(10);
  expect(batches.rest()).toEqual([]);
});

test('answer times are known to two percent, however many there were', () => {
  const times = new AnswerTimes();
  expect(times.quantile(0.5)).toBeNull();
  for (let ms = 1; ms <= 1_000; ms++) times.add(ms);
  expect(times.quantile(0.5)! / 500).toBeCloseTo(1.01, 1);
  expect(times.quantile(0.99)! / 990).toBeCloseTo(1.01, 1);
  expect(times.quantile(1)).toBe(1_000);
});
