import { stripVTControlCharacters } from 'node:util';
import type { LagReport, PartitionLag } from '@weir/cli/lag-report';
import type { StatusFacts } from '@weir/cli/status-report';
import { cellsOf } from '@weir/cli/top/cells';
import { History } from '@weir/cli/top/history';
import { type Picture, topLines, topText } from '@weir/cli/top/top-lines';
import type { TopStyle } from '@weir/cli/top/top-style';
import { judge } from '@weir/cli/verdict';
import { FACTS, PARTITION, RELAY, SINK } from '../../../support/status-facts.ts';

const STYLE: TopStyle = { paint: (text) => text, ascii: false, timeZone: 'UTC' };
const COLOURS: TopStyle = { ...STYLE, paint: (text, tone) => (tone ? `\u001b[31m${text}\u001b[0m` : text) };

const LAG: PartitionLag = {
  partition: 0,
  owner: 'aggregator-1',
  lagEntries: 2,
  lagEvents: 120,
  undeliveredEvents: 120,
  lagSeconds: 3.1,
  pendingEntries: 10,
  pendingEvents: null,
  oldestPendingIdleMs: 400,
  rateInPerSec: 4_000,
  rateOutPerSec: 9_000,
  trend: 'shrinking',
  drainSeconds: 2.5,
  consumers: [],
};

function lagOf(partitions: PartitionLag[], rateInPerSec = 7_900): LagReport {
  const { partition: _, owner: __, consumers: ___, ...totals } = LAG;
  const frame = { schema: 'weir.lag/1' as const, prefix: 'weir', redisTimeMs: FACTS.redisTimeMs, intervalMs: 2_000 };
  return { ...frame, partitions, totals: { ...totals, rateInPerSec } };
}

interface Told {
  partitions?: number;
  facts?: Partial<StatusFacts>;
  wishes?: Partial<Picture['wishes']>;
  fault?: string;
  ageMs?: number;
}

function pictureOf({ partitions = 8, facts = {}, wishes = {}, fault, ageMs = 100 }: Told = {}): Picture {
  const lags = Array.from({ length: partitions }, (_, partition) => ({ ...LAG, partition, lagEvents: partition }));
  const history = new History();
  for (const rate of [0, 1_000, 4_000]) history.add(lagOf(lags, rate));
  history.addGap();
  history.add(lagOf(lags));
  const status = judge({ ...FACTS, ...facts }, { lateAfterMs: 10_000, time: () => 'then' });
  return {
    report: { schema: 'weir.top/1', status, lag: lagOf(lags) },
    history,
    wishes: { quit: false, paused: false, help: false, sort: 'lag', intervalMs: 2_000, skipped: 0, ...wishes },
    ageMs,
    fault,
  };
}

/** All that there can be a lot of. */
const CROWD: Partial<StatusFacts> = {
  relays: Array.from({ length: 9 }, (_, i) => ({
    ...RELAY,
    id: `relay-${i}`,
    alive: i > 3,
    heardAgoMs: i > 3 ? 9 : 9e6,
  })),
  sinks: Array.from({ length: 5 }, (_, i) => ({
    ...SINK,
    name: `sink-${i}-${'x'.repeat(100)}`,
    state: 'away' as const,
    errorCode: 'sink-unreachable',
    errorText: '機械の名前'.repeat(20),
  })),
  partitions: [{ ...PARTITION, lagSeconds: 60, lagEvents: 10 }],
};

const frame = (told: Told, columns: number, rows: number, style = STYLE) =>
  topLines(pictureOf(told), { columns, rows }, style);

test('80×24: the verdict, what comes and goes, every part', () => {
  expect(frame({}, 80, 24).join('\n')).toBe(`ok: numbers are complete and on time
in/s       7900                   ▁▂▅ █  out/s      9000                   ███ █
lag         120                   ███ █  oldest     3.1s                   ███ █
shrinking, drained in 2.5s, 10 pending, windows 3 open 2 due, books balance
partition  in/s  out/s  lag  events  lag time  pending  owner
        7  4000   9000    2       7      3.1s       10  aggregator-1
        6  4000   9000    2       6      3.1s       10  aggregator-1
        5  4000   9000    2       5      3.1s       10  aggregator-1
        4  4000   9000    2       4      3.1s       10  aggregator-1
        3  4000   9000    2       3      3.1s       10  aggregator-1
        2  4000   9000    2       2      3.1s       10  aggregator-1
        1  4000   9000    2       1      3.1s       10  aggregator-1
        0  4000   9000    2       0      3.1s       10  aggregator-1
aggregator        seen  cannot fold  clock ahead  partitions
aggregator-1  0.3s ago            0         0 ms  0
aggregator-2  0.3s ago            0         0 ms  1
relay       heard  in/s  rejected/s  journal    age  owed  datagrams lost
relay-1  0.4s ago   100           0  1.0 KiB  1m00s   0 B               0
sink  state    for  last write  unflushed  oldest  others  last error
az1   well   1m30s    0.3s ago          0       -       0  -


redis 7.0.15 (master): 1000 B of 98 KiB, noeviction, appendonly everysec
2023-11-14T22:13:20Z weir  every 2.0s  by lag                     q quit  ? help`);
});

describe('no line is wider, and there are not more of them than the terminal has', () => {
  const sizes = [
    [80, 24],
    [120, 40],
    [200, 60],
    [40, 10],
    [20, 5],
    [10, 3],
    [1, 1],
  ] as const;
  test.each(sizes)('%i×%i', (columns, rows) => {
    const many: Told[] = [
      {},
      { partitions: 64, facts: CROWD, fault: `no answer\u001b[2J ${'x'.repeat(300)}`, ageMs: 7e9 },
      { partitions: 1, facts: { relays: [], sinks: [], aggregators: [] }, wishes: { paused: true } },
      { wishes: { help: true } },
    ];
    for (const told of many) {
      for (const style of [STYLE, COLOURS, { ...STYLE, ascii: true }]) {
        const lines = frame(told, columns, rows, style);
        expect(lines.length).toBeLessThanOrEqual(rows);
        expect(lines.length).toBeGreaterThan(0);
        for (const line of lines) expect(cellsOf(line)).toBeLessThanOrEqual(columns);
        expect(stripVTControlCharacters(lines.join(''))).not.toMatch(/\p{C}/u);
      }
    }
  });
});

test('80×24 with very much of everything: each part keeps a place, and says how much is left out', () => {
  const lines = frame({ partitions: 64, facts: CROWD }, 80, 24);
  expect(lines).toHaveLength(24);
  expect(lines[0]).toMatch(/^late: /);
  expect(lines[5]).toBe('… more: weir status');
  expect(lines.join('\n')).toMatch(/^ {7}63 .*\n.*\n.*… \d+ more$/m);
});

test('wider terminals show the history of each partition, higher ones have air', () => {
  const lines = frame({}, 120, 40);
  expect(lines).toHaveLength(40);
  expect(lines.find((line) => line.includes('partition'))).toMatch(/events not folded {2}owner$/);
  expect(lines.filter((line) => line === '').length).toBeGreaterThan(4);
  expect(lines.find((line) => line.startsWith('        7 '))).toMatch(/ ███ █ {2}aggregator-1$/);
});

test('small ones say in a line what they have no table for', () => {
  expect(frame({}, 40, 7)).toEqual([
    'ok: numbers are complete and on time',
    'in/s       7900 ▅ █  out/s      9000 █ █',
    '8 partitions, 7 with something waiting',
    'aggregators: 2 of 2 alive',
    'relays: 1 of 1 alive',
    'sinks: 1 of 1 well',
    '2023-11-14T22:13:20Z weir  every 2.0s  b',
  ]);
  expect(frame({}, 40, 1)).toEqual(['ok: numbers are complete and on time']);
});

test('while Redis is away the age of the picture stands first', () => {
  const [first, second] = frame({ fault: 'connect ECONNREFUSED', ageMs: 65_000 }, 80, 24);
  expect(first).toBe('1m05s old: Redis does not answer, trying again (connect ECONNREFUSED)');
  expect(second).toBe('ok: numbers are complete and on time');
});

test('a look that takes long, and a pause, are said beside the time', () => {
  expect(frame({}, 80, 24).at(-1)).not.toMatch(/ old|PAUSED/);
  expect(frame({ ageMs: 9_000 }, 80, 24).at(-1)).toContain('  9.0s old  every 2.0s');
  expect(frame({ ageMs: 9_000, wishes: { paused: true } }, 80, 24).at(-1)).toContain('  PAUSED, 9.0s old  every 2.0s');
});

test('partitions are sorted, and scrolled through', () => {
  const order = (wishes: Told['wishes']) =>
    frame({ wishes: wishes! }, 80, 40)
      .map((line) => /^ {8}(\d) /.exec(line)?.[1])
      .filter(Boolean)
      .join('');
  expect(order({ sort: 'lag' })).toBe('76543210');
  expect(order({ sort: 'partition' })).toBe('01234567');
  expect(order({ sort: 'rate' })).toBe('01234567');
  expect(order({ sort: 'partition', skipped: 5 })).toBe('567');
});

test('as text for a file nothing is cut', () => {
  const text = topText(pictureOf({ facts: CROWD, partitions: 64 }), 132, { ...STYLE, ascii: true });
  expect(text.split('\n').filter((line) => /^ {7,8}\d/.test(line))).toHaveLength(64);
  expect(text).toContain(`sink-0-${'x'.repeat(10)}`);
  expect(text).toMatch(/^in\/s {7}7900 +_\.= # {2}out\/s/m);
});
