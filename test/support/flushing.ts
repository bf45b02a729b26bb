import { Flusher, type FlusherOptions } from '@weir/aggregator/flusher';
import { HeldCache } from '@weir/aggregator/held-cache';
import { Observer } from '@weir/aggregator/observer';
import { PublishedSums } from '@weir/aggregator/published-sums';
import { encodeTotals } from '@weir/aggregator/totals-codec';
import { WindowWriter } from '@weir/aggregator/window-writer';
import { RedisTime } from '@weir/common/clock';
import { encodeFinal } from '@weir/common/final-codec';
import { silentLogger } from '@weir/common/logger';
import { FakeClock } from './fake-clock.ts';
import { FakePartitionStore } from './fake-partition-store.ts';
import { FakeBooks, FakeFinalStore, FakeRefused, FakeSink } from './fake-sinks.ts';

export const WINDOW = 1_478_507_520;
export const NOW = 1_478_507_600_000;
export const settleTimes = { firstCheckMs: 60_000, finalKeepMs: 3_600_000, sinkRetainMs: 7_200_000 };

/** One flusher of one sink over two partitions, none of it on a real server; time and rounds go as a test says. */
export function flushing(options: Partial<FlusherOptions> = {}, sink = new FakeSink(), books = new FakeBooks()) {
  /** Windows that somebody asks for, until the flusher was told. */
  const asked: number[] = [];
  const requests = { news: async () => asked.splice(0), forget: () => undefined };
  const clock = new FakeClock();
  const time = new RedisTime(clock, NOW);
  const stores = [new FakePartitionStore(0), new FakePartitionStore(1)];
  const finals = new FakeFinalStore();
  const failed: unknown[] = [];
  const log: string[] = [];
  const backlog = { windows: 0, failing: 0 };
  const fail = (error: unknown) => failed.push(error);
  const observer = new Observer({ stores, finals, clock, epoch: () => 0, intervalMs: 200, logger: silentLogger, fail });
  const held = new HeldCache(1_000);
  const none = () => undefined;
  const writer = new WindowWriter({
    sink,
    books,
    held,
    refused: new FakeRefused(),
    windowSec: 60,
    clock,
    alive: () => [],
    epoch: () => 0,
    events: { wrote: none, shrunk: none, rejected: none },
    logger: silentLogger,
  });
  const flusher = new Flusher({
    sinkName: sink.name,
    readable: sink.readable,
    stores,
    finals,
    sums: new PublishedSums(),
    books,
    requests,
    writer,
    held,
    observer,
    clock,
    time,
    random: () => 1,
    intervalMs: 200,
    concurrency: 1,
    times: { windowSec: 60, graceMs: 5_000, republishMs: 1_000 },
    settleTimes,
    incompleteAfterMs: 10_000,
    owns: () => true,
    heldBack: () => false,
    inUse: () => true,
    events: {
      confirmed: () => log.push('confirmed'),
      settled: () => log.push('settled'),
      gaveUp: () => log.push('gave up'),
      failed: (code) => log.push(code),
      backlog: (windows, failing) => Object.assign(backlog, { windows, failing }),
      away: (away) => log.push(away ? 'away' : 'back'),
    },
    logger: silentLogger,
    fail,
    ...options,
  });
  let versions = 0;
  const it = { clock, stores, finals, observer, sink, books, held, flusher, log, backlog, failed, asked };
  return {
    ...it,
    /** A partition's log of the window changes; `publish` says with which totals, if at all. */
    grow(partition: number, startSec = WINDOW) {
      stores[partition]!.append(startSec, Buffer.from(String(++versions).padStart(20, '0')));
    },
    async publish(partition: number, events: number, startSec = WINDOW) {
      const store = stores[partition]!;
      const groups = [{ eventType: 'e', product: 'p', events, users: 1 }];
      const version = store.version(startSec);
      await store.publish(startSec, version, encodeTotals({ version, groups }));
    },
    async round(later = 0) {
      await clock.advance(later);
      await observer.runOnce();
      await flusher.runOnce(new AbortController().signal);
    },
    async final(events: number, startSec = WINDOW) {
      const groups = events === 0 ? [] : [{ eventType: 'e', product: 'p', events, users: 1 }];
      finals.nowMs = time.nowMs();
      books.nowMs = time.nowMs();
      await finals.store(startSec, encodeFinal(groups));
    },
  };
}
