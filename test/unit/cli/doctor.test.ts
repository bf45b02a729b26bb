import { createServer } from 'node:http';
import type { DaemonsLook } from '@weir/cli/daemons-look';
import { doctorTable } from '@weir/cli/doctor-report';
import { aggregatorLines, clockLine, groupLines, redisLines, relayLines, sinkLines } from '@weir/cli/doctor-rules';
import { probeSink } from '@weir/cli/sink-probe';
import type { AggregatorState, RelayState } from '@weir/common/daemon-state';
import { cleanup } from '../../support/cleanup.ts';
import { freePort } from '../../support/free-port.ts';
import { FACTS } from '../../support/status-facts.ts';
import { PLAIN_VIEW } from '../../support/weir.ts';

const healths = (lines: readonly { about: string; health: string }[]) =>
  lines.filter(({ health }) => health !== 'ok').map(({ about, health }) => `${about}: ${health}`);

describe('Redis', () => {
  const lines = (spoiled: Partial<typeof FACTS.redis>) => redisLines({ ...FACTS.redis, ...spoiled });

  test('as it should be gives nothing to do', () => {
    expect(healths(lines({}))).toEqual([]);
  });

  test.each<[Partial<typeof FACTS.redis>, string]>([
    [{ version: '6.2.7' }, 'redis version: bad'],
    [{ role: 'slave' }, 'redis role: bad'],
    [{ policy: 'allkeys-lru' }, 'redis eviction: bad'],
    [{ maxMemoryBytes: 0 }, 'redis memory: advice'],
    [{ usedMemoryBytes: 85_000 }, 'redis memory: advice'],
    [{ usedMemoryBytes: 99_000 }, 'redis memory: bad'],
    [{ appendOnly: false }, 'redis persistence: advice'],
    [{ appendFsync: 'no' }, 'redis persistence: advice'],
    [{ lastWriteToDiskFailed: true }, 'redis disk: bad'],
    [{ connections: 9_000 }, 'redis connections: advice'],
  ])('%j', (spoiled, line) => {
    const found = lines(spoiled).filter(({ health }) => health !== 'ok');
    expect(healths(found)).toEqual([line]);
    expect(found[0]!.remedy).toBeTruthy();
  });
});

test.each([
  [0, 'ok'],
  [-1_000, 'ok'],
  [1_001, 'advice'],
  [-60_001, 'bad'],
  [null, 'unknown'],
])('a clock that is %p ms ahead is %s', (aheadMs, health) => {
  expect(clockLine('relay-1', aheadMs).health).toBe(health);
});

const NOW = 1_000_000;
const look = (given: Partial<DaemonsLook>): DaemonsLook => ({
  redisMs: NOW,
  deployment: { latenessMs: 900_000, windowMs: 60_000, sinks: ['az1'] },
  relayReports: [],
  relayCounts: [],
  relayStates: new Map(),
  heartbeats: [],
  aggregatorStates: new Map(),
  ...given,
});

describe('relays', () => {
  const state = {
    clockAheadMs: 0,
    udp: { wantedBufferBytes: 8_000, grantedBufferBytes: 8_000 },
    journal: { kind: 'disk', maxBytes: 9, keepMs: 3_600_000 },
  } as RelayState;
  const lines = (spoiled: object | undefined, lastMs = NOW) =>
    relayLines(
      look({
        relayReports: [{ id: 'r', incarnation: 'f', startedMs: 1, lastMs, drainedMs: 1 }],
        relayStates: new Map(spoiled ? [['r', { ...state, ...spoiled }]] : []),
      }),
    );

  test.each<[object | undefined, string[]]>([
    [{}, []],
    [{ udp: null }, []],
    [{ udp: { wantedBufferBytes: 8_000, grantedBufferBytes: 4_000 } }, ['UDP buffer of r: advice']],
    [{ journal: { ...state.journal, kind: 'memory' } }, ['journal of r: advice']],
    [{ journal: { ...state.journal, keepMs: 900_000 } }, ['journal of r: advice']],
    [undefined, ['r: unknown']],
  ])('%j', (spoiled, expected) => {
    expect(healths(lines(spoiled))).toEqual(expected);
  });

  test('of which nothing is heard are no matter of a doctor', () => {
    expect(lines({}, NOW - 6_000)).toEqual([]);
  });
});

describe('aggregators', () => {
  const state = (settings: object, sinks: object[] = []) =>
    ({
      clockAheadMs: 0,
      settings: { holdMs: 1_000, claimIdleMs: 1, sinkRetainMs: 1, finalKeepMs: 1, ...settings },
      sinks,
    }) as AggregatorState;
  const alive = (...ids: string[]) => ids.map((id) => ({ id, sinceMs: 10 }));

  test('should be some, and no more than there are partitions', () => {
    expect(healths(aggregatorLines(look({}), 8))).toEqual(['aggregators: bad']);
    const states = new Map(['a', 'b', 'c'].map((id) => [id, state({})]));
    const of = (ids: string[], partitions: number) =>
      healths(aggregatorLines(look({ heartbeats: alive(...ids), aggregatorStates: states }), partitions));
    expect(of(['a'], 8)).toEqual(['aggregators: advice']);
    expect(of(['a', 'b'], 8)).toEqual([]);
    expect(of(['a', 'b', 'c'], 2)).toEqual(['aggregators: advice']);
    expect(of(['a', 'd'], 8)).toEqual(['d: unknown']);
  });

  test('should agree on settings that are no part of the deployment', () => {
    const states = new Map([
      ['a', state({})],
      ['b', state({ holdMs: 60_000 })],
    ]);
    const lines = aggregatorLines(look({ heartbeats: alive('a', 'b'), aggregatorStates: states }), 8);
    expect(lines.find(({ about }) => about === 'setting --hold')).toMatchObject({
      health: 'advice',
      found: 'aggregators disagree: a 1s, b 1m',
    });
  });

  test('tell of sinks, the worst first', () => {
    const sink = (spoiled: object) => ({
      name: 'az1',
      kind: 'influx-v1',
      state: 'well',
      errorCode: null,
      errorText: null,
      ...spoiled,
    });
    const of = (...sinks: object[]) =>
      sinkLines(
        look({
          heartbeats: alive(...sinks.map((_, i) => `a${i}`)),
          aggregatorStates: new Map(sinks.map((each, i) => [`a${i}`, state({}, [each])])),
        }),
      )[0]!;
    expect(of(sink({}), sink({ state: 'away', errorCode: 'sink-timeout' }))).toMatchObject({ health: 'bad' });
    expect(of(sink({}))).toMatchObject({ health: 'ok', found: 'influx-v1, well' });
    expect(of()).toMatchObject({ health: 'unknown' });
  });
});

test("somebody else's consumer group keeps streams from being trimmed", () => {
  expect(groupLines(new Map([['theirs', 3]]))[0]).toMatchObject({ about: 'consumer group theirs', health: 'bad' });
});

test('reads as a line each, with the remedy below it', () => {
  const lines = [clockLine('a', 0), clockLine('relay-1', 5_000)];
  const text = doctorTable({ schema: 'weir.doctor/1', prefix: 'weir', redisTimeMs: 1, lines }, PLAIN_VIEW);
  expect(text).toBe(
    [
      'health  about             found',
      "ok      clock of a        0 ms ahead of Redis's",
      "advice  clock of relay-1  5000 ms ahead of Redis's",
      '    -> run NTP on both machines',
      '',
    ].join('\n'),
  );
});

describe('a sink that is asked from here', () => {
  async function listen(headers: Record<string, string>): Promise<string> {
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/ping' ? 204 : 404, headers).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanup('server', () => server.close());
    return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  }

  test('tells its version, and over which API it is to be written', async () => {
    const url = await listen({ 'x-influxdb-version': '2.7.1' });
    expect(await probeSink(`${url}?org=o&bucket=b&token=hush`)).toEqual({
      about: `sink ${url}?org=o&bucket=b&token=***`,
      health: 'ok',
      found: 'InfluxDB 2.7.1, to be written over the 2.x API (bucket=)',
      remedy: null,
    });
  });

  test('that is something else, or nothing, is said', async () => {
    expect(await probeSink(await listen({}))).toMatchObject({
      health: 'bad',
      found: 'answers 204, and is no InfluxDB',
    });
    const away = await probeSink(`http://127.0.0.1:${await freePort()}?db=x`);
    expect(away).toMatchObject({ health: 'bad', found: 'does not answer: ECONNREFUSED' });
    expect(await probeSink('file:/x')).toMatchObject({ health: 'unknown' });
  });
});
