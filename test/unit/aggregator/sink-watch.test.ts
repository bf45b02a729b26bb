import { aggregatorState } from '@weir/aggregator/aggregator-state';
import { SinkWatch } from '@weir/aggregator/sink-watch';
import { parseAggregatorState } from '@weir/common/daemon-state';

function watched() {
  const world: { nowMs: number; error: { code: string; message: string } | undefined; away: boolean } = {
    nowMs: 1_000,
    error: undefined,
    away: false,
  };
  const watch = new SinkWatch({
    name: 'az1',
    nowMs: () => world.nowMs,
    lastError: () => world.error,
    away: () => world.away,
  });
  return { world, watch };
}

test('a sink is well until it fails, and how long it has been so counts from the change', () => {
  const { world, watch } = watched();
  watch.wrote();
  world.nowMs = 5_000;
  expect(watch.look('influx-v1')).toMatchObject({ name: 'az1', kind: 'influx-v1', state: 'well', sinceMs: 1_000 });
  watch.failed('sink-timeout');
  world.error = { code: 'sink-timeout', message: 'x'.repeat(500) };
  const failing = watch.look('influx-v1');
  expect(failing).toMatchObject({ state: 'failing', sinceMs: 5_000, lastWriteMs: 1_000, lastErrorMs: 5_000 });
  expect(failing).toMatchObject({ errorCode: 'sink-timeout', errorText: 'x'.repeat(200) });
  world.nowMs = 9_000;
  world.away = true;
  expect(watch.look('influx-v1')).toMatchObject({ state: 'away', sinceMs: 9_000 });
  world.nowMs = 9_500;
  expect(watch.look('influx-v1')).toMatchObject({ state: 'away', sinceMs: 9_000 });
});

test('a fault of Redis is none of the sink', () => {
  const { watch } = watched();
  watch.failed('redis-oom');
  expect(watch.look('file').lastErrorMs).toBeNull();
});

test('what it refused, held more of, lost and still has to get is counted', () => {
  const { watch } = watched();
  watch.refused(2);
  watch.refused(3);
  watch.shrunk(1);
  watch.gaveUp();
  watch.backlog(7, 2);
  expect(watch.look('file')).toMatchObject({
    refusedPoints: 5,
    shrunkPoints: 1,
    givenUpWindows: 1,
    backlogWindows: 7,
    failingWindows: 2,
  });
});

test('an aggregator says it in bounds, as whoever reads it understands', () => {
  const relay = { id: 'relay-2', incarnation: 'f', startedMs: 1, lastMs: 2, drainedMs: 2 };
  const said = aggregatorState({
    settings: { holdMs: 1, claimIdleMs: 2, sinkRetainMs: 3, finalKeepMs: 4 },
    redisMs: 1_000,
    redisTimeKnown: true,
    wallMs: 1_250.4,
    ownedPartitions: 4,
    interrupted: new Map([
      [0, 'redis-oom'],
      [3, 'redis-oom'],
    ]),
    sinks: [watched().watch.look('stdout')],
    waiting: new Map(Array.from({ length: 50 }, (_, i) => [(50 - i) * 60, [relay]])),
    rollbackMs: undefined,
    heldBack: false,
  });
  expect(said).toMatchObject({
    clockAheadMs: 250,
    interrupted: { 'redis-oom': 2 },
    waitingWindows: 50,
    rollbackMs: null,
  });
  expect(said.waiting).toHaveLength(20);
  expect(said.waiting[0]).toEqual({ startSec: 60, relays: ['relay-2'] });
  const text = JSON.stringify({ v: 1, incarnation: 'f'.repeat(16), lastMs: 1_000, ...said });
  expect(parseAggregatorState(text)).toMatchObject(said);
});
