import { Observer } from '@weir/aggregator/observer';
import type { RelayReport } from '@weir/aggregator/seal-plan';
import { Sealer, type SealerOptions } from '@weir/aggregator/sealer';
import { encodeTotals } from '@weir/aggregator/totals-codec';
import { RedisTime } from '@weir/common/clock';
import { decodeFinal } from '@weir/common/final-codec';
import { silentLogger } from '@weir/common/logger';
import { FakeClock } from './fake-clock.ts';
import { FakePartitionStore } from './fake-partition-store.ts';
import { FakeBooks, FakeFinalStore } from './fake-sinks.ts';

export const WINDOW = 1_478_507_520;
export const OPENED = 1_478_507_530_000;
export const LATENESS = 900_000;
export const DUE = (WINDOW + 60) * 1_000 + LATENESS;
export const FINAL_KEEP = 3_600_000;
export const signal: AbortSignal = new AbortController().signal;

/** Two partitions and two sinks, a window that was published in both, and the moment it is due. */
export async function deployment(options: Partial<SealerOptions> = {}) {
  const clock = new FakeClock();
  const time = new RedisTime(clock, DUE);
  const stores = [new FakePartitionStore(0), new FakePartitionStore(1)];
  const finals = new FakeFinalStore();
  const books = [new FakeBooks(), new FakeBooks()];
  const failed: unknown[] = [];
  const fail = (error: unknown) => failed.push(error);
  const reports: RelayReport[] = [];
  /** Windows whose seal somebody asked for, and when. */
  const asked = new Map<number, number>();
  const requests = {
    read: async () => new Map(asked),
    remove: async (startSec: number) => {
      asked.delete(startSec);
    },
  };
  const seen = { sealed: 0, waiting: 0 };
  const redis = { losses: 0 };
  const epoch = () => redis.losses;
  const observer = new Observer({ stores, finals, clock, epoch, intervalMs: 200, logger: silentLogger, fail });
  const sealer = new Sealer({
    stores,
    finals,
    books: () => books,
    requests,
    observer,
    clock,
    epoch,
    time,
    times: { windowSec: 60, latenessMs: LATENESS, holdMs: 6 * LATENESS },
    finalKeepMs: FINAL_KEEP,
    intervalMs: 1_000,
    relays: async () => reports,
    owns: () => true,
    events: {
      sealed: () => {
        seen.sealed++;
      },
      waiting: (windows) => {
        seen.waiting = windows;
      },
    },
    logger: silentLogger,
    fail,
    ...options,
  });
  const publish = async (partition: number, events: number) => {
    const store = stores[partition]!;
    const groups = [{ eventType: 'e', product: 'p', events, users: 1 }];
    const version = store.version(WINDOW);
    await store.publish(WINDOW, version, encodeTotals({ version, groups }));
  };
  for (const store of stores) {
    store.birth = 'of the partition';
    store.nowMs = OPENED;
    store.append(WINDOW, Buffer.from('a log of 20 bytes and more'));
    store.nowMs = DUE;
  }
  await publish(0, 5);
  await publish(1, 3);
  const round = async (later = 0) => {
    await clock.advance(later);
    for (const store of stores) store.nowMs = time.nowMs();
    finals.nowMs = time.nowMs();
    await observer.runOnce();
    await sealer.runOnce(signal);
  };
  return {
    clock,
    stores,
    finals,
    books,
    failed,
    reports,
    asked,
    requests,
    redis,
    seen,
    observer,
    sealer,
    publish,
    round,
  };
}

export type Deployment = Awaited<ReturnType<typeof deployment>>;

export function expectSealed({ stores, finals, seen }: Deployment, events = 8): void {
  expect(decodeFinal(finals.records.get(WINDOW)!)).toEqual([{ eventType: 'e', product: 'p', events, users: 2 }]);
  for (const store of stores) expect([store.sealed.has(WINDOW), store.logs.size]).toEqual([true, 0]);
  expect(seen.sealed).toBe(1);
}

export const relay = (fields: Partial<RelayReport> = {}): RelayReport => ({
  id: 'relay-1',
  incarnation: '0011223344556677',
  startedMs: 0,
  lastMs: DUE,
  drainedMs: DUE,
  ...fields,
});
